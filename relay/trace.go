package relay

import (
	"qaserelay/relay/store"
	"qaserelay/relay/telemetry"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

// encodeFacts returns what is stored beside an event: its facts, which may be nil, and its traceparent.
func encodeFacts(f *failures.Facts, ev *event.Event) []byte {
	if ev.Trace == "" {
		return f.Encode()
	}
	with := failures.Facts{}
	if f != nil {
		with = *f
	}
	with.Trace = ev.Trace
	return with.Encode()
}

// tracedDecision is what was decided about an event, for its trace.
type tracedDecision struct {
	id         store.ID
	results    []rules.Result
	deliveries int
}

// traceDecision makes the span of a decision that is stored. It lasts since the event was received.
func (e *Engine) traceDecision(ev *event.Event, d tracedDecision) {
	if e.Telemetry == nil {
		return
	}
	made := telemetry.Decision{Event: tracedEvent(d.id, ev), Trace: ev.Trace, Took: e.Now().Sub(ev.ReceivedAt),
		Deliveries: d.deliveries}
	for i := range d.results {
		if r := &d.results[i]; r.Rule != "" && r.Outcome != rules.NotMatched {
			made.Rules = append(made.Rules, telemetry.RuleOutcome{Rule: r.Rule, Outcome: string(r.Outcome)})
		}
	}
	e.Telemetry.Decided(made)
}

// tracedEvent describes an event for its trace.
func tracedEvent(id store.ID, ev *event.Event) telemetry.Event {
	return telemetry.Event{ID: id.String(), Name: ev.Name, Source: ev.Source, Project: ev.Project}
}

// tracesOf returns the traceparents of the events of a slot.
func tracesOf(w *rules.Woken) (all []string) {
	for _, m := range w.Items {
		if m.Event != nil {
			all = append(all, m.Event.Trace)
		}
	}
	for _, ev := range w.Events {
		all = append(all, ev.Trace)
	}
	return all
}
