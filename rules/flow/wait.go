package flow

import (
	"encoding/json"
	"time"
)

// WaitSlot is the value of a wait. Times are in Unix milliseconds.
type WaitSlot struct {
	Started   int64  `json:"started"`             // when the event came that started it
	Timestamp int64  `json:"timestamp"`           // of that event, in Unix seconds
	Event     string `json:"event"`               // its id
	Entity    string `json:"entity,omitempty"`    // the key of its entity
	Title     string `json:"title,omitempty"`     // of its entity, for people
	Restarted int64  `json:"restarted,omitempty"` // the last match, from which the wait counts if it is not Started
	Step      int    `json:"step"`                // the number of steps that were taken
	Told      int    `json:"told,omitempty"`      // messages that were sent
	// Due is the next step; zero if all were taken and only the end is awaited.
	Due int64    `json:"due,omitempty"`
	By  []string `json:"by,omitempty"` // for people
	// Silenced is the end of the silence that postponed it, or zero.
	Silenced int64 `json:"silenced,omitempty"`
}

// ReadWait reads the value of a wait. ok is false for a missing or faulty one.
func ReadWait(value []byte) (s WaitSlot, ok bool) {
	if len(value) == 0 || json.Unmarshal(value, &s) != nil {
		return WaitSlot{}, false
	}
	return s, true
}

// StartedAt returns when the wait started.
func (s *WaitSlot) StartedAt() time.Time { return millis(s.Started) }

// DueAt returns when the next step is due, or the zero time.
func (s *WaitSlot) DueAt() time.Time { return millis(s.Due) }

// From returns the moment from which the steps are counted.
func (s *WaitSlot) From() time.Time {
	if s.Restarted != 0 {
		return millis(s.Restarted)
	}
	return millis(s.Started)
}

// NeedsOf returns the key of the entity, or "", and the ids of the events that the value of a slot is about, beside those
// of its items.
func NeedsOf(key string, value []byte) (entity string, events []string) {
	name, _ := Parse(key)
	id := ""
	switch name.Kind {
	case Throttle:
		slot := ReadThrottle(value)
		entity, id = slot.Entity, slot.Event
	case Digest:
		slot, _ := ReadDigest(value)
		entity, id = slot.Entity, slot.Newest
	case Wait:
		slot, _ := ReadWait(value)
		entity, id = slot.Entity, slot.Event
	case Event:
		if slot, ok := ReadEvents(value); ok {
			entity, id = slot.Entity, slot.Events[0].ID
		}
	}
	if id != "" {
		events = []string{id}
	}
	return entity, events
}
