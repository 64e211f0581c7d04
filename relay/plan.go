package relay

import (
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// plan decides on an event. It may be called again for the same event. Its only errors are those of reading the state;
// an error in the rules is part of the decision, and the event is stored with it.
func (e *Engine) plan(cfg *config.Config, p *pendingEvent, get func(string) ([]byte, error)) (store.Plan, error) {
	var readErr error
	p.decision = e.decideSafely(cfg, p, func(key string) ([]byte, error) {
		value, err := get(key)
		if err != nil && readErr == nil {
			readErr = fmt.Errorf("reading the state for a decision: %w", err)
		}
		return value, err
	})
	if readErr != nil {
		return store.Plan{}, readErr
	}
	plan, err := e.planOf(cfg, p)
	if err != nil {
		p.decision = failedDecision(err.Error())
		plan = store.Plan{Outline: outlineOf(&p.decision, p.event)}
		plan.Decisions, err = json.Marshal(p.decision)
	}
	if p.replayOf != 0 { // newer events may have changed the state since; the digest of a replay is its own
		plan.Changes = slices.DeleteFunc(plan.Changes, func(c store.Change) bool { return !store.IsSlot(c.Key) })
	}
	return plan, err
}

// decideSafely turns a panic in the rules into a failed decision. An event that waits is decided in part, or not yet.
func (e *Engine) decideSafely(cfg *config.Config, p *pendingEvent,
	get func(string) ([]byte, error)) (d rules.Decision) {
	defer e.recoverRules(p.event, func(panicked any) {
		d = failedDecision(fmt.Sprintf("the rules panicked: %v", panicked))
	})
	w := e.awaits(cfg, p, get)
	state := rules.State{Now: p.event.ReceivedAt, Get: get, Facts: p.facts, Await: w != nil, Seen: p.seen,
		EventID: p.id.String(), Dry: e.DryRun, Replay: p.request, IsSign: e.feeds.isSign(cfg, p), Silences: e.silencesFor(p),
		Waits: int(e.openCount.waits.Load())}
	if w != nil {
		return e.decideFirst(cfg, p, w, state)
	}
	return e.decide(cfg.Rules, p.event, state)
}

// stateKeys lists the keys that the decision will read. Without them, each one is read on its own.
func (e *Engine) stateKeys(cfg *config.Config, p *pendingEvent) []string {
	defer e.recoverRules(p.event, func(any) {})
	p.keys = cfg.Rules.Keys(p.event)
	if key := e.awaitKey(cfg, p); key != "" {
		return append(slices.Clone(p.keys), key)
	}
	return p.keys
}

// moreKeys returns a function that lists further keys that the decision will read, once those of stateKeys are known,
// or nil if there are none.
func (e *Engine) moreKeys(cfg *config.Config, p *pendingEvent,
	keys []string) func(get func(string) ([]byte, error)) []string {
	if !cfg.Rules.HasFlowKeys(p.event) {
		return nil
	}
	return func(get func(string) ([]byte, error)) (more []string) {
		defer e.recoverRules(p.event, func(any) {})
		more, p.seen = cfg.Rules.FlowKeys(p.event, keys, rules.State{Now: p.event.ReceivedAt, Get: get, Facts: p.facts,
			Dry: e.DryRun, Replay: p.request, IsSign: e.feeds.isSign(cfg, p)})
		return more
	}
}

// planOf returns the rows of the decision on p, and keeps the messages of its deliveries in p.
func (e *Engine) planOf(cfg *config.Config, p *pendingEvent) (plan store.Plan, err error) {
	p.messages, plan.Facts, plan.Outline = nil, encodeFacts(p.facts, p.event), outlineOf(&p.decision, p.event)
	if plan.Decisions, err = json.Marshal(p.decision); err != nil {
		return plan, fmt.Errorf("encoding the decision: %w", err)
	}
	for i, n := range p.decision.Notifications {
		delivery, message, err := e.newDelivery(cfg, e.IDs.NextDelivery(e.Now(), p.id, i), p.event, n)
		if err != nil {
			return plan, fmt.Errorf("encoding the message of rule %s for %s: %w", n.Rule, n.Notifier, err)
		}
		plan.Deliveries, p.messages = append(plan.Deliveries, delivery), append(p.messages, message)
	}
	for _, c := range p.decision.Changes {
		plan.Changes = append(plan.Changes, store.Change(c))
	}
	plan.Items = itemsOf(&p.decision)
	return plan, nil
}
