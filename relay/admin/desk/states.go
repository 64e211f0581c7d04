package desk

import (
	"context"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

// RelayState is the state of a notifier on one relay.
type RelayState struct {
	Relay   string     `json:"relay"`           // its name, for people
	State   string     `json:"state,omitempty"` // as in [Notifier]; empty if it is not configured there
	Since   *time.Time `json:"state_since,omitempty"`
	Why     string     `json:"why,omitempty"`
	NextTry *time.Time `json:"next_try_at,omitempty"`
}

// Failing says why attempts fail.
type Failing struct {
	Reason string `json:"reason"`          // in one word, as in the metrics
	Error  string `json:"error,omitempty"` // of the last attempt
}

// failingAttempts is how many of the last attempts have to fail before a notifier counts as failing. One with fewer
// attempts fails if all of them did.
const failingAttempts = 5

// Sends reports whether messages go out, and not all of them in vain.
func (n Notifier) Sends() bool {
	return n.Configured && (n.State == "" || n.State == dispatch.Closed) && n.Failing == nil
}

// Differs reports whether the relays have different states of the notifier.
func (n Notifier) Differs() bool {
	for _, r := range n.Relays {
		if r.State != n.Relays[0].State {
			return true
		}
	}
	return false
}

// addRelays adds the states of the notifiers on each relay, if there are several.
func (d *Desk) addRelays(ctx context.Context, list []Notifier) error {
	relays, err := d.o.Relays(ctx)
	if err != nil || len(relays) < 2 {
		return failed("reading the states of notifiers on other relays", err)
	}
	for i := range list {
		for _, r := range relays {
			s := r.Notifiers[list[i].Name]
			list[i].Relays = append(list[i].Relays, RelayState{Relay: r.Name, State: s.State, Why: s.Why,
				Since: optional(s.Since), NextTry: optional(s.NextTry)})
		}
	}
	return nil
}

// mayFail reports whether it has to be asked why attempts fail.
func (n *Notifier) mayFail() bool { return n.Dead > 0 && n.Sends() }

// addFailing adds why notifiers fail that have dead letters.
func (d *Desk) addFailing(ctx context.Context, list []Notifier) error {
	for i := range list {
		n := &list[i]
		if !n.mayFail() {
			continue
		}
		last, err := d.o.Store.LastAttempts(ctx, n.Name, failingAttempts)
		if err != nil {
			return failed("reading the last attempts", err)
		}
		n.Failing = failingOf(last)
	}
	return nil
}

// failingOf returns why attempts failed, or nil if one did not, or there are none.
func failingOf(last []store.NotifierAttempt) *Failing {
	for _, a := range last {
		if a.Reason == "" {
			return nil
		}
	}
	if len(last) == 0 {
		return nil
	}
	return &Failing{Reason: last[0].Reason, Error: last[0].Error}
}
