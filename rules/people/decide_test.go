package people_test

import (
	"fmt"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// world is what is remembered from one decision to the next.
type world struct {
	kept map[string][]byte
	now  time.Time
}

func newWorld() *world {
	return &world{kept: map[string][]byte{}, now: time.Date(2026, 4, 21, 12, 0, 0, 0, time.UTC)}
}

func (w *world) decide(t testing.TB, c *rulefile.File, name, payload string) rules.Decision {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"payload":%s,"team_member_id":40,"project_code":"WEB"}`, name, w.now.Unix(), payload)
	ev, err := event.Parse("qase", []byte(body), w.now)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Rules.Decide(ev, rules.State{Now: w.now, Get: func(key string) ([]byte, error) { return w.kept[key], nil }})
	for _, change := range d.Changes {
		w.kept[change.Key] = change.Value
	}
	w.now = w.now.Add(time.Minute)
	return d
}
