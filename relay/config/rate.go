package config

import (
	"cmp"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// Rate returns how much a target takes, or no messages if there is no limit. It is a little less than what is allowed, since messages
// may take different times to arrive.
func (o *Out) Rate() store.Rate {
	r := store.Rate(o.Kind.Rate)
	if o.Spec.Rate.Messages > 0 {
		r = store.Rate(o.Spec.Rate)
	}
	r.Per += r.Per / 20
	return r
}

// RateText is the rate as rules files have it, such as 60/m, or empty; each says that every target of its own has it, such as a channel.
func (o *Out) RateText() (text string, each bool) {
	r := o.Kind.Rate
	if o.Spec.Rate.Messages > 0 {
		r = notifiers.Rate(o.Spec.Rate)
	}
	if r.Messages == 0 {
		return "", false
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	if unit == "" { // a service's own, such as 5 in 2 seconds
		r.Messages, unit = r.Messages*int(time.Minute/r.Per), "m"
	}
	return fmt.Sprintf("%d/%s", r.Messages, unit), o.Kind.Target != nil
}

// Target names what the rate counts for a delivery.
func (o *Out) Target(d store.Delivery) string {
	var m struct {
		Options json.RawMessage `json:"options"`
	}
	if o.Kind.Target == nil || json.Unmarshal(d.Message, &m) != nil {
		return ""
	}
	return o.Kind.Target(o.Spec.Defaults, m.Options)
}

// Line names the rate that a delivery has a place in: its notifier's, or that of the account, and there the target's.
func (o *Out) Line(d store.Delivery) string {
	of := cmp.Or(o.Account, o.Spec.Name)
	if o.Kind.Target == nil {
		return of
	}
	return of + "/" + o.Target(d)
}
