package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// RerenderError says why a delivery cannot be rendered by the current rules, and what to do.
type RerenderError struct{ Reason string }

func (e *RerenderError) Error() string { return e.Reason }

func cannotRerender(format string, args ...any) error {
	return &RerenderError{fmt.Sprintf(format, args...)}
}

// Rerender renders a dead or pending delivery again, by the current rules, and makes it due now with all its attempts.
// It keeps its id, so receivers that have it drop it; other deliveries of the event stay as they are. It returns false
// if the delivery is neither dead nor pending. A [RerenderError] says why the rules make no such message any more.
func (e *Engine) Rerender(ctx context.Context, id store.ID) (bool, error) {
	d, _, err := e.Store.Delivery(ctx, id)
	if err != nil {
		return false, err
	}
	if store.ByRetry.From(d.State) == nil && d.State != store.Sending { // one that is being sent may be handed back
		return false, nil
	}
	n, err := e.notificationNow(ctx, d)
	if err != nil {
		return false, err
	}
	message, err := json.Marshal(dispatch.StoredMessage{Message: n.message, Fallbacks: n.Fallbacks, Trace: n.trace})
	if err != nil {
		return false, fmt.Errorf("encoding the message: %w", err)
	}
	return e.dispatcher.Rewrite(ctx, store.Rewrite{ID: id, Title: n.Title, Message: message})
}

// rerendered is a notification with the message of a delivery, and the traceparent of its event.
type rerendered struct {
	rules.Notification
	message notifiers.Message
	trace   string
}

// notificationNow returns what the current rules make of the event of a delivery, for its notifier.
func (e *Engine) notificationNow(ctx context.Context, d store.Delivery) (r rerendered, err error) {
	if _, known := e.Config().Notifiers[d.Notifier]; !known {
		return r, cannotRerender("the notifier %q is not in the current rules; add it again, or cancel the delivery",
			d.Notifier)
	}
	root, at, of, err := e.origin(ctx, d)
	if err != nil {
		return r, err
	}
	ev, decision, err := e.decideAgain(ctx, d.EventID)
	if err != nil {
		return r, err
	}
	made := slices.DeleteFunc(slices.Clone(decision.Notifications), func(n rules.Notification) bool {
		return n.Rule != root.Rule || n.Notifier != root.Notifier
	})
	if len(made) != of {
		return r, e.whyNot(decision, root, len(made), of)
	}
	r.Notification = made[at]
	if d.ID != root.ID && !r.useFallback(&d) {
		return r, cannotRerender("the rule %q no longer has %q as a fallback; retry the delivery %s, which it was for",
			root.Rule, d.Notifier, root.ID)
	}
	r.message, r.trace = NewMessage(d.ID.String(), ev, r.Notification), ev.Trace
	return r, nil
}

// useFallback turns the notification into the one that the delivery of its fallback sends: where each of several people
// gets a message, the one to the same person.
func (r *rerendered) useFallback(d *store.Delivery) bool {
	i := slices.IndexFunc(r.Fallbacks, func(f rules.Fallback) bool { return f.Notifier == d.Notifier })
	if i < 0 {
		return false
	}
	end := i + 1
	for end < len(r.Fallbacks) && r.Fallbacks[end].Beside {
		end++
	}
	if end > i+1 {
		var stored dispatch.StoredMessage
		if json.Unmarshal(d.Message, &stored) != nil {
			return false
		}
		at := slices.IndexFunc(r.Fallbacks[i:end],
			func(f rules.Fallback) bool { return rules.SamePlace(f.Options, stored.Options) })
		if at < 0 {
			return false
		}
		i += at
	}
	r.Options, r.Fallbacks = r.Fallbacks[i].Options, r.Fallbacks[end:]
	return true
}

// maxSiblings bounds the deliveries of one event that are read.
const maxSiblings = 1000

// origin returns the delivery that a fallback is for in the end, or the delivery itself, and which one it is of those
// that its rule made for its notifier and event.
func (e *Engine) origin(ctx context.Context, d store.Delivery) (root store.Delivery, at, of int, err error) {
	ofEvent := store.DeliveryFilter{Event: d.EventID, OldestFirst: true, Limit: maxSiblings}
	all, _, err := e.Store.Deliveries(ctx, ofEvent)
	if err != nil {
		return root, 0, 0, err
	}
	byID := map[store.ID]store.Delivery{}
	for _, one := range all {
		byID[one.ID] = one
	}
	for root = d; root.FallbackFor != 0; {
		before, known := byID[root.FallbackFor]
		if !known {
			return root, 0, 0, cannotRerender("the delivery %s, which it is the fallback for, is not there any more",
				root.FallbackFor)
		}
		root = before
	}
	for _, one := range all {
		if one.FallbackFor == 0 && one.Rule == root.Rule && one.Notifier == root.Notifier {
			if one.ID == root.ID {
				at = of
			}
			of++
		}
	}
	return root, at, of, nil
}

// decideAgain decides about a stored event by the current rules, as of the time that it was received.
func (e *Engine) decideAgain(ctx context.Context, id store.ID) (*event.Event, rules.Decision, error) {
	stored, err := e.Store.Event(ctx, id)
	if err != nil {
		return nil, rules.Decision{}, err
	}
	if stored.Kind != "" {
		return nil, rules.Decision{}, cannotRerender("its event was made by the relay (kind %s); retry it without "+
			"rendering it again", stored.Kind)
	}
	ev, err := parseReceived(&stored)
	if err != nil {
		return nil, rules.Decision{}, err
	}
	p := &pendingEvent{event: ev, replayOf: id, forced: true} // silences do not touch deliveries that exist
	p.facts = e.factsOf(ctx, ev, false)
	_, err = e.plan(e.Config(), p, func(key string) ([]byte, error) { return e.Store.Get(ctx, key) })
	return ev, p.decision, err
}

// whyNot returns why a rule does not make the message of a delivery any more.
func (e *Engine) whyNot(decision rules.Decision, d store.Delivery, made, before int) error {
	const replay = "qase-relay events replay %s makes new messages by the current rules"
	i := slices.IndexFunc(decision.Results, func(r rules.Result) bool { return r.Rule == d.Rule })
	switch {
	case i < 0 && !slices.Contains(e.Config().Rules.Names(), d.Rule):
		return cannotRerender("the rule %q is not in the current rules; "+replay, d.Rule, d.EventID)
	case i >= 0 && slices.Contains(decision.Results[i].NoRecipients, d.Notifier):
		return cannotRerender("the rule %q has no recipient left for this event at %q; qase-relay explain --id %s shows why",
			d.Rule, d.Notifier, d.EventID)
	case i < 0 || !decision.Results[i].Outcome.IsMatch():
		reason := ""
		if i >= 0 && decision.Results[i].Reason != "" {
			reason = " (" + decision.Results[i].Reason + ")"
		}
		return cannotRerender("the rule %q no longer matches the event%s; qase-relay explain --id %s shows why", d.Rule,
			reason, d.EventID)
	case made == 0:
		return cannotRerender("the rule %q no longer sends this event to %q; qase-relay explain --id %s shows why",
			d.Rule, d.Notifier, d.EventID)
	}
	return cannotRerender("the rule %q now makes %d messages for %q in place of %d, so none is known to be this one; "+
		replay, d.Rule, made, d.Notifier, before, d.EventID)
}
