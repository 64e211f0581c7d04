package rulefiletest

import (
	"fmt"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/silence"
)

// World is the state that is kept from one decision to the next, and a clock.
type World struct {
	Now      time.Time
	Silences *silence.List
	kept     map[string][]byte
}

// NewWorld returns a world without state.
func NewWorld() *World {
	return &World{Now: time.Date(2026, 4, 21, 12, 0, 0, 0, time.UTC), kept: map[string][]byte{}}
}

// Decide decides an event of the project WEB, by the member 40, and moves the clock by a minute.
func (w *World) Decide(t testing.TB, c *rulefile.File, name, payload string) rules.Decision {
	t.Helper()
	d := w.DecideEvent(c.Rules, Event(t, name, payload, w.Now))
	w.Now = w.Now.Add(time.Minute)
	return d
}

// DecideEvent decides an event and keeps the changes of the state.
func (w *World) DecideEvent(set *rules.Set, ev *event.Event) rules.Decision {
	d := set.Decide(ev, rules.State{Now: w.Now, Silences: w.Silences, Get: func(key string) ([]byte, error) { return w.kept[key], nil }})
	for _, change := range d.Changes {
		w.kept[change.Key] = change.Value
	}
	return d
}

// Event returns an event of the project WEB, by the member 40.
func Event(t testing.TB, name, payload string, at time.Time) *event.Event {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"payload":%s,"team_member_id":40,"project_code":"WEB"}`,
		name, at.Unix(), payload)
	ev, err := event.Parse("qase", []byte(body), at)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// Kept returns what is stored, by its keys.
func (w *World) Kept() map[string][]byte { return w.kept }
