package engine

import (
	"cmp"
	"slices"

	"qaserelay/relay/store"
)

// Fallback is a delivery that was made in place of one that failed permanently.
type Fallback struct {
	ID, For store.ID
	State   store.State
}

// mayFallBack reports whether a fallback may be made for a delivery that failed permanently, given all fallbacks of its
// event. A delivery that a person retried gets another one only if its earlier fallback, and the fallbacks of that one,
// were not delivered and will not be.
func mayFallBack(failed store.ID, made []Fallback) bool {
	for _, f := range made {
		if f.For != failed {
			continue
		}
		if f.State == store.Pending || f.State == store.Sending || f.State == store.Delivered ||
			!mayFallBack(f.ID, made) {
			return false
		}
	}
	return true
}

// WithFallback returns those outcomes of a transaction whose fallbacks are to be made, in their order. The deliveries of
// these outcomes have ended, and made holds all fallbacks of their events as they are after that; one may be in it more
// than once. When a delivery and its own fallback fail together, the fallback of the latter counts for both, in
// whichever order they are.
func WithFallback(ended []*store.Outcome, made []Fallback) []*store.Outcome {
	source, known := map[store.ID]store.ID{}, []Fallback{}
	for _, f := range made {
		if source[f.ID] == 0 {
			source[f.ID], known = f.For, append(known, f)
		}
	}
	depth := func(o *store.Outcome) (n int) {
		for id := source[o.ID]; id != 0; id = source[id] {
			n++
		}
		return n
	}
	deepest := slices.Clone(ended)
	slices.SortStableFunc(deepest, func(a, b *store.Outcome) int { return cmp.Compare(depth(b), depth(a)) })
	allowed := map[*store.Outcome]bool{}
	for _, o := range deepest {
		if allowed[o] = mayFallBack(o.ID, known); allowed[o] {
			for i := range o.Fallbacks {
				f := &o.Fallbacks[i]
				known = append(known, Fallback{f.ID, o.ID, StartOf(f, map[Stream]bool{}).State})
			}
		}
	}
	return slices.DeleteFunc(slices.Clone(ended), func(o *store.Outcome) bool { return !allowed[o] })
}
