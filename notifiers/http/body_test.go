package http

import (
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"unicode/utf8"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

func TestTheEventInThedefaultBodyIsAlwaysJSON(t *testing.T) {
	for name, c := range map[string]struct{ event, want string }{
		"as it came":    {` {"a": 1e3,  "é":"\u00e9 < &"} `, `{"a": 1e3,  "é":"\u00e9 < &"}`},
		"a broken byte": {"{\"title\":\"a\xffb\"}", "{\"title\":\"a\uFFFDb\"}"},
		"each broken byte for itself": {"{\"title\":\"\xc3\xed\xa0\x80é\"}",
			"{\"title\":\"\uFFFD\uFFFD\uFFFD\uFFFDé\"}"},
		"U+FFFD that Qase wrote stays one": {"{\"title\":\"\uFFFD\"}", "{\"title\":\"\uFFFD\"}"},
		"none":                             {"", "null"},
	} {
		t.Run(name, func(t *testing.T) {
			var got []byte
			n := testHTTP(t, notifierstest.Server(t,
				func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
			if _, err := n.Send(t.Context(),
				notifierstest.Message(func(m *notifiers.Message) { m.Event = []byte(c.event) })); err != nil {
				t.Fatal(err)
			}
			var body struct{ Event json.RawMessage }
			if err := json.Unmarshal(got, &body); err != nil || !utf8.Valid(got) || string(body.Event) != c.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
}
