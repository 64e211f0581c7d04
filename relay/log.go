package relay

import (
	"qaserelay/relay/dispatch"
	"qaserelay/relay/sampledlog"
	"qaserelay/rules"
)

// logDecision tells the operator of what went wrong in the rules for an event that was stored.
func (e *Engine) logDecision(c *call) {
	if c.err != nil || c.receipt.Duplicate {
		return
	}
	for _, r := range c.decision.Results {
		message, why := "a condition failed, so its rule did not match", r.Reason
		switch {
		case r.Outcome == rules.Failed:
		case len(r.Notes) > 0:
			message, why = "a template failed, so something else was sent in its place", r.Notes[0]
		default:
			continue
		}
		args := []any{"rule", r.Rule, "event", c.receipt.ID.String(), "event_name", c.event.Name, "why", why}
		if all, due := e.Quiet.Admit(sampledlog.LogLine{Kind: "rule " + r.Rule, Every: dispatch.RuleLogEvery}, e.Now(), args...); due {
			e.Logger.Warn(message, all...)
		}
	}
}
