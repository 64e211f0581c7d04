package relay

import (
	"encoding/json"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// newDelivery returns the delivery with an id, stored with the message that every attempt sends, and that message.
func (e *Engine) newDelivery(
	cfg *config.Config, id store.ID, ev *event.Event, n rules.Notification,
) (store.NewDelivery, *notifiers.Message, error) {
	m := NewMessage(id.String(), ev, n)
	message, err := json.Marshal(dispatch.StoredMessage{Message: m, Fallbacks: n.Fallbacks, Trace: ev.Trace})
	d := store.NewDelivery{ID: id, Rule: n.Rule, Notifier: n.Notifier, OrderKey: n.OrderKey(), Title: n.Title,
		Message: message, Wait: cfg.Settings.OrderWait, Cancelled: n.Cancelled}
	if e.DryRun {
		d.Cancelled = store.DryRun
	}
	return d, &m, err
}

// NewMessage returns the message of a notification about ev.
func NewMessage(id string, ev *event.Event, n rules.Notification) notifiers.Message {
	return notifiers.Message{ID: id, Message: n.Message, Options: n.Options, EventName: ev.Name, Project: ev.Project,
		Scope:  event.JoinKey(ev.Source, ev.Project),
		Thread: n.EntityKey, Series: n.Series, CreatedAt: ev.ReceivedAt.UTC().Round(0)}
}

// itemsOf returns the items of a decision. One without a valid id is about the event of the decision.
func itemsOf(d *rules.Decision) (items []store.Item) {
	for _, it := range d.Items {
		id, err := store.ParseID(it.Event)
		if err != nil {
			id = 0
		}
		items = append(items, store.Item{Key: it.Key, Event: id, Data: it.Data})
	}
	return items
}
