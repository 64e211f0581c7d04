package dispatch

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/rules"
	"qaserelay/rules/message"
)

func TestAMessageThatIsCutOffIsNoMessage(t *testing.T) {
	whole := []byte(`{"id":"1","title":"a \\ \" b","options":{"a":["b\\"]},"fields":[{"name":"n","value":"v"}]}`)
	if _, err := decodeMessage(whole); err != nil {
		t.Fatal(err)
	}
	for n := range whole {
		if m, err := decodeMessage(whole[:n:n]); err == nil {
			t.Errorf("%s was read as %+v", whole[:n], m)
		}
	}
}

// FuzzReadMessage holds the reader of stored messages against encoding/json.
func FuzzReadMessage(f *testing.F) {
	f.Add("t", "**b**\n", `{"a":["b"]}`, "Plan", int64(1e18))
	f.Add("<&>\u2028\"\\\b", "\xff\x00/", `null`, "", int64(0))
	f.Fuzz(func(t *testing.T, title, body, options, field string, at int64) {
		m := notifiers.Message{ID: "1", CreatedAt: time.Unix(0, at).UTC(),
			Message: message.Message{Title: title, Body: body, Fields: []message.Field{{Name: field, Value: body}}}}
		if json.Valid([]byte(options)) {
			m.Options = json.RawMessage(options)
		}
		stored, err := json.Marshal(StoredMessage{Message: m, Fallbacks: []rules.Fallback{{Notifier: title}}})
		if err != nil {
			t.Fatal(err)
		}
		var want notifiers.Message
		if err := json.Unmarshal(stored, &want); err != nil {
			t.Fatal(err)
		}
		got, err := decodeMessage(stored)
		if err != nil && strings.Contains(err.Error(), "nested") { // encoding/json goes deeper
			err = readMessage(stored, &got)
		}
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Fatalf("%s\ngot  %+v, %v\nwant %+v", stored, got, err, want)
		}
	})
}
