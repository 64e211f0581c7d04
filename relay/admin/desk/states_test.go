package desk

import (
	"testing"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

func TestANotifierFailsIfAllOfItsLastAttemptsDid(t *testing.T) {
	attempts := func(reasons ...string) (all []store.NotifierAttempt) {
		for _, r := range reasons {
			all = append(all, store.NotifierAttempt{Attempt: store.Attempt{Reason: r, Error: "error of " + r}})
		}
		return all
	}
	for _, c := range []struct {
		last []store.NotifierAttempt
		want string
	}{
		{nil, ""}, {attempts("authError"), "authError error of authError"}, {attempts("authError", "dns"), "authError error of authError"},
		{attempts("authError", ""), ""}, {attempts("", "authError"), ""},
	} {
		got := ""
		if f := failingOf(c.last); f != nil {
			got = f.Reason + " " + f.Error
		}
		if got != c.want {
			t.Errorf("%+v: %q, want %q", c.last, got, c.want)
		}
	}
}

func TestRelaysDifferIfOneHasABreak(t *testing.T) {
	n := Notifier{Name: "ops", Configured: true, State: dispatch.Closed}
	if n.Differs() || !n.Sends() {
		t.Error("a notifier of one relay differs, or does not send")
	}
	n.Relays = []RelayState{{Relay: "a", State: dispatch.Closed}, {Relay: "b", State: dispatch.Closed}}
	if n.Differs() {
		t.Error("two alike differ")
	}
	if n.Relays[1].State = dispatch.Open; !n.Differs() {
		t.Error("two that are not alike do not differ")
	}
	if n.Failing = (&Failing{Reason: "authError"}); n.Sends() {
		t.Error("one that fails sends")
	}
}
