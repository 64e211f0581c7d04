package report

import (
	"bytes"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules/failures"
)

func TestWhatIsKnownOfFailingTestsIsShown(t *testing.T) {
	some := make([]failures.Result, 5)
	received := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	until := received.Add(20 * time.Second)
	waiting := func(w *desk.WaitingEvent) desk.Event {
		return desk.Event{State: stateWaiting, ReceivedAt: received, Waiting: w}
	}
	with := func(r failures.Run) desk.Event { return desk.Event{Facts: (&failures.Facts{Run: &r}).Encode()} }
	for name, c := range map[string]struct {
		event desk.Event
		want  string
	}{
		"nothing was asked":     {desk.Event{}, ""},
		"only names were asked": {desk.Event{Facts: (&failures.Facts{Entity: map[string]any{"title": "x"}}).Encode()}, ""},
		"all": {with(failures.Run{Known: true, Complete: true, Results: some, Failed: 5, Requests: 4, WaitedMS: 1234}),
			"Failing tests: 5 cases by the Qase API (4 requests in 1.23s)\n"},
		"more than are read": {with(failures.Run{Known: true, Complete: true, Results: some, Failed: 9, Left: 4}),
			"Failing tests: 9 cases by the Qase API, 4 without names\n"},
		"some": {with(failures.Run{Known: true, Results: some, Failed: 12, Requests: 1, Error: "the Qase API did not answer in 20 s"}),
			"Failing tests: 5 of 12 results by the Qase API, the others are not known (1 request in 0s)\n  " +
				"the Qase API did not answer in 20 s\n"},
		"by events": {with(failures.Run{Known: true, Complete: true, Results: some, Source: failures.FromEvents}),
			"Failing tests: 5 cases by events of results\n"},
		"none": {with(failures.Run{Error: "Qase does not accept the api_token (401)"}),
			"Failing tests: not known: Qase does not accept the api_token (401)\n"},
		"it waits for names of tests": {waiting(&desk.WaitingEvent{ID: "5c1f", Until: &until, Results: true}),
			"Waiting for 4s for the names of the failing tests, at the latest until 2026-01-05 09:00:20 UTC. As a list: " +
				terminal.Program() + " waiting show 5c1f\n"},
		"it waits behind another": {waiting(&desk.WaitingEvent{ID: "5c1f", Behind: "06bq"}),
			"Waiting for 4s behind event 06bq. As a list: " + terminal.Program() + " waiting show 5c1f\n"},
		"it waits, for an older relay": {waiting(nil), "Waiting for 4s for what Qase says of it.\n"},
	} {
		var out bytes.Buffer
		printFacts(&terminal.Screen{Writer: &out, Columns: 80, Zone: time.UTC}, &c.event, received.Add(4*time.Second))
		if got := out.String(); got != c.want {
			t.Errorf("%s:\n%q, want\n%q", name, got, c.want)
		}
	}
}
