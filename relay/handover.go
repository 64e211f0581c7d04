package relay

import "qaserelay/relay/store"

// handOver gives the deliveries that the store let us have to their lanes.
func (e *Engine) handOver(c *call) {
	if c.err != nil {
		return
	}
	now := e.Now()
	for _, id := range c.receipt.Claimed {
		for i, n := range c.plan.Deliveries {
			if n.ID == id {
				e.Give(store.Delivery{ID: n.ID, EventID: c.receipt.ID, EventName: c.event.Name, Project: c.event.Project,
					Rule: n.Rule, Notifier: n.Notifier, OrderKey: n.OrderKey, Title: n.Title, State: store.Sending, Lease: 1,
					CreatedAt: now, FirstAt: now, UpdatedAt: now, Message: n.Message, EventBody: c.event.Body}, c.messages[i])
			}
		}
	}
}
