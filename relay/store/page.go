package store

import "time"

const (
	defaultLimit = 50
	maxLimit     = 1000
)

// looks says how far one page of a list goes to find what it selects. Each look is a short read of its own, so a filter that matches little
// holds neither the log nor the caller for long.
type looks struct {
	first, next int           // rows that the first look covers, and each one after it
	rows        int           // after so many
	time        time.Duration // or after so long, the page ends where it is
}

func standardLooks() looks {
	return looks{first: 2_000, next: 20_000, rows: 200_000, time: time.Second}
}

// span is the part of a list between two ids. Zero is no bound.
type span struct {
	after, before ID
	oldestFirst   bool
}

// split returns the part that ends with an id, and the part behind it.
func (s span) split(at ID) (near, rest span) {
	near, rest = s, s
	if s.oldestFirst {
		near.before, rest.after = at+1, at
	} else {
		near.after, rest.before = at-1, at
	}
	return near, rest
}

// pager reads one page of a list.
type pager[T any] struct {
	limit int
	id    func(T) ID
	// reach returns the id of the n-th row of a span, counting also what is not selected, or zero when there are fewer. It is nil where what
	// is selected is found without looking at more.
	reach func(s span, n int) (ID, error)
	// read returns the first rows of a span that are selected.
	read func(s span, limit int) ([]T, error)
}

// page returns a page, and behind which id the next one begins, or zero when this is the last. A page that is not full has ended early.
func (p pager[T]) page(s span, l looks) (list []T, next ID, err error) {
	start := time.Now()
	for looked, n := 0, l.first; ; n = l.next {
		end := ID(0)
		if p.reach != nil {
			if end, err = p.reach(s, n); err != nil {
				return nil, 0, err
			}
		}
		near, rest := s, s
		if end != 0 {
			near, rest = s.split(end)
		}
		found, err := p.read(near, p.limit+1-len(list))
		if err != nil {
			return nil, 0, err
		}
		list = append(list, found...)
		looked += n
		switch {
		case len(list) > p.limit:
			return list[:p.limit], p.id(list[p.limit-1]), nil
		case end == 0 || looked >= l.rows || time.Since(start) > l.time:
			return list, end, nil
		}
		s = rest
	}
}

// pageLimit is how many rows a page has.
func pageLimit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, maxLimit)
}
