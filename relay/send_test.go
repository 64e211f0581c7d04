package relay

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store/storetest"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
)

func TestAMessageThatIsHandedOverIsTheOneThatIsStored(t *testing.T) {
	e := New(Options{Store: storetest.NewMemory()})
	ev := &event.Event{Name: "run.completed", Project: "WEB", ReceivedAt: time.Now()}
	for name, n := range map[string]rules.Notification{
		"a short one": {Message: message.Message{Rule: "r", Level: "error", Title: "t"}, Notifier: "n"},
		"a whole one": {Message: message.Message{Rule: "r", Level: "info", Title: "a <b> & \u2028", Body: "**b**\n", URL: "https://example.com/?a=b&c",
			Fields: []message.Field{{Name: "Plan", Value: `\*Smoke\*`}, {Name: "By", Value: "Bob"}}}, Notifier: "n", EntityKey: "qase/WEB/run/7", Series: "qase/WEB/plan/3/", Options: json.RawMessage(`{"channel":"#qa"}`)},
		"a whole one but for options": {Message: message.Message{Rule: "r", Level: "info", Title: "ä", Body: "**b**\n", URL: "https://example.com/",
			Fields: []message.Field{{Name: "Plan", Value: "Smoke"}}}, Notifier: "n", EntityKey: "k", Series: "s"},
	} {
		made, m, err := e.newDelivery(&config.Config{Config: &rulefile.Config{}}, ev, n)
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

// holdsAll makes sure that a message has something in each field that is stored, so that none is forgotten in a comparison.
func holdsAll(t *testing.T, m notifiers.Message) {
	t.Helper()
	v := reflect.ValueOf(m)
	for _, f := range reflect.VisibleFields(v.Type()) {
		if f.Tag.Get("json") != "-" && f.Name != "Options" && v.FieldByIndex(f.Index).IsZero() {
			t.Errorf("the message has no %s", f.Name)
		}
	}
}
