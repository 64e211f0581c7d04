package engine

import (
	"slices"

	"qaserelay/relay/store"
)

// Stream is the deliveries of one order key to one notifier. They are sent one after another, in order.
type Stream struct{ Notifier, Key string }

// LockName identifies the stream among the locks of a database.
func (s Stream) LockName() string { return s.Notifier + "\x00" + s.Key }

// Start is the state of a new delivery.
type Start struct {
	State store.State
	Waits bool // for an earlier one of its stream
}

// StartOf returns how a new delivery begins: cancelled in a dry run, sending if the caller claims it, and otherwise
// pending; it waits if its stream is busy, that is, has unfinished deliveries. StartOf adds the delivery's stream to
// busy.
func StartOf(d *store.NewDelivery, busy map[Stream]bool) Start {
	s := Stream{d.Notifier, d.OrderKey}
	waits := d.OrderKey != "" && busy[s]
	switch {
	case d.Cancelled != "":
		return Start{State: store.Cancelled}
	case d.OrderKey != "":
		busy[s] = true
	}
	if d.Claim && !waits {
		return Start{State: store.Sending}
	}
	return Start{store.Pending, waits}
}

// Note notes in the receipt of an event how a new delivery of it begins.
func (s Start) Note(r *store.Receipt, d *store.NewDelivery) {
	switch {
	case s.State == store.Sending:
		r.Claimed = append(r.Claimed, d.ID)
	case s.State == store.Pending && !slices.Contains(r.Pending, d.Notifier):
		r.Pending = append(r.Pending, d.Notifier)
	}
}

// HandBack returns the outcomes that hand claimed deliveries back.
func HandBack(claimed []store.Delivery) []store.Outcome {
	back := make([]store.Outcome, len(claimed))
	for i, d := range claimed {
		back[i] = store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Pending}
	}
	return back
}

// HandBackNew returns the outcomes that hand back the deliveries that were claimed as they were made.
func HandBackNew(receipts []store.Receipt) (back []store.Outcome) {
	for _, r := range receipts {
		for _, id := range r.Claimed {
			back = append(back, store.Outcome{ID: id, Lease: FirstLease, State: store.Pending})
		}
	}
	return back
}
