package relay

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
)

// made is a decision by which one rule sends notifications.
func made(outcome rules.Outcome, ns ...rules.Notification) func(*rules.Set, *event.Event, rules.State) rules.Decision {
	return func(*rules.Set, *event.Event, rules.State) rules.Decision {
		return rules.Decision{Results: []rules.Result{{Rule: "r", Outcome: outcome, Reason: "payload.failed is 0"}},
			Notifications: ns}
	}
}

func toChannel(notifier, channel string, fallbacks ...rules.Fallback) rules.Notification {
	options, err := json.Marshal(map[string]string{"channel": channel})
	if err != nil {
		panic(err)
	}
	return rules.Notification{Message: message.Message{Rule: "r", Title: "to " + channel}, Notifier: notifier,
		Options: options, Fallbacks: fallbacks}
}

// wrongChannels refuses messages to channels that begin with "no".
func wrongChannels(got *dispatchtest.Arrivals) dispatchtest.Sender {
	return func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		var o struct{ Channel string }
		if err := json.Unmarshal(m.Options, &o); err != nil || strings.HasPrefix(o.Channel, "no") {
			return notifiers.Receipt{}, notifiers.Permanent("channel_not_found: %s", o.Channel)
		}
		got.Add(m.ID + " " + m.Title + " in " + o.Channel)
		return notifiers.Receipt{}, nil
	}
}

func TestADeliveryIsRenderedAgainByTheCurrentRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var ops, other dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": wrongChannels(&ops), "other": wrongChannels(&other)})
		r.decide = made(rules.Matched, toChannel("ops", "fine"), toChannel("ops", "nope"), toChannel("other", "fine"))
		r.accept(t, "7", "t")
		synctest.Wait()
		time.Sleep(time.Second)
		dead, _ := r.memory.Titled(t, "to nope")
		r.decide = made(rules.Matched, toChannel("ops", "fine"), toChannel("ops", "yes"), toChannel("other", "fine"))
		if found, err := r.Rerender(t.Context(), dead.ID); !found || err != nil {
			t.Fatal(found, err)
		}
		time.Sleep(time.Second)
		d, attempts, err := r.memory.Delivery(t.Context(), dead.ID)
		if err != nil || d.State != store.Delivered || d.Title != "to yes" || len(attempts) != 2 {
			t.Errorf("it is %s, %q, after %d attempts (%v)", d.State, d.Title, len(attempts), err)
		}
		if got := ops.Titles(); len(got) != 2 || got[1] != dead.ID.String()+" to yes in yes" ||
			len(other.Titles()) != 1 {
			t.Errorf("arrived %v and %v", got, other.Titles())
		}
		if found, err := r.Rerender(t.Context(), dead.ID); found || err != nil {
			t.Errorf("one that was delivered: %v, %v", found, err)
		}
		if _, err := r.Rerender(t.Context(), 12345); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("one that is not there: %v", err)
		}
	})
}

func TestAFallbackIsRenderedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": wrongChannels(&got), "second": wrongChannels(&got)})
		fallback := func(channel string) rules.Fallback {
			return rules.Fallback{Notifier: "second", Options: toChannel("", channel).Options}
		}
		r.decide = made(rules.Matched, toChannel("ops", "nope", fallback("nothere")))
		r.accept(t, "7", "t")
		time.Sleep(time.Second)
		list, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{State: store.Dead, Notifier: "second"})
		if len(list) != 1 {
			t.Fatalf("there are %+v", list)
		}
		r.decide = made(rules.Matched, toChannel("ops", "nope", fallback("here")))
		if found, err := r.Rerender(t.Context(), list[0].ID); !found || err != nil {
			t.Fatal(found, err)
		}
		time.Sleep(time.Second)
		if got := got.Titles(); len(got) != 1 || got[0] != list[0].ID.String()+" to nope in here" {
			t.Errorf("arrived %v", got)
		}
		d, _, _ := r.memory.Delivery(t.Context(), list[0].ID)
		r.decide = made(rules.Matched, toChannel("ops", "nope"))
		if _, err := r.notificationNow(t.Context(), d); err == nil || !strings.Contains(err.Error(), "as a fallback") {
			t.Errorf("without the fallback: %v", err)
		}
	})
}

