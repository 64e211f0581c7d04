package http

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/notifierstest"
)

// FuzzEventTextStaysInItsPlaceInARequest puts any text in titles, headers and the default body, and looks at what a
// server reads.
func FuzzEventTextStaysInItsPlaceInARequest(f *testing.F) {
	for _, s := range []string{"", "x\r\nX-Evil: 1", "\"}, {\"a\": 1}", "\xff\xfe", "</script>", "\u2028", "a\x00b",
		"é", strings.Repeat("a", 9000)} {
		f.Add(s)
	}
	n, err := newNotifier(&Config{Timeout: time.Second}, []byte(`{"url":"https://example.com/x"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		options, err := json.Marshal(Options{Headers: map[string]string{"X-Title": s}})
		if err != nil {
			t.Fatal(err)
		}
		call, err := n.(*notifier).prepare(notifierstest.Message(func(m *notifiers.Message) {
			m.Title, m.Body, m.Rule, m.URL, m.Options, m.Fields = s, s, s, s, options,
				[]notifiers.Field{{Name: s, Value: s}}
		}))
		if err != nil {
			t.Fatal(err)
		}
		var body map[string]any
		if err := json.Unmarshal(call.body, &body); err != nil || len(body) != 7 {
			t.Fatalf("%s: %v", call.body, err)
		}
		if want := string([]rune(s)); body["title"] != want { // each byte that is none of UTF-8 is one U+FFFD
			t.Fatalf("the title became %q, not %q", body["title"], want)
		}
		req, err := call.request(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		var wire bytes.Buffer
		if err := req.Write(&wire); err != nil {
			t.Fatal(err)
		}
		head, _, _ := strings.Cut(wire.String(), "\r\n\r\n")
		if lines := strings.Split(head, "\r\n"); len(lines) != 1+1+5 ||
			strings.ContainsAny(strings.ReplaceAll(head, "\r\n", ""), "\r\n\x00") {
			t.Fatalf("the head is %q", lines)
		}
	})
}

// FuzzAURLLeadsNowhereElse puts any text where a rule's template puts an event's, once it is escaped as such templates
// do, and behind a host that a rule wrote.
func FuzzAURLLeadsNowhereElse(f *testing.F) {
	for _, s := range []string{"x", "@evil.io/", "//evil.io", "\\evil.io", "a?b#c", "%00", "..%2f", "\r\nHost: evil.io",
		".evil.io", ":99"} {
		f.Add(s)
	}
	n, err := newNotifier(&Config{Timeout: time.Second,
		AllowHosts: []string{"hooks.example.com", "*.hooks.example.com"}}, nil)
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		for _, raw := range []string{"https://" + s, "https://hooks.example.com" + s, s, "https://hooks.example.com/" +
			s} {
			options, err := json.Marshal(Options{URL: raw})
			if err != nil {
				t.Fatal(err)
			}
			call, err := n.(*notifier).prepare(notifierstest.Message(func(m *notifiers.Message) { m.Options = options }))
			if err != nil {
				continue
			}
			req, err := call.request(t.Context())
			if err != nil {
				continue
			}
			host := strings.ToLower(strings.TrimSuffix(req.URL.Hostname(), "."))
			if host != "hooks.example.com" && !strings.HasSuffix(host, ".hooks.example.com") ||
				strings.ContainsAny(req.URL.String(), "\r\n ") {
				t.Fatalf("%q leads to %q", raw, req.URL)
			}
		}
	})
}

func TestHTTPTakesAnyMessage(t *testing.T) {
	for name, edit := range map[string]func(*notifiers.Message){
		"fields of 1 MiB": func(m *notifiers.Message) {
			m.Fields = notifierstest.ManyFields(strings.Repeat("é",
				1<<15))
		},
		"a body of 1 MiB": func(m *notifiers.Message) { m.Body = strings.Repeat("é", 1<<19) },
		"no title":        func(m *notifiers.Message) { m.Title = "" },
		"broken text":     func(m *notifiers.Message) { m.Title = "a\xff" },
		"nothing at all":  func(m *notifiers.Message) { *m = notifiers.Message{ID: "1", Options: m.Options} },
	} {
		var got []byte
		n := testHTTP(t, notifierstest.Server(t,
			func(_ http.ResponseWriter, r *http.Request) { got, _ = io.ReadAll(r.Body) }))
		if _, err := n.Send(t.Context(), notifierstest.Message(edit)); err != nil || !json.Valid(got) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
	}
}
