package dispatch

import (
	"encoding/json"

	"qaserelay/relay/store"
	"qaserelay/relay/telemetry"
)

// traceAttempt makes the span of an attempt, within the trace of its event.
func (d *Dispatcher) traceAttempt(del *store.Delivery, o store.Outcome) {
	if d.Telemetry == nil {
		return
	}
	var stored struct {
		Trace string `json:"trace"`
	}
	_ = json.Unmarshal(del.Message, &stored) // one that cannot be read has a trace of its own
	a := o.Attempt
	d.Telemetry.Attempted(telemetry.Attempt{Trace: stored.Trace, Event: del.EventID.String(), Delivery: del.ID.String(),
		Rule: del.Rule, Notifier: del.Notifier, Number: del.Attempts + 1, Took: a.Took, State: string(o.State),
		Status: a.Status, Reason: a.Reason, Error: a.Error})
}
