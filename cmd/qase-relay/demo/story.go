package demo

import (
	"encoding/json"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
)

// step is one event of the demo, with its expected messages.
type step struct {
	say     string        // describes the event
	event   string        // the body as Qase sends it, without a timestamp
	ago     time.Duration // the age of the event when the demo starts
	matches []string
	sends   int // the number of messages that have to arrive
}

// night is the time between the two runs of the plan.
const night = 24 * time.Hour

// story returns the steps of the demo.
func story() []step {
	return []step{
		{
			say: "The nightly run starts. No rule wants that, but the relay remembers title, plan and environment.",
			ago: night + 30*time.Minute,
			event: `{"event_name":"run.started","payload":{"id":7,"title":"Nightly regression","description":null,
				"plan":{"id":3,"title":"Checkout"},"cases_count":14,"environment":"staging"},"team_member_id":12,
				"project_code":"WEB"}`,
		},
		{
			say: "It ends with failures. The relay answers at once, and asks Qase which tests failed.",
			ago: night,
			event: `{"event_name":"run.completed","payload":{"id":7,"cases":14,"passed":10,"failed":3,"blocked":1,
				"duration":1800000},"team_member_id":12,"project_code":"WEB"}`,
			matches: []string{"failed-run"}, sends: 1,
		},
		{
			say: "The run of the next night: one failure is new, one is old, one is fixed. Title and plan are Qase's.",
			event: `{"event_name":"run.completed","payload":{"id":9,"cases":13,"passed":11,"failed":2,"blocked":0,
				"duration":1860000},"team_member_id":12,"project_code":"WEB"}`,
			matches: []string{"failed-run"}, sends: 1,
		},
		{
			say: "Bob aborts a run whose start the relay has not seen. Slack mentions him, since the rules have his " +
				"Slack id.",
			event: `{"event_name":"run.aborted","payload":{"id":8,"cases":20,"passed":5,"untested":15,"failed":0,
				"blocked":0,"skipped":0,"duration":60},"team_member_id":40,"project_code":"WEB"}`,
			matches: []string{"aborted-run"}, sends: 1,
		},
		{
			say: "Ana writes a test case that needs a review …",
			event: `{"event_name":"review.created","payload":{"id":5,"title":"Check out with an expired card",
				"case_id":25,"project":"WEB","created_by":{"email":"ana@example.com","name":"Ana López"},
				"created":"2026-01-01 01:30:00"},"team_member_id":12,"project_code":"WEB"}`,
		},
		{
			say: "… and asks Bob, whose address comes from the event.",
			event: `{"event_name":"review.reviewer_added","payload":{"id":5,"reviewer":{"email":"bob@example.com",
				"name":"Bob Bar"}},"team_member_id":12,"project_code":"WEB"}`,
			matches: []string{"review-needs-you"}, sends: 1,
		},
		{
			say: "A critical defect goes to two places. Its title tries to mention the channel and to add markup.",
			event: `{"event_name":"defect.created","payload":{"id":31,
				"title":"<!channel> \"Pay\" does *nothing* & hangs","severity":"critical",
				"actual_result":"Nothing happens.","attachments":[]},"team_member_id":12,"project_code":"WEB"}`,
			matches: []string{"bad-defect"}, sends: 2,
		},
	}
}

// body returns the event as it is posted in a demo that starts at now.
func (s step) body(now time.Time) []byte {
	var e map[string]any
	_ = terminal.DecodeNumbers([]byte(s.event), &e) // valid JSON: a test reads every step
	e["timestamp"] = now.Add(-s.ago).Unix()
	body, _ := json.Marshal(e)
	return body
}
