package store

import "slices"

// Add notes a new delivery of the event and returns the state it begins in.
func (r *Receipt) Add(d *NewDelivery, busy map[Lane]bool) Start {
	s := StartOf(d, busy)
	switch {
	case s.State == Sending:
		r.Claimed = append(r.Claimed, d.ID)
	case s.State == Pending && !slices.Contains(r.Pending, d.Notifier):
		r.Pending = append(r.Pending, d.Notifier)
	}
	return s
}
