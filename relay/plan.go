package relay

import (
	"encoding/json"
	"fmt"
	"runtime/debug"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules"
	qaseevent "qaserelay/rules/event"
)

// plan decides about the event of c. It may be called again for the same event. Only a failure to read the state is
// an error; whatever goes wrong in the rules is in the decision, and the event is stored with it.
func (e *Engine) plan(cfg *config.Config, c *call, get func(string) ([]byte, error)) (store.Plan, error) {
	var readErr error
	c.decision = e.safelyDecide(cfg, c, func(key string) ([]byte, error) {
		value, err := get(key)
		if err != nil && readErr == nil {
			readErr = fmt.Errorf("reading the state for a decision: %w", err)
		}
		return value, err
	})
	if readErr != nil {
		return store.Plan{}, readErr
	}
	plan, err := e.storePlan(cfg, c)
	if err != nil {
		c.decision = failedDecision(err.Error())
		plan.Decisions, err = json.Marshal(c.decision)
		plan.Deliveries, plan.Changes = nil, nil
	}
	if c.replayOf != 0 { // newer events may have told otherwise
		plan.Changes = nil
	}
	return plan, err
}

// safelyDecide turns a panic in the rules into a decision that says so.
func (e *Engine) safelyDecide(cfg *config.Config, c *call, get func(string) ([]byte, error)) (d rules.Decision) {
	defer func() {
		if r := recover(); r != nil {
			e.Logger.Error("the rules panicked, the event is stored without notifications", "event", c.event.Name,
				"panic", r, "stack", string(debug.Stack()))
			d = failedDecision(fmt.Sprintf("the rules panicked: %v", r))
		}
	}()
	return e.decide(cfg.Rules, c.event, rules.State{Now: c.event.ReceivedAt, Get: get, Fetched: c.entity, Member: c.member})
}

// safelyKeys names what the decision will ask for. Without it, each key is read when it is asked for.
func (e *Engine) safelyKeys(cfg *config.Config, ev *qaseevent.Event) (keys []string) {
	defer func() {
		if r := recover(); r != nil {
			e.Logger.Error("the rules panicked", "event", ev.Name, "panic", r, "stack", string(debug.Stack()))
		}
	}()
	return cfg.Rules.Keys(ev)
}

func failedDecision(reason string) rules.Decision {
	return rules.Decision{Results: []rules.Result{{Outcome: rules.Failed, Reason: reason}}}
}

// storePlan turns the decision of a call into what is put on disk, and keeps the typed messages in the call.
func (e *Engine) storePlan(cfg *config.Config, c *call) (plan store.Plan, err error) {
	d := c.decision
	c.messages = nil
	if plan.Decisions, err = json.Marshal(d); err != nil {
		return plan, fmt.Errorf("encoding the decision: %w", err)
	}
	for _, n := range d.Notifications {
		delivery, m, err := e.newDelivery(cfg, c.event, n)
		if err != nil {
			return plan, fmt.Errorf("encoding the message of rule %s for %s: %w", n.Rule, n.Notifier, err)
		}
		plan.Deliveries, c.messages = append(plan.Deliveries, delivery), append(c.messages, m)
	}
	for _, c := range d.Changes {
		plan.Changes = append(plan.Changes, store.Change(c))
	}
	return plan, nil
}

// newDelivery keeps the message as it will be sent at every attempt, but for the event, which is stored already.
func (e *Engine) newDelivery(cfg *config.Config, ev *qaseevent.Event, n rules.Notification) (store.NewDelivery, *notifiers.Message, error) {
	id := e.IDs.Next(e.Now())
	m := NewMessage(id.String(), ev, n)
	message, err := json.Marshal(dispatch.StoredMessage{Message: m, Fallbacks: n.Fallbacks})
	d := store.NewDelivery{ID: id, Rule: n.Rule, Notifier: n.Notifier, OrderKey: n.EntityKey, Title: n.Title,
		Message: message, Wait: cfg.Settings.OrderWait}
	if e.DryRun {
		d.Cancelled = "dry run"
	}
	return d, &m, err
}

// NewMessage is the message by which a notifier tells of a notification about ev.
func NewMessage(id string, ev *qaseevent.Event, n rules.Notification) notifiers.Message {
	m := notifiers.Message{ID: id, Rule: n.Rule, Level: n.Level, Title: n.Title, Body: n.Body, URL: n.URL, Options: n.Options,
		EventName: ev.Name, Project: ev.Project, Thread: n.EntityKey, Series: n.Series, CreatedAt: ev.ReceivedAt.UTC().Round(0)}
	if len(n.Fields) > 0 {
		m.Fields = make([]notifiers.Field, len(n.Fields))
	}
	for i, f := range n.Fields {
		m.Fields[i] = notifiers.Field(f)
	}
	return m
}
