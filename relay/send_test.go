package relay

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
)

func TestAMessageThatIsHandedOverIsTheOneThatIsStored(t *testing.T) {
	e := New(Options{Store: newMemory()})
	ev := &rules.Event{Name: "run.completed", Project: "WEB", ReceivedAt: time.Now()}
	for name, n := range map[string]rules.Notification{
		"a short one": {Rule: "r", Notifier: "n", Level: "error", Title: "t"},
		"a whole one": {Rule: "r", Notifier: "n", Level: "info", Title: "a <b> & \u2028", Body: "**b**\n", URL: "https://example.com/?a=b&c",
			Fields: []rules.Field{{Name: "Plan", Value: `\*Smoke\*`}, {Name: "By", Value: "Bob"}}, EntityKey: "qase/WEB/run/7", Options: json.RawMessage(`{"channel":"#qa"}`)},
	} {
		made, err := e.newDelivery(&Config{Config: &rules.Config{}}, ev, n)
		if err != nil {
			t.Fatal(err)
		}
		d := store.Delivery{Message: made.Message, Decoded: made.Decoded}
		fresh, err := messageOf(d)
		if err != nil {
			t.Fatal(err)
		}
		d.Decoded = nil
		if stored, err := messageOf(d); err != nil || !reflect.DeepEqual(fresh, stored) {
			t.Errorf("%s: %v\nhanded over %+v\nstored      %+v", name, err, fresh, stored)
		}
	}
}
