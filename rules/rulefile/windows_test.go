package rulefile_test

import (
	"testing"
	"time"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestARuleHasItsWindow(t *testing.T) {
	const file = `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: qa, type: chat}]
windows:
  office: {days: [mon-fri], hours: 09:00-18:00, except: [2026-11-30]}
rules:
  - {name: always, when: "true", notify: [qa]}
  - {name: named, when: event_type == "run", notify: [qa], active: office}
  - {name: dropped, when: event_type == "case", notify: [qa], active: {in: office, otherwise: drop}}
  - {name: own, when: event_type == "plan", notify: [qa], active: {hours: 22:00-06:00, timezone: America/New_York}}
`
	saturday := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	for i, want := range []struct {
		text string
		drop bool
		next string
	}{
		{"", false, ""},
		{"office (mon–fri 09:00–18:00 Europe/Berlin, except 2026-11-30)", false, "2026-12-01T09:00:00+01:00"},
		{"office (mon–fri 09:00–18:00 Europe/Berlin, except 2026-11-30)", true, "2026-12-01T09:00:00+01:00"},
		{"every day 22:00–06:00 America/New_York", false, "2026-11-28T22:00:00-05:00"},
	} {
		r := rulefiletest.Parse(t, file).Source.Rules[i]
		if r.Active == nil {
			if want.text != "" {
				t.Errorf("%s has no window", r.Name)
			}
			continue
		}
		if next := r.Active.Window.Next(saturday).Format(time.RFC3339); r.Active.String() != want.text ||
			r.Active.Drop != want.drop || next != want.next {
			t.Errorf("%s: %s, drop is %v, next %s, want %+v", r.Name, r.Active, r.Active.Drop, next, want)
		}
	}
}