func TestTheFallbackOfOneOfSeveralPeopleIsRenderedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		r := newRig(t, dispatchtest.Senders{"ops": wrongChannels(&got), "second": wrongChannels(&got)})
		to := func(channel string, beside bool) rules.Fallback {
			return rules.Fallback{Notifier: "second", Options: toChannel("", channel).Options, Beside: beside}
		}
		r.decide = made(rules.Matched, toChannel("ops", "nope", to("ana", false), to("nothere", true), to("cy", true)))
		r.accept(t, "7", "t")
		time.Sleep(time.Second)
		list, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
		dead := slices.IndexFunc(list, func(d store.Delivery) bool { return d.State == store.Dead && d.Notifier == "second" })
		if dead < 0 {
			t.Fatalf("none is dead: %s", r.family(t))
		}
		n, err := r.notificationNow(t.Context(), list[dead])
		if err != nil || string(n.Options) != string(toChannel("", "nothere").Options) || len(n.Fallbacks) > 0 {
			t.Errorf("options %s, %d fallbacks (%v)", n.Options, len(n.Fallbacks), err)
		}
		r.decide = made(rules.Matched, toChannel("ops", "nope", to("ana", false), to("cy", true)))
		if _, err := r.notificationNow(t.Context(), list[dead]); err == nil ||
			!strings.Contains(err.Error(), "as a fallback") {
			t.Errorf("without this person: %v", err)
		}
	})
}

func TestARuleThatMakesNoSuchMessageSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var got dispatchtest.Arrivals
		senders := dispatchtest.Senders{"ops": wrongChannels(&got)}
		r := newRig(t, senders)
		r.decide = made(rules.Matched, toChannel("ops", "nope"))
		r.accept(t, "7", "t")
		time.Sleep(time.Second)
		dead, _ := r.memory.Titled(t, "to nope")
		for name, c := range map[string]struct {
			decide func(*rules.Set, *event.Event, rules.State) rules.Decision
			want   string
		}{
			"a condition that is false": {made(rules.NotMatched),
				`the rule "r" no longer matches the event (payload.failed is 0); qase-relay explain --id`},
			"a rule that is gone": {matchedBy("other"), `the rule "r" is not in the current rules`},
			"another notifier":    {made(rules.Matched, toChannel("x", "y")), `no longer sends this event to "ops"`},
			"no recipient left": {func(*rules.Set, *event.Event, rules.State) rules.Decision {
				return rules.Decision{Results: []rules.Result{{Rule: "r", Outcome: rules.NoRecipients,
					NoRecipients: []string{"ops"}}}}
			}, `has no recipient left for this event at "ops"`},
			"more messages": {made(rules.Matched, toChannel("ops", "a"), toChannel("ops", "b")),
				"now makes 2 messages"},
		} {
			r.decide = c.decide
			var refused *RerenderError
			_, err := r.Rerender(t.Context(), dead.ID)
			if !errors.As(err, &refused) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%s: %v", name, err)
			}
		}
		r.Reload(dispatchtest.Config(dispatchtest.Senders{"x": senders["ops"]}))
		if _, err := r.Rerender(t.Context(), dead.ID); err == nil ||
			!strings.Contains(err.Error(), `the notifier "ops" is not in the current rules`) {
			t.Errorf("without the notifier: %v", err)
		}
		if d, _, _ := r.memory.Delivery(t.Context(), dead.ID); d.State != store.Dead || d.Title != "to nope" {
			t.Errorf("it is %s, %q", d.State, d.Title)
		}
	})
}
