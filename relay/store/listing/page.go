// Package listing reads lists in pages whose cost is limited, also where a filter selects little.
package listing

import (
	"time"

	"qaserelay/relay/store"
)

const (
	defaultLimit = 50
	// MaxLimit is how many rows a page has at most.
	MaxLimit = 1000
	// FewUnfinished is the number of unfinished deliveries up to which reading all of them is cheap.
	FewUnfinished = 10_000
)

// Span is the part of a list between two ids. Zero is unbounded.
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
	// Reach returns the id of the n-th row of a span, selected or not, or zero if there are fewer. It is nil if Read finds
	// the selected rows without reading others.
	Reach func(s Span, n int) (store.ID, error)
	// Read returns the first selected rows of a span.
	Read func(s Span, limit int) ([]T, error)
}

// Page returns a page, and the id behind which the next one begins, or zero on the last page. A page that is not full
// has ended early.
func (p Pager[T]) Page(s Span) (list []T, next store.ID, err error) {
	return p.page(s, steps{first: 2_000, next: 20_000, rows: 200_000, time: time.Second})
}

// steps limit how far one page reads. Each step is a short read of its own, so that a filter that selects little holds
// neither the log nor the caller for long.
type steps struct {
	first, next int           // rows of the first step, and of each later one
	rows        int           // after so many
	time        time.Duration // or after so long, the page ends where it is
}

func (p Pager[T]) page(s Span, l steps) (list []T, next store.ID, err error) {
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

// PageLimit returns how many rows a page has if n are asked for.
func PageLimit(n int) int {
	if n <= 0 {
		return defaultLimit
	}
	return min(n, MaxLimit)
}
