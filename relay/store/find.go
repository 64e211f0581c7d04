package store

import (
	"context"
	"errors"
	"time"
)

// Search finds events by an index of words and facets, which is written behind Accept.
type Search interface {
	// FindEvents returns the ids of events that have all terms of a filter. next is where the next page begins, or zero
	// on the last one. Events that are not indexed yet are read, so that none is missing. A page that takes long ends
	// early, also without any id, although there is a next one.
	FindEvents(ctx context.Context, f SearchFilter) (ids []ID, next ID, err error)
	// IndexEvents indexes the next events if on, the new ones first, in one short transaction for which it waits until
	// nothing else is written, 100 ms at most. It drops the index if not on. Relays on one store take turns.
	IndexEvents(ctx context.Context, on bool) (IndexState, error)
	// Having returns those of some events that have all terms. It reads them.
	Having(ctx context.Context, events []ID, terms []Term) (map[ID]bool, error)
	// DeliveriesOf returns those of the deliveries of events that a filter selects, in its order, at most Limit.
	DeliveriesOf(ctx context.Context, events []ID, f DeliveryFilter) ([]Delivery, error)
	// EventsWith returns those of some events of which a filter selects a delivery.
	EventsWith(ctx context.Context, events []ID, f DeliveryFilter) (map[ID]bool, error)
	// IndexState returns how far the index is.
	IndexState(ctx context.Context) (IndexState, error)
}

// Term is a word or a facet that an event has to have (see package search).
type Term struct {
	Text   string
	Prefix bool // a word that begins so
}

// ErrTooManyWords says that so many words begin as a term does that it cannot be looked for.
var ErrTooManyWords = errors.New("too many words begin so: write more letters before the asterisk")

// SearchFilter selects events by the index.
type SearchFilter struct {
	Terms       []Term
	Before      ID // only older ones than this, for paging
	After       ID // only newer ones than this
	OldestFirst bool
	Limit       int // at most 5000; zero means 50
	// Few asks for all events, if they are no more than Limit. If there clearly are more, FindEvents ends at once, with
	// a next page.
	Few bool
}

// IndexState is how far the index of words is.
type IndexState struct {
	On bool // it is kept
	// More reports whether events wait to be indexed.
	More bool
	// UpTo is when the oldest of the new events came that is not indexed yet; zero means that all are.
	UpTo time.Time
	// From is the time from which on stored events are indexed; zero is all of them.
	From time.Time
	// Relays is how many relays share the index; zero is one. Elsewhere reports whether another one is at it.
	Relays    int
	Elsewhere bool
}
