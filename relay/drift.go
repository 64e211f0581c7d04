package relay

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules/event"
)

// maxDrift bounds the entries of the drift log: their names come from outside, so there may be any number.
const maxDrift = 500

// Drift is an event, or a field of a known event, that arrives and is not in the catalog.
type Drift struct {
	Event string    `json:"event"`
	Field string    `json:"field,omitempty"` // empty: the event itself is unknown
	Count int       `json:"count"`
	First time.Time `json:"first"`
	Last  time.Time `json:"last"`
	// Example is the id of the last event that had it.
	Example string `json:"example_event_id"`
}

// Drift lists the drift since the start, by event and field.
func (e *Engine) Drift() []Drift { return e.drift.list() }

// driftLog counts drift since the start of the process. It may be used from many goroutines.
type driftLog struct {
	mu   sync.Mutex
	seen map[[2]string]*Drift
}

// note adds the drift of a stored event, and calls count for each entry. Beyond maxDrift entries it counts "other".
func (l *driftLog) note(ev *event.Event, id store.ID, count func(event, field string)) {
	known, fields := event.Drift(ev)
	if !known {
		fields = []string{""}
	}
	for _, field := range fields {
		if l.add(ev, id, field) {
			count(ev.Name, field)
		} else {
			count("other", "other")
		}
	}
}

// add reports whether the drift has an entry.
func (l *driftLog) add(ev *event.Event, id store.ID, field string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := [2]string{ev.Name, field}
	d := l.seen[key]
	if d == nil {
		if len(l.seen) >= maxDrift || len(ev.Name) > 100 || len(field) > 100 {
			return false
		}
		if l.seen == nil {
			l.seen = map[[2]string]*Drift{}
		}
		d = &Drift{Event: ev.Name, Field: field, First: ev.ReceivedAt}
		l.seen[key] = d
	}
	d.Count++
	d.Last, d.Example = ev.ReceivedAt, id.String()
	return true
}

// list returns the entries by event and field.
func (l *driftLog) list() []Drift {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Drift, 0, len(l.seen))
	for _, d := range l.seen {
		all = append(all, *d)
	}
	slices.SortFunc(all, func(a, b Drift) int {
		return cmp.Or(cmp.Compare(a.Event, b.Event), cmp.Compare(a.Field, b.Field))
	})
	return all
}
