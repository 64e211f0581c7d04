package http

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestTheDefaultBodyOfADigestHasItsEvents(t *testing.T) {
	const row = `{"event_name":"relay.digest","timestamp":1,"payload":{},"project_code":"WEB",`
	for name, c := range map[string]struct{ name, event, want string }{
		"two as they came": {digestEvent, row + `"count":5,"more":3,"events":[{"a": 1e3,  "é":"\u00e9 < &"},{"b":2}]}`,
			`"count":5,"events":[{"a": 1e3,  "é":"\u00e9 < &"},{"b":2}],"more":3}`},
		"none":          {digestEvent, row + `"count":0,"more":0,"events":[]}`, `"count":0,"events":[],"more":0}`},
		"a broken byte": {digestEvent, row + `"count":2,"more":1,"events":[{"a":"` + "\xff" + `"}]}`, `"count":2,"events":[{"a":"` + "\uFFFD" + `"}],"more":1}`},
		"one event of Qase": {"run.completed", `{"count":5,"more":3,"events":[1]}`,
			`"event":{"count":5,"more":3,"events":[1]}}`},
		"no events": {digestEvent, `{"count":5}`, `"event":{"count":5}}`},
		"no list":   {digestEvent, `{"count":5,"events":null}`, `"event":{"count":5,"events":null}}`},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			n := testHTTP(t, notifierstest.Server(t,
				func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
			m := notifierstest.Message(func(m *notifiers.Message) { m.EventName, m.Event, m.URL = c.name, []byte(c.event), "" })
			if _, err := n.Send(t.Context(), m); err != nil {
				t.Fatal(err)
			}
			if want := `"url":"",` + c.want; !json.Valid(got) || len(got) < len(want) || string(got[len(got)-len(want):]) != want {
				t.Errorf("got %s\nwant … %s", got, want)
			}
		})
	}
}
