package rules

import (
	"time"

	"qaserelay/rules/event"
)

// Woken is a slot that is due (see package flow). The decision about it has to end or to move it, by a Change of its
// key.
type Woken struct {
	Key   string
	Value []byte
	Due   time.Time
	Items []Member // oldest first
	// Events are those that the slot needs beside its items, as far as they are still there.
	Events []*event.Event
	// Removed is set if no rule has such slots any more.
	Removed bool
}

// Member is an item of a slot, with its event. The event is nil if it is gone, or if the slot has too many bytes.
type Member struct {
	Event *event.Event
	Data  []byte
}

// Row is an event that a slot makes. Its notifications belong to it.
type Row struct {
	Kind                  string // such as digest; not empty
	Source, Name, Project string
	Body                  []byte
}

// Needs is what a decision about a slot reads beside the slot.
type Needs struct {
	Keys   []string
	Events []string // ids
}
