package flow

import (
	"encoding/json"
	"slices"
	"time"
)

// EventSlot is the value of a slot of events: those of one entity that are stored and not decided yet, in their order.
// The first waits for facts, and the others for the first. Times are in Unix milliseconds.
type EventSlot struct {
	Entity string         `json:"entity"` // the key of the entity
	Title  string         `json:"title"`  // for people, such as "run 7 in WEB"
	Events []WaitingEvent `json:"events"`
	Due    int64          `json:"due"` // when the first of them is decided at the latest
}

// MaxWaiting is how many events of one entity wait at most; a further one is decided at once.
const MaxWaiting = 200

// WaitingEvent is an event that waits to be decided.
type WaitingEvent struct {
	ID    string `json:"id"`
	Since int64  `json:"since"`
	// Until is when it is decided at the latest; zero for one that waits for the events before it alone.
	Until int64 `json:"until,omitempty"`
	// Named is until when the title of its entity and its actor are waited for, or zero.
	Named int64 `json:"named,omitempty"`
	// Results says that the failing tests of its run are waited for.
	Results bool `json:"results,omitempty"`
	// Partly says that the rules that do not wait for these have decided.
	Partly bool `json:"partly,omitempty"`
	// Keys are those that the decision reads, as far as they were known.
	Keys []string `json:"keys,omitempty"`
}

// ReadEvents reads the value of a slot of events. ok is false for a missing or faulty one.
func ReadEvents(value []byte) (s EventSlot, ok bool) {
	if len(value) == 0 || json.Unmarshal(value, &s) != nil || len(s.Events) == 0 {
		return EventSlot{}, false
	}
	return s, true
}

// Add adds an event behind the others. It reports whether there is room; the event may be there already.
func (s *EventSlot) Add(e *WaitingEvent) bool {
	if slices.ContainsFunc(s.Events, func(other WaitingEvent) bool { return other.ID == e.ID }) {
		return true
	}
	if len(s.Events) >= MaxWaiting {
		return false
	}
	s.Events = append(s.Events, *e)
	return true
}

// DueAt returns when the slot is looked at.
func (s *EventSlot) DueAt() time.Time { return millis(s.Due) }

// LookAt has the slot looked at at a time, or earlier if what its first event waits for ends before.
func (s *EventSlot) LookAt(t time.Time) {
	s.Due = t.UnixMilli()
	for _, end := range []int64{s.Events[0].Named, s.Events[0].Until} {
		if end > 0 && (s.Events[0].Named != end || !s.Events[0].Partly) {
			s.Due = min(s.Due, end)
		}
	}
}

// SinceAt returns when the event came.
func (e *WaitingEvent) SinceAt() time.Time { return millis(e.Since) }

// UntilAt returns when the event is decided at the latest, or the zero time.
func (e *WaitingEvent) UntilAt() time.Time { return millis(e.Until) }

// NamedAt returns until when the names of its entity and actor are waited for, or the zero time.
func (e *WaitingEvent) NamedAt() time.Time { return millis(e.Named) }
