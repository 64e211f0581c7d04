package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// Rate returns the rate limit of a target, or no messages if there is none. It is a little below the limit of the service,
// since messages may take different times to arrive.
func (n *Notifier) Rate() store.Rate {
	r := store.Rate(n.Kind.Rate)
	if n.Spec.Rate.Messages > 0 {
		r = store.Rate(n.Spec.Rate)
	}
	r.Per += r.Per / 20
	return r
}

// RateText returns the rate as rules files write it, such as 60/m, or nothing. each means that every target, such as a
// channel, has the rate for itself.
func (n *Notifier) RateText() (text string, each bool) {
	r := n.Kind.Rate
	if n.Spec.Rate.Messages > 0 {
		r = notifiers.Rate(n.Spec.Rate)
	}
	if r.Messages == 0 {
		return "", false
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	if unit == "" { // such as 5 in 2 seconds
		r.Messages, unit = r.Messages*int(time.Minute/r.Per), "m"
	}
	return fmt.Sprintf("%d/%s", r.Messages, unit), n.Kind.Target != nil
}

// Target returns the target of a delivery that has a rate of its own, such as a channel, or nothing.
func (n *Notifier) Target(d store.Delivery) string {
	var m struct {
		Options json.RawMessage `json:"options"`
	}
	if n.Kind.Target == nil || json.Unmarshal(d.Message, &m) != nil {
		return ""
	}
	return n.Kind.Target(n.Spec.Defaults, m.Options)
}

// Line returns the key of the rate that a delivery counts for: that of its notifier or account, and its target.
func (n *Notifier) Line(d store.Delivery) string {
	of := cmp.Or(n.Account, n.Spec.Name)
	if n.Kind.Target == nil {
		return of
	}
	return of + "/" + n.Target(d)
}
