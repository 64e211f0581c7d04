package relay

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

func TestAMessageThatIsHandedOverIsTheOneThatIsStored(t *testing.T) {
	e := New(Options{Store: newMemory()})
	ev := &event.Event{Name: "run.completed", Project: "WEB", ReceivedAt: time.Now()}
	for name, n := range map[string]rules.Notification{
		"a short one": {Rule: "r", Notifier: "n", Level: "error", Title: "t"},
		"a whole one": {Rule: "r", Notifier: "n", Level: "info", Title: "a <b> & \u2028", Body: "**b**\n", URL: "https://example.com/?a=b&c",
			Fields: []rules.Field{{Name: "Plan", Value: `\*Smoke\*`}, {Name: "By", Value: "Bob"}}, EntityKey: "qase/WEB/run/7", Series: "qase/WEB/plan/3/", Options: json.RawMessage(`{"channel":"#qa"}`)},
		"a whole one but for options": {Rule: "r", Notifier: "n", Level: "info", Title: "ä", Body: "**b**\n", URL: "https://example.com/",
			Fields: []rules.Field{{Name: "Plan", Value: "Smoke"}}, EntityKey: "k", Series: "s"},
	} {
		made, m, err := e.newDelivery(&config.Config{Config: &rulefile.Config{}}, ev, n)
		if err != nil {
			t.Fatal(err)
		}
		if name != "a short one" {
			holdsAll(t, *m)
		}
		if stored, err := dispatch.MessageOf(store.Delivery{Message: made.Message}); err != nil || !reflect.DeepEqual(*m, stored) {
			t.Errorf("%s: %v\nhanded over %+v\nstored      %+v", name, err, *m, stored)
		}
	}
}

func TestAMessageThatIsCutOffIsNoMessage(t *testing.T) {
	whole := []byte(`{"id":"1","title":"a \\ \" b","options":{"a":["b\\"]},"fields":[{"name":"n","value":"v"}]}`)
	if _, err := dispatch.ReadMessage(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if m, err := dispatch.ReadMessage(whole[:n:n]); err == nil {
			t.Errorf("%s was read as %+v", whole[:n], m)
		}
	}
}

// FuzzReadMessage holds the reader of stored messages against encoding/json.
func FuzzReadMessage(f *testing.F) {
	f.Add("t", "**b**\n", `{"a":["b"]}`, "Plan", int64(1e18))
	f.Add("<&>\u2028\"\\\b", "\xff\x00/", `null`, "", int64(0))
	f.Fuzz(func(t *testing.T, title, body, options, field string, at int64) {
		m := notifiers.Message{ID: "1", Title: title, Body: body, CreatedAt: time.Unix(0, at).UTC(), Fields: []notifiers.Field{{Name: field, Value: body}}}
		if json.Valid([]byte(options)) {
			m.Options = json.RawMessage(options)
		}
		stored, err := json.Marshal(dispatch.StoredMessage{Message: m, Fallbacks: []rules.Fallback{{Notifier: title}}})
		if err != nil {
			t.Fatal(err)
		}
		var want notifiers.Message
		if err := json.Unmarshal(stored, &want); err != nil {
			t.Fatal(err)
		}
		got, err := dispatch.ReadMessage(stored)
		if err != nil && strings.Contains(err.Error(), "nested") { // encoding/json goes deeper
			got, err = dispatch.MessageOf(store.Delivery{Message: stored})
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\ngot  %+v, %v\nwant %+v", stored, got, err, want)
		}
	})
}

// holdsAll makes sure that a message has something in each field that is stored, so that none is forgotten in a comparison.
func holdsAll(t *testing.T, m notifiers.Message) {
	t.Helper()
	v := reflect.ValueOf(m)
	for i := range v.NumField() {
		if f := v.Type().Field(i); f.Tag.Get("json") != "-" && f.Name != "Options" && v.Field(i).IsZero() {
			t.Errorf("the message has no %s", f.Name)
		}
	}
}
