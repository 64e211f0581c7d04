package dispatch

import (
	"encoding/json"
	"slices"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// fallback returns the delivery that stands in for one that has died, or nil if there is none. Notifiers that are no
// longer configured are passed over.
func (e *Dispatcher) fallback(d *store.Delivery) *store.NewDelivery {
	var m StoredMessage
	if json.Unmarshal(d.Message, &m) != nil || len(m.Fallbacks) == 0 {
		return nil
	}
	cfg := e.config.Load()
	i := slices.IndexFunc(m.Fallbacks, func(f rules.Fallback) bool { _, known := cfg.Outs[f.Notifier]; return known })
	if i < 0 {
		e.Logger.Warn("no fallback of a dead delivery is configured any more", "delivery", d.ID.String(), "notifier", d.Notifier)
		return nil
	}
	next, id := m.Fallbacks[i], e.IDs.Next(e.Now())
	m.ID, m.Options, m.Fallbacks = id.String(), next.Options, m.Fallbacks[i+1:]
	message, err := json.Marshal(m)
	if err != nil { // it was JSON a moment ago
		e.Logger.Error("the fallback of a dead delivery was lost", "delivery", d.ID.String(), "error", err)
		return nil
	}
	return &store.NewDelivery{ID: id, Rule: d.Rule, Notifier: next.Notifier, OrderKey: d.OrderKey, Title: d.Title, Message: message,
		Wait: cfg.Settings.OrderWait, FallbackFor: d.ID}
}
