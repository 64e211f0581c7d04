package relay

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
)

func TestAMessageThatIsHandedOverIsTheOneThatIsStored(t *testing.T) {
	e := New(Options{Store: memory.New(), Config: dispatchtest.Config(nil)})
	ev := &event.Event{Name: "run.completed", Project: "WEB", ReceivedAt: time.Now()}
	for name, n := range map[string]rules.Notification{
		"a short one": {Message: message.Message{Rule: "r", Level: "error", Title: "t"}, Notifier: "n"},
		"a whole one": {Message: message.Message{Rule: "r", Level: "info", Label: "FAILED", Sign: "🔴",
			Title: "a <b> & \u2028 :tada:", Shortcodes: []int{0}, Body: "**b**\n",
			URL: "https://example.com/?a=b&c",
			Fields: []message.Field{{Name: "Plan", Value: `\*Smoke\*`},
				{Name: "By",
					Value: "Bob"}}, Failures: &message.Failures{Total: 1, Items: []message.Failure{{Title: "Login"}}}},
			Notifier: "n", EntityKey: "qase/WEB/run/7", Series: "qase/WEB/plan/3/",
			Options: json.RawMessage(`{"channel":"#qa"}`)},
		"a whole one but for options": {Message: message.Message{Rule: "r", Level: "info", Label: "FAILED", Sign: "🔴",
			Title: ":a: :tada:", Shortcodes: []int{1}, Body: "**b**\n",
			URL:      "https://example.com/",
			Fields:   []message.Field{{Name: "Plan", Value: "Smoke"}},
			Failures: &message.Failures{Total: 1}}, Notifier: "n", EntityKey: "k", Series: "s"},
	} {
		made, m, err := e.newDelivery(&config.Config{Config: &rulefile.Config{}}, 1, ev, n)
		if err != nil {
			t.Fatal(err)
		}
		if name != "a short one" {
			holdsAll(t, *m)
		}
		var stored notifiers.Message
		if err := json.Unmarshal(made.Message, &stored); err != nil || !reflect.DeepEqual(*m, stored) {
			t.Errorf("%s: %v\nhanded over %+v\nstored      %+v", name, err, *m, stored)
		}
	}
}

// holdsAll makes sure that a message has something in each field that is stored, so that none is forgotten in a
// comparison.
func holdsAll(t *testing.T, m notifiers.Message) {
	t.Helper()
	v := reflect.ValueOf(m)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("json") != "-" && f.Name != "Options" && v.FieldByIndex(f.Index).IsZero() {
			t.Errorf("the message has no %s", f.Name)
		}
	}
}

func TestTheMessageIsWholeAtEveryAttempt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var first, second *notifiers.Message
		r := newRig(t, dispatchtest.Senders{"ops": func(_ context.Context, m *notifiers.Message) (notifiers.Receipt,
			error) {
			first, second = second, m
			if first == nil {
				return notifiers.Receipt{}, errors.New("not now")
			}
			return notifiers.Receipt{}, nil
		}})
		ev := newEvent(t, "7", "a")
		if _, err := r.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Minute)
		d, _ := r.memory.Titled(t, "a")
		first.KV, second.KV = nil, nil // one for each attempt
		if fmt.Sprint(*first) != fmt.Sprint(*second) {
			t.Errorf("first %+v, then %+v", *first, *second)
		}
		if second.ID != d.ID.String() || second.Thread != "qase/WEB/run/7" || second.EventName != "run.completed" ||
			second.Project != "WEB" || string(second.Event) != string(ev.Body) || second.Rule != "all" {
			t.Errorf("got %+v", *second)
		}
	})
}
