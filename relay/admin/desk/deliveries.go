package desk

import (
	"context"
	"encoding/json"
	"time"

	"qaserelay/relay/store"
)

// DeliveryPage is a page of deliveries; see [EventPage].
type DeliveryPage struct {
	Deliveries []Delivery `json:"deliveries"`
	Next       string     `json:"next,omitempty"`
	IndexedTo  *time.Time `json:"indexed_to,omitempty"`
}

// Delivery is a message to one notifier.
type Delivery struct {
	ID      string `json:"id"`
	EventID string `json:"event_id"`
	// FallbackFor is the dead delivery for which this one is the fallback.
	FallbackFor string          `json:"fallback_for,omitempty"`
	Event       string          `json:"event"` // event_name
	Project     string          `json:"project"`
	Rule        string          `json:"rule"`
	Notifier    string          `json:"notifier"`
	Title       string          `json:"title"`
	State       store.State     `json:"state"`
	Attempts    int             `json:"attempts"`
	CreatedAt   time.Time       `json:"created_at"`
	UpdatedAt   time.Time       `json:"updated_at"`
	NextAt      *time.Time      `json:"next_at,omitempty"` // when it is due, if pending
	Status      string          `json:"status,omitempty"`  // the last answer of the receiver
	Error       string          `json:"error,omitempty"`
	Message     json.RawMessage `json:"message,omitempty"` // not in lists
	Log         []Attempt       `json:"log,omitempty"`     // not in lists
	// Fallback is the fallback for this delivery, the last one if there were several; not in lists.
	Fallback *Delivery `json:"fallback,omitempty"`
}

// Attempt is an attempt to send a delivery.
type Attempt struct {
	At       time.Time `json:"at"`
	Seconds  float64   `json:"seconds"`
	Status   string    `json:"status,omitempty"`
	Reason   string    `json:"reason,omitempty"`
	Error    string    `json:"error,omitempty"`
	Response string    `json:"response,omitempty"`
}

// Deliveries returns a page of deliveries.
func (d *Desk) Deliveries(ctx context.Context, f DeliveryFilter) (DeliveryPage, error) {
	found, next, err := d.findDeliveries(ctx, f)
	if err != nil {
		return DeliveryPage{}, failed("listing deliveries", err)
	}
	page := DeliveryPage{Deliveries: []Delivery{}, Next: idText(next)}
	if page.IndexedTo, err = d.indexedTo(ctx, f.Terms); err != nil {
		return DeliveryPage{}, err
	}
	for _, one := range found {
		page.Deliveries = append(page.Deliveries, deliveryOf(one))
	}
	return page, nil
}

// Delivery returns one delivery with its message, its attempts and its fallback.
func (d *Desk) Delivery(ctx context.Context, id store.ID) (Delivery, error) {
	stored, attempts, err := d.o.Store.Delivery(ctx, id)
	if err != nil {
		return Delivery{}, failed("reading a delivery", err)
	}
	v := deliveryOf(stored)
	if v.Fallback, err = d.fallbackOf(ctx, stored); err != nil {
		return Delivery{}, failed("looking for the fallback of a delivery", err)
	}
	v.Message = maskMessage(stored.Message)
	for _, a := range attempts {
		v.Log = append(v.Log, Attempt{At: a.At, Seconds: a.Took.Seconds(), Status: a.Status, Reason: a.Reason,
			Error: a.Error, Response: a.Response})
	}
	return v, nil
}

// fallbackOf returns the newest fallback for a delivery, or nil.
func (d *Desk) fallbackOf(ctx context.Context, of store.Delivery) (*Delivery, error) {
	siblings, _, err := d.o.Store.Deliveries(ctx, store.DeliveryFilter{Event: of.EventID, Limit: MaxPage})
	for _, one := range siblings {
		if one.FallbackFor == of.ID {
			found := deliveryOf(one)
			return &found, nil
		}
	}
	return nil, err
}

func deliveryOf(d store.Delivery) Delivery {
	v := Delivery{ID: d.ID.String(), EventID: d.EventID.String(), Event: d.EventName, Project: d.Project, Rule: d.Rule,
		Notifier: d.Notifier, FallbackFor: idText(d.FallbackFor), Title: d.Title, State: d.State, Attempts: d.Attempts,
		CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Status: d.Status, Error: d.Error}
	if d.State == store.Pending && !d.NextAt.IsZero() {
		v.NextAt = &d.NextAt
	}
	return v
}
