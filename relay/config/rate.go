package config

import (
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/notifiers"
)

// Rate returns the rate that messages to one target keep, or no messages if there is no limit. It is a little below the
// limit of the service, since messages may take different times to arrive.
func (n *Notifier) Rate() notifiers.Rate {
	r := n.limit()
	r.Per += r.Per / 20
	return r
}

// RateText returns the limit as rules files write it, such as 60/m, or nothing. each means that every target, such as a
// channel, has the limit for itself.
func (n *Notifier) RateText() (text string, each bool) {
	r := n.limit()
	if r.Messages == 0 {
		return "", false
	}
	unit := map[time.Duration]string{time.Second: "s", time.Minute: "m", time.Hour: "h"}[r.Per]
	if unit == "" { // such as 5 in 2 seconds
		r.Messages, unit = r.Messages*int(time.Minute/r.Per), "m"
	}
	return fmt.Sprintf("%d/%s", r.Messages, unit), n.Kind.Target != nil
}

// limit returns the limit in the rules file, or else that of the kind.
func (n *Notifier) limit() notifiers.Rate {
	if n.Spec.Rate.Messages > 0 {
		return notifiers.Rate(n.Spec.Rate)
	}
	return n.Kind.Rate
}

// RateKey returns the key of the rate that a stored message counts for: its account or notifier, and its target.
func (n *Notifier) RateKey(message json.RawMessage) string {
	key := cmp.Or(n.Account, n.Spec.Name)
	if n.Kind.Target == nil {
		return key
	}
	return key + "/" + n.target(message)
}

// target returns the target of a stored message, such as a channel, or nothing.
func (n *Notifier) target(message json.RawMessage) string {
	var m struct {
		Options json.RawMessage `json:"options"`
	}
	if json.Unmarshal(message, &m) != nil {
		return ""
	}
	return n.Kind.Target(n.Spec.Defaults, m.Options)
}

// accountOf returns a digest of the account of a notifier, since the account itself may be a secret. It is empty if the
// kind has no accounts.
func accountOf(k notifiers.Kind, config any) string {
	if k.Account == nil {
		return ""
	}
	account := k.Account(config)
	if account == "" { // its variable is unset
		return ""
	}
	return fmt.Sprintf("%s#%x", k.Type, sha256.Sum256([]byte(account)))[:len(k.Type)+1+32]
}
