package desk

import (
	"context"
	"encoding/json"
	"fmt"

	"qaserelay/notifiers"
	"qaserelay/notifiers/preview"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Explain decides about a stored event by the current rules, as of the time when it came, and returns the reasons. What
// entity and previous say is what is known now, since the memory of that time is not kept. It stores nothing.
func (d *Desk) Explain(ctx context.Context, id store.ID) (rules.Explanation, error) {
	stored, err := d.o.Store.Event(ctx, id)
	if err != nil {
		return rules.Explanation{}, failed("reading an event", err)
	}
	if stored.Kind != "" {
		return rules.Explanation{}, &StateError{"the relay has made this event (" + stored.Kind + "), so no rule decides about it"}
	}
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return rules.Explanation{}, &StateError{fmt.Sprintf("the stored event cannot be read: %v", err)}
	}
	var reading error
	state := rules.State{Now: stored.ReceivedAt, Get: func(key string) ([]byte, error) {
		value, err := d.o.Store.Get(ctx, key)
		if err != nil {
			reading = err
		}
		return value, err
	}}
	x := d.o.Config().Rules.Explain(ev, state)
	return x, failed("reading what is known of an entity", reading)
}

// Picture returns how the message of a delivery looks to its receiver, as its notifier would send it now. If it cannot
// be shown, the error is a StateError.
func (d *Desk) Picture(ctx context.Context, id store.ID) (*preview.Layout, error) {
	stored, _, err := d.o.Store.Delivery(ctx, id)
	if err != nil {
		return nil, failed("reading a delivery", err)
	}
	cfg := d.o.Config()
	n, configured := cfg.Notifiers[stored.Notifier]
	if !configured {
		return nil, &StateError{"the rules files have no notifier " + stored.Notifier + " any more, so the message cannot be drawn"}
	}
	var m notifiers.Message
	if err := json.Unmarshal(stored.Message, &m); err != nil {
		return nil, &StateError{fmt.Sprintf("the stored message cannot be read: %v", err)}
	}
	m.Event = stored.EventBody
	layout, err := preview.Of(n.Notifier, &m)
	if err != nil {
		return nil, &StateError{fmt.Sprintf("the message cannot be drawn: %v", err)}
	}
	layout.NameMentions(cfg.Rules.SlackName)
	return layout, nil
}
