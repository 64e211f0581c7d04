package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
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

// sendWithFallbacks makes one message to the first name, with the others as its fallbacks.
func sendWithFallbacks(names ...string) func(*rules.Set, *event.Event, rules.State) rules.Decision {
	return func(_ *rules.Set, ev *event.Event, _ rules.State) (d rules.Decision) {
		n := rules.Notification{Message: message.Message{Rule: "r", Title: "t"}, Notifier: names[0],
			Options: json.RawMessage(`{"to":"` + names[0] + `"}`), EntityKey: ev.EntityKey()}
		for _, name := range names[1:] {
			n.Fallbacks = append(n.Fallbacks, rules.Fallback{Notifier: name,
				Options: json.RawMessage(`{"to":"` + name + `"}`)})
		}
		d.Notifications = []rules.Notification{n}
		return d
	}
}

// TestEachOfSeveralPeopleHasAFallback also holds for people whose message fails too: the next fallback is for that one.
func TestEachOfSeveralPeopleHasAFallback(t *testing.T) {
	gone := &notifiers.PermanentError{Reason: notifiers.ReasonClient, Err: errors.New("no such hook")}
	synctest.Test(t, func(t *testing.T) {
		var told story
		refusesBo := func(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
			if strings.Contains(string(m.Options), "bo") {
				return told.answers("b", gone)(ctx, m)
			}
			return told.answers("b", nil)(ctx, m)
		}
		r := newRig(t, dispatchtest.Senders{"a": told.answers("a", gone), "b": refusesBo, "c": told.answers("c", nil)})
		r.decide = func(*rules.Set, *event.Event, rules.State) (d rules.Decision) {
			d.Notifications = []rules.Notification{{Message: message.Message{Rule: "r", Title: "t"}, Notifier: "a",
				Fallbacks: []rules.Fallback{{Notifier: "b", Options: json.RawMessage(`{"dm":"ana"}`)},
					{Notifier: "b", Options: json.RawMessage(`{"dm":"bo"}`), Beside: true}, {Notifier: "c"}}}}
			return d
		}
		r.accept(t, "7", "t")
		synctest.Wait()
		time.Sleep(time.Second) // outcomes are written in batches
		synctest.Wait()
		slices.Sort(told.lines)
		if got, want := strings.Join(told.lines, " "), `a:t: b:t:{"dm":"ana"} b:t:{"dm":"bo"} c:t:`; got != want {
			t.Errorf("sent %s, want %s", got, want)
		}
		if got, want := r.family(t), "a dead, b delivered for a, b dead for a, c delivered for b"; got != want {
			t.Errorf("kept %s, want %s", got, want)
		}
	})
}

// story notes what notifiers are asked to send, as notifier:title:options.
type story struct {
	mu    sync.Mutex
	lines []string
}

func (s *story) answers(name string, err error) dispatchtest.Sender {
	return func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.lines = append(s.lines, fmt.Sprintf("%s:%s:%s", name, m.Title, m.Options))
		return notifiers.Receipt{}, err
	}
}

func TestADeadDeliveryGoesToItsFallbacks(t *testing.T) {
	gone := &notifiers.PermanentError{Reason: notifiers.ReasonClient, Err: errors.New("no such hook")}
	cases := []struct {
		name   string
		chain  []string
		fails  string // the notifiers that refuse
		sent   string
		states string
	}{
		{"to the first, and no further", []string{"a", "b", "c"}, "a", `a:t:{"to":"a"} b:t:{"to":"b"}`,
			"a dead, b delivered for a"},
		{"to the next when that one fails permanently too", []string{"a", "b", "c"}, "ab",
			`a:t:{"to":"a"} b:t:{"to":"b"} c:t:{"to":"c"}`, "a dead, b dead for a, c delivered for b"},
		{"until no fallback is left", []string{"a", "b"}, "ab", `a:t:{"to":"a"} b:t:{"to":"b"}`, "a dead, b dead for a"},
		{"past those that are not configured any more", []string{"a", "x", "c"}, "a", `a:t:{"to":"a"} c:t:{"to":"c"}`,
			"a dead, c delivered for a"},
		{"nowhere, if none is configured any more", []string{"a", "x"}, "a", `a:t:{"to":"a"}`, "a dead"},
		{"nowhere, if it arrives", []string{"a", "b"}, "", `a:t:{"to":"a"}`, "a delivered"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var told story
				outs := dispatchtest.Senders{}
				for _, name := range []string{"a", "b", "c"} {
					outs[name] = told.answers(name, nil)
					if strings.Contains(c.fails, name) {
						outs[name] = told.answers(name, gone)
					}
				}
				r := newRig(t, outs)
				r.decide = sendWithFallbacks(c.chain...)
				r.accept(t, "7", "t")
				synctest.Wait()
				if got := strings.Join(told.lines, " "); got != c.sent {
					t.Errorf("sent %s, want %s", got, c.sent)
				}
				if got := r.family(t); got != c.states {
					t.Errorf("kept %s, want %s", got, c.states)
				}
			})
		})
	}
}

// family says what became of each delivery, in the order of their making.
func (r *rig) family(t *testing.T) string {
	t.Helper()
	list, _, err := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
	if err != nil {
		t.Fatal(err)
	}
	of := map[store.ID]string{}
	var states []string
	for _, d := range list {
		of[d.ID] = d.Notifier
		state := d.Notifier + " " + string(d.State)
		if d.FallbackFor != 0 {
			state += " for " + of[d.FallbackFor]
		}
		states = append(states, state)
	}
	return strings.Join(states, ", ")
}

func TestADryRunHasNoFallbacks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told story
		r := newRig(t, dispatchtest.Senders{"a": told.answers("a", nil), "b": told.answers("b", nil)},
			func(o *Options) { o.DryRun = true })
		r.decide = sendWithFallbacks("a", "b")
		r.accept(t, "7", "t")
		synctest.Wait()
		if got := r.family(t); got != "a cancelled" || len(told.lines) > 0 {
			t.Errorf("kept %s, sent %q", got, told.lines)
		}
	})
}

func TestAFallbackIsAMessageOfItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ids := map[string]string{}
		note := func(name string, err error) dispatchtest.Sender {
			return func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
				ids[name] = m.ID + " " + m.Thread + " " + string(m.Event)
				return notifiers.Receipt{}, err
			}
		}
		gone := &notifiers.PermanentError{Reason: notifiers.ReasonClient, Err: errors.New("no such hook")}
		r := newRig(t, dispatchtest.Senders{"a": note("a", gone), "b": note("b", nil)})
		r.decide = sendWithFallbacks("a", "b")
		ev := newEvent(t, "7", "t")
		if _, err := r.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		list, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
		for i, name := range []string{"a", "b"} {
			if want := list[i].ID.String() + " " + ev.EntityKey() + " " + string(ev.Body); ids[name] != want {
				t.Errorf("%s got %s, want %s", name, ids[name], want)
			}
		}
		if list[0].OrderKey != list[1].OrderKey || list[0].EventID != list[1].EventID {
			t.Errorf("the fallback belongs to another event or entity: %+v", list)
		}
	})
}
