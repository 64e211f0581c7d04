// Package listing reads lists in pages whose cost is limited, also where a filter selects little.
package listing

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

const (
	defaultLimit = 50
	maxLimit     = 1000
	// FewUnfinished is the number of unfinished deliveries up to which reading all of them is cheap.
	FewUnfinished = 10_000
)

// Span is the part of a list between two ids. Zero is unbounded.
type Span struct {
	After, Before store.ID
	OldestFirst   bool
}

// Split returns the part that ends with an id, and the part behind it.
func (s Span) Split(at store.ID) (near, rest Span) {
	near, rest = s, s
	if s.OldestFirst {
		near.Before, rest.After = at+1, at
	} else {
		near.After, rest.Before = at-1, at
	}
	return near, rest
}

// End returns the last id of a part that Split returned.
func (s Span) End() store.ID {
	if s.OldestFirst {
		return s.Before - 1
	}
	return s.After + 1
}

// IsBehind reports whether an id comes behind another one, in the direction of the list.
func (s Span) IsBehind(id, end store.ID) bool {
	if s.OldestFirst {
		return id > end
	}
	return id < end
}

// Order sorts by an id, in the direction of the list.
func (s Span) Order(id string) string {
	if s.OldestFirst {
		return " ORDER BY " + id
	}
	return " ORDER BY " + id + " DESC"
}

// Reach returns the id of the n-th row of a span, selected or not, or zero if there are fewer. It is nil if Read finds
// the selected rows without reading others.
type Reach func(s Span, n int) (store.ID, error)

// Read returns the first selected rows of a span.
type Read[T any] func(s Span, limit int) ([]T, error)

// Events returns a page of events, and the id behind which the next one begins, or zero on the last page. A page that
// is not full has ended early.
func Events(ctx context.Context, f store.EventFilter, reach Reach, read Read[store.StoredEvent]) (
	[]store.StoredEvent, store.ID, error) {
	p := pager[store.StoredEvent]{f.Limit, func(ev store.StoredEvent) store.ID { return ev.ID }, reach, read}
	list, next, err := p.page(Span{f.After, f.Before, f.OldestFirst}, usualSteps(ctx))
	return list, next, engine.Wrap(err, "listing events")
}

// Deliveries returns a page of deliveries as Events does.
func Deliveries(ctx context.Context, f store.DeliveryFilter, reach Reach, read Read[store.Delivery]) (
	[]store.Delivery, store.ID, error) {
	p := pager[store.Delivery]{f.Limit, func(d store.Delivery) store.ID { return d.ID }, reach, read}
	list, next, err := p.page(Span{f.After, f.Before, f.OldestFirst}, usualSteps(ctx))
	return list, next, engine.Wrap(err, "listing deliveries")
}

// Outlines returns a page of outlines as Events does.
func Outlines(ctx context.Context, f store.OutlineFilter, reach Reach, read Read[store.Outlined]) (
	[]store.Outlined, store.ID, error) {
	p := pager[store.Outlined]{f.Limit, func(o store.Outlined) store.ID { return o.ID }, reach, read}
	list, next, err := p.page(Span{f.After, f.Before, f.OldestFirst}, usualSteps(ctx))
	return list, next, engine.Wrap(err, "listing events")
}

// Audit returns a page of audit entries as Events does.
func Audit(ctx context.Context, f store.AuditFilter, reach Reach, read Read[store.AuditEntry]) (
	[]store.AuditEntry, store.ID, error) {
	p := pager[store.AuditEntry]{f.Limit, func(e store.AuditEntry) store.ID { return e.ID }, reach, read}
	list, next, err := p.page(Span{f.After, f.Before, f.OldestFirst}, usualSteps(ctx))
	return list, next, engine.Wrap(err, "listing audit entries")
}

// CheckState returns an error if the filter selects a state that does not exist.
func CheckState(f store.DeliveryFilter) error {
	if f.State != "" && !slices.Contains(store.States(), f.State) {
		return fmt.Errorf("listing deliveries: unknown state %q", f.State)
	}
	return nil
}

// pager reads one page of a list.
type pager[T any] struct {
	limit int // zero or less is the default
	id    func(T) store.ID
	reach Reach
	read  Read[T]
}

// steps limit how far one page reads. Each step is a short read of its own, so that a filter that selects little holds
// neither the log nor the caller for long.
type steps struct {
	first, next int       // rows of the first step, and of each later one
	rows        int       // after so many
	ends        time.Time // or at this time, the page ends where it is
}

// usualTime is after how long a page ends that finds little.
const usualTime = 60 * time.Millisecond

func usualSteps(ctx context.Context) steps {
	return steps{first: 2_000, next: 5_000, rows: 200_000, ends: store.LookEnds(ctx, usualTime)}
}

func (p pager[T]) page(s Span, l steps) (list []T, next store.ID, err error) {
	limit := min(cmp.Or(max(p.limit, 0), defaultLimit), maxLimit)
	for looked, n := 0, l.first; ; n = l.next {
		end := store.ID(0)
		if p.reach != nil {
			if end, err = p.reach(s, n); err != nil {
				return nil, 0, err
			}
		}
		near, rest := s, s
		if end != 0 {
			near, rest = s.Split(end)
		}
		found, err := p.read(near, limit+1-len(list))
		if err != nil {
			return nil, 0, err
		}
		list = append(list, found...)
		looked += n
		switch {
		case len(list) > limit:
			return list[:limit], p.id(list[limit-1]), nil
		case end == 0 || looked >= l.rows || time.Now().After(l.ends):
			return list, end, nil
		}
		s = rest
	}
}
