package store

import "slices"

// Stream is the deliveries of one order key to one notifier. They are sent one after another, in order.
type Stream struct{ Notifier, Key string }

// LockName identifies the stream among the locks of a database.
func (s Stream) LockName() string { return s.Notifier + "\x00" + s.Key }

// ByStream splits deliveries by order key. The groups are in the order of their first deliveries, and each is sorted,
// unless order is nil.
func ByStream[H any](heads []H, key func(H) string, order func(a, b H) int) [][]H {
	groups := make([][]H, 0, len(heads))
	index := map[string]int{}
	for i, h := range heads {
		at, known := index[key(h)]
		if key(h) == "" || !known {
			index[key(h)] = len(groups)
			groups = append(groups, heads[i:i+1:i+1])
			continue
		}
		if groups[at] = append(groups[at], h); order != nil {
			slices.SortFunc(groups[at], order)
		}
	}
	return groups
}

// Start is the state of a new delivery.
type Start struct {
	State State
	Waits bool // for an earlier one of its stream
}

// StartOf returns how a new delivery begins: cancelled in a dry run, sending if the caller claims it, and otherwise
// pending; it waits if its stream is busy, that is, has unfinished deliveries. StartOf adds the delivery's stream to
// busy.
func StartOf(d *NewDelivery, busy map[Stream]bool) Start {
	s := Stream{d.Notifier, d.OrderKey}
	waits := d.OrderKey != "" && busy[s]
	switch {
	case d.Cancelled != "":
		return Start{State: Cancelled}
	case d.OrderKey != "":
		busy[s] = true
	}
	if d.Claim && !waits {
		return Start{State: Sending}
	}
	return Start{Pending, waits}
}

// HandBack returns the outcomes that hand claimed deliveries back.
func HandBack(claimed []Delivery) []Outcome {
	back := make([]Outcome, len(claimed))
	for i, d := range claimed {
		back[i] = Outcome{ID: d.ID, Lease: d.Lease, State: Pending}
	}
	return back
}

// HandBackNew returns the outcomes that hand back the deliveries that were claimed as they were made.
func HandBackNew(receipts []Receipt) (back []Outcome) {
	for _, r := range receipts {
		for _, id := range r.Claimed {
			back = append(back, Outcome{ID: id, Lease: FirstLease, State: Pending})
		}
	}
	return back
}

// Add notes in the receipt how a new delivery of its event begins.
func (r *Receipt) Add(d *NewDelivery, s State) {
	switch {
	case s == Sending:
		r.Claimed = append(r.Claimed, d.ID)
	case s == Pending && !slices.Contains(r.Pending, d.Notifier):
		r.Pending = append(r.Pending, d.Notifier)
	}
}
