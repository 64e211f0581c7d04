package dispatch

import (
	"encoding/json"
	"slices"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// fallback returns the delivery that replaces one that failed permanently, or nil if the message has no fallback.
// Fallbacks to notifiers that are no longer configured are skipped.
func (d *Dispatcher) fallback(del *store.Delivery) *store.NewDelivery {
	var m StoredMessage
	if json.Unmarshal(del.Message, &m) != nil || len(m.Fallbacks) == 0 {
		return nil
	}
	cfg := d.config.Load()
	i := slices.IndexFunc(m.Fallbacks,
		func(f rules.Fallback) bool { _, known := cfg.Notifiers[f.Notifier]; return known })
	if i < 0 {
		d.Logger.Warn("fallback no longer configured", "delivery", del.ID.String(),
			"notifier", del.Notifier)
		return nil
	}
	next, id := m.Fallbacks[i], d.IDs.Next(d.Now())
	m.ID, m.Options, m.Fallbacks = id.String(), next.Options, m.Fallbacks[i+1:]
	message, err := json.Marshal(m)
	if err != nil { // it was JSON a moment ago
		d.Logger.Error("fallback lost", "delivery", del.ID.String(), "error", err)
		return nil
	}
	return &store.NewDelivery{ID: id, Rule: del.Rule, Notifier: next.Notifier, OrderKey: del.OrderKey, Title: del.Title,
		Message: message, Wait: cfg.Settings.OrderWait, FallbackFor: del.ID}
}
