package dispatch

import (
	"encoding/json"
	"slices"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

// fallbacks returns the deliveries that replace one that failed permanently, or none if the message has no fallback.
// Several are those of people who each get a message. Fallbacks to notifiers that are no longer configured are skipped.
func (d *Dispatcher) fallbacks(del *store.Delivery) (made []store.NewDelivery) {
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
	all := m.Fallbacks[i:]
	end := 1
	for end < len(all) && all[end].Beside {
		end++
	}
	for _, next := range all[:end] {
		id := d.IDs.Next(d.Now())
		m.ID, m.Options, m.Fallbacks = id.String(), next.Options, all[end:]
		message, err := json.Marshal(m)
		if err != nil { // it was JSON a moment ago
			d.Logger.Error("fallback lost", "delivery", del.ID.String(), "error", err)
			continue
		}
		made = append(made, store.NewDelivery{ID: id, Rule: del.Rule, Notifier: next.Notifier, OrderKey: del.OrderKey,
			Title: del.Title, Message: message, Wait: cfg.Settings.OrderWait, FallbackFor: del.ID})
	}
	return made
}
