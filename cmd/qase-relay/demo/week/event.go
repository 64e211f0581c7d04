package week

import (
	"encoding/json"
	"slices"
	"time"

	"qaserelay/relay/qaseapi/standin"
)

// Event is an event that Qase sends, with what its API knows from then on.
type Event struct {
	At            time.Time // when it is sent
	name, project string
	member        int // team_member_id; 0 is automation
	payload       map[string]any
	run           *endedRun // that has ended with it, or nil
}

// endedRun is a run for the API, with the status of each of its cases.
type endedRun struct {
	standin.Run
	took    time.Duration
	results []standin.Result
}

// Body returns the event as it is posted at a time.
func (e *Event) Body(at time.Time) []byte {
	body, err := json.Marshal(map[string]any{"event_name": e.name, "timestamp": at.Unix(), "payload": e.payload,
		"team_member_id": e.member, "project_code": e.project})
	if err != nil {
		panic(err) // texts and numbers always can be encoded
	}
	return body
}

// Tell adds to the world what the API knows once the event is sent.
func (e *Event) Tell(w *standin.World, at time.Time) {
	if e.run == nil {
		return
	}
	i := slices.IndexFunc(w.Projects, func(p *standin.Project) bool { return p.Code == e.project })
	p, run := w.Projects[i], e.run.Run
	run.Start, run.End = at.Add(-e.run.took), at
	p.Runs = append(p.Runs, run)
	for _, one := range e.run.results {
		one.End = at
		p.Results = append(p.Results, one)
	}
}
