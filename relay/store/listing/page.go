package listing

import (
	"time"

	"qaserelay/relay/store"
)

const (
	defaultLimit = 50
	MaxLimit     = 1000
)

// looks says how far one page of a list goes to find what it selects. Each look is a short read of its own, so a filter
// that matches little holds neither the log nor the caller for long.
type looks struct {
	first, next int           // rows that the first look covers, and each one after it
	rows        int           // after so many
	time        time.Duration // or after so long, the page ends where it is
}

func StandardLooks() looks {
	return looks{first: 2_000, next: 20_000, rows: 200_000, time: time.Second}
}

// Span is the part of a list between two ids. Zero is no bound.
type Span struct {
	After, Before store.ID
	OldestFirst   bool
}

// split returns the part that ends with an id, and the part behind it.
func (s Span) split(at store.ID) (near, rest Span) {
	near, rest = s, s
	if s.OldestFirst {
		near.Before, rest.After = at+1, at
	} else {
		near.After, rest.Before = at-1, at
	}
	return near, rest
}

// Pager reads one page of a list.
type Pager[T any] struct {
	Limit int
	ID    func(T) store.ID
	// reach returns the id of the n-th row of a span, counting also what is not selected, or zero when there are fewer. It
	// is nil where what is selected is found without looking at more.
	Reach func(s Span, n int) (store.ID, error)
	// read returns the first rows of a span that are selected.
	Read func(s Span, limit int) ([]T, error)
}

// Page returns a page, and behind which id the next one begins, or zero when this is the last. A page that is not full
// has ended early.
func (p Pager[T]) Page(s Span, l looks) (list []T, next store.ID, err error) {
	start := time.Now()
	for looked, n := 0, l.first; ; n = l.next {
		end := store.ID(0)
		if p.Reach != nil {
			if end, err = p.Reach(s, n); err != nil {
				return nil, 0, err
			}
		}
		near, rest := s, s
		if end != 0 {
			near, rest = s.split(end)
		}
		found, err := p.Read(near, p.Limit+1-len(list))
		if err != nil {
			return nil, 0, err
		}
		list = append(list, found...)
		looked += n
		switch {
		case len(list) > p.Limit:
			return list[:p.Limit], p.ID(list[p.Limit-1]), nil
		case end == 0 || looked >= l.rows || time.Since(start) > l.time:
			return list, end, nil
		}
		s = rest
	}
}

// PageLimit is how many rows a page has.
func PageLimit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, MaxLimit)
}

const FewUnfinished = 10_000
