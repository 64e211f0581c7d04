package ingest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/ingest/refused"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

const goodBody = `{"event_name":"run.completed","timestamp":1700000000,"payload":{"id":7},"team_member_id":1,"project_code":"WEB"}`

// door is a running public server, and what it did.
type door struct {
	url    string
	events []*event.Event
	logs   *bytes.Buffer
	seen   []int

	handler *Handler
}

func open(t *testing.T, adjust ...func(*Options)) *door {
	t.Helper()
	d := &door{logs: &bytes.Buffer{}}
	sources := []rules.Source{
		{Name: "qase", Secrets: [][32]byte{sha256.Sum256([]byte("old")), sha256.Sum256([]byte("new"))},
			Projects: []string{"WEB", "API"}},
		{Name: "far", Secrets: [][32]byte{sha256.Sum256([]byte("new"))},
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}},
		{Name: "near", Secrets: [][32]byte{sha256.Sum256([]byte("new"))},
			AllowFrom: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}},
		{Name: "none"},
	}
	o := Options{
		Accept: func(_ context.Context, ev *event.Event) (string, bool, error) {
			d.events = append(d.events, ev)
			return "01f3k9q2m0g00", false, nil
		},
		Sources: func() []rules.Source { return sources },
		Observe: func(status int, _ time.Duration) { d.seen = append(d.seen, status) },
		MaxBody: 4096,
		Logger:  slog.New(slog.NewTextHandler(d.logs, nil)),
	}
	for _, f := range adjust {
		f(&o)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d.handler = New(o)
	server := Server("", d.handler)
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	t.Cleanup(func() { _ = server.Close(); <-ended })
	d.url = "http://" + ln.Addr().String()
	return d
}

type request struct {
	method, path, secret, body string
	chunked                    bool
	encoding                   string
	header                     http.Header
}

func (d *door) do(t *testing.T, r request) (*http.Response, map[string]any) {
	t.Helper()
	body := io.Reader(strings.NewReader(r.body))
	if r.chunked {
		body = io.MultiReader(body) // hides the length
	}
	req, err := http.NewRequest(r.method, d.url+r.path, body)
	if err != nil {
		t.Fatal(err)
	}
	for name, values := range r.header {
		req.Header[name] = values
	}
	if r.encoding != "" {
		req.Header.Set("Content-Encoding", r.encoding)
	}
	if r.secret != "" {
		req.Header.Set("X-Qase-Secret", r.secret)
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	answer := map[string]any{}
	if r.method != http.MethodHead {
		if err := json.Unmarshal(text, &answer); err != nil {
			t.Errorf("the answer is not JSON: %s", text)
		}
	}
	if got := resp.Header.Get("Content-Type"); got != "application/json" {
		t.Errorf("content type %q", got)
	}
	return resp, answer
}

func TestEveryCallGetsItsStatus(t *testing.T) {
	long := `{"event_name":"` + strings.Repeat("x", 5000) + `"}`
	hook := func(secret, body string) request {
		return request{method: "POST", path: "/webhooks/qase", secret: secret, body: body}
	}
	cases := []struct {
		name   string
		req    request
		status int
		reason string // part of the error
	}{
		{"a good call is stored", hook("new", goodBody), 202, ""},
		{"while rotating, the old secret is good too", hook("old", goodBody), 202, ""},
		{"a body without a length is fine", request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody, chunked: true}, 202, ""},
		{"an unknown event is fine", hook("new", `{"event_name":"x.y","payload":{},"project_code":"WEB"}`), 202, ""},
		{"an allowed address is let in", request{method: "POST", path: "/webhooks/near", secret: "new", body: goodBody},
			202, ""},
		{"no secret", hook("", goodBody), 401, "X-Qase-Secret"},
		{"a wrong secret", hook("ne", goodBody), 401, "X-Qase-Secret"},
		{"a source without secrets refuses everyone", request{method: "POST", path: "/webhooks/none", body: goodBody},
			401, "secret"},
		{"a project that is not allowed", hook("new", strings.Replace(goodBody, "WEB", "OPS", 1)), 403, "project"},
		{"an address that is not allowed", request{method: "POST", path: "/webhooks/far", secret: "new",
			body: goodBody}, 403, "address"},
		{"an empty body", hook("new", ""), 400, "empty"},
		{"not JSON", hook("new", "event=1"), 400, "not JSON"},
		{"half of a JSON object", hook("new", goodBody[:50]), 400, "ends in the middle"},
		{"a JSON array", hook("new", "[]"), 400, "want an object"},
		{"no event_name", hook("new", `{"payload":{}}`), 400, "event_name"},
		{"an event of the relay", hook("new", `{"event_name":"relay.silent","payload":{}}`), 400, "relay itself"},
		{"a payload that is no object", hook("new", `{"event_name":"run.completed","payload":[]}`), 400, "payload"},
		{"a body that is too large", hook("new", long), 413, "too large"},
		{"a body that is too large and does not say so", request{method: "POST", path: "/webhooks/qase", secret: "new", body: long, chunked: true}, 413,
			"too large"},
		{"a wrong secret before a large body", hook("no", long), 401, "secret"},
		{"an unknown source", request{method: "POST", path: "/webhooks/other", secret: "new", body: goodBody}, 404,
			"source"},
		{"a source with an escaped slash", request{method: "POST", path: "/webhooks/qase%2Fx", secret: "new",
			body: goodBody}, 404, ""},
		{"GET on a source", request{method: "GET", path: "/webhooks/qase"}, 405, "POST"},
		{"PUT on a source", request{method: "PUT", path: "/webhooks/qase", secret: "new", body: goodBody}, 405, "POST"},
		{"no source", request{method: "POST", path: "/webhooks/"}, 404, ""},
		{"a longer path", request{method: "POST", path: "/webhooks/qase/x", secret: "new", body: goodBody}, 404, ""},
		{"a trailing slash", request{method: "POST", path: "/webhooks/qase/", secret: "new", body: goodBody}, 202, ""},
		{"two slashes", request{method: "POST", path: "//webhooks/qase", secret: "new", body: goodBody}, 202, ""},
		{"slashes everywhere", request{method: "POST", path: "//webhooks//qase//", secret: "new", body: goodBody}, 202,
			""},
		{"a misspelled path", request{method: "POST", path: "/webhook/qase", secret: "new", body: goodBody}, 404,
			"/webhooks/SOURCE"},
		{"UTF-16", hook("new", "{\x00\"\x00"), 400, "UTF-16"},
		{"dots", request{method: "POST", path: "/x/../webhooks/qase", secret: "new", body: goodBody}, 404, ""},
		{"the root", request{method: "GET", path: "/"}, 404, ""},
		{"alive", request{method: "GET", path: "/healthz"}, 200, ""},
		{"ready", request{method: "GET", path: "/readyz"}, 200, ""},
		{"ready, only the head", request{method: "HEAD", path: "/readyz"}, 200, ""},
		{"a probe that posts", request{method: "POST", path: "/healthz"}, 405, "GET"},
		{"no metrics here", request{method: "GET", path: "/metrics"}, 404, ""},
		{"no reload here", request{method: "POST", path: "/-/reload"}, 404, ""},
		{"no admin API here", request{method: "GET", path: "/api/v1/events"}, 404, ""},
		{"no health of the admin address here", request{method: "GET", path: "/-/healthy"}, 404, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := open(t)
			resp, answer := d.do(t, c.req)
			if resp.StatusCode != c.status {
				t.Errorf("got %d %v, want %d", resp.StatusCode, answer, c.status)
			}
			if message, _ := answer["error"].(string); !strings.Contains(message, c.reason) {
				t.Errorf("the error is %q, want it to have %q", message, c.reason)
			}
			if accepted := len(d.events) == 1; accepted != (c.status == 202) {
				t.Errorf("%d events were accepted", len(d.events))
			}
		})
	}
}

func TestTheAnswerNamesTheEvent(t *testing.T) {
	d := open(t)
	_, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody})
	if len(answer) != 1 || answer["event_id"] != "01f3k9q2m0g00" {
		t.Errorf("got %v", answer)
	}
	ev := d.events[0]
	if ev.Source != "qase" || ev.Name != "run.completed" || ev.Project != "WEB" || string(ev.Body) != goodBody {
		t.Errorf("accepted %+v", ev)
	}
	d = open(t, func(o *Options) {
		o.Accept = func(context.Context, *event.Event) (string, bool, error) { return "01f3k9q2m0g00", true, nil }
	})
	resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody})
	if resp.StatusCode != 202 || len(answer) != 2 || answer["duplicate"] != true ||
		answer["event_id"] != "01f3k9q2m0g00" {
		t.Errorf("a duplicate gets %d %v", resp.StatusCode, answer)
	}
}

func TestMethodNotAllowedSaysWhatIs(t *testing.T) {
	d := open(t)
	resp, _ := d.do(t, request{method: "GET", path: "/webhooks/qase"})
	if resp.Header.Get("Allow") != "POST" {
		t.Errorf("Allow: %q", resp.Header.Get("Allow"))
	}
}

func TestAStoreThatFailsIsTheOperatorsBusiness(t *testing.T) {
	for name, accept := range map[string]func() error{
		"an error": func() error { return errors.New("open /var/lib/secret-place: disk full") },
		"a panic":  func() error { panic("disk full in /var/lib/secret-place") },
	} {
		t.Run(name, func(t *testing.T) {
			d := open(t, func(o *Options) {
				o.Accept = func(context.Context, *event.Event) (string, bool, error) { return "", false, accept() }
				o.Ready = func(context.Context) error { return errors.New("open /var/lib/secret-place") }
			})
			resp, answer := d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody})
			if resp.StatusCode != 503 || answer["error"] != "the event could not be stored; try again" ||
				resp.Header.Get("Retry-After") == "" {
				t.Errorf("got %d %v %v", resp.StatusCode, answer, resp.Header)
			}
			if !strings.Contains(d.logs.String(), "disk full") {
				t.Errorf("the log does not say why:\n%s", d.logs)
			}
			if len(d.seen) != 1 || d.seen[0] != 503 {
				t.Errorf("observed %v", d.seen)
			}
			resp, answer = d.do(t, request{method: "GET", path: "/readyz"})
			if resp.StatusCode != 503 || answer["error"] != "not ready" {
				t.Errorf("readiness: %d %v", resp.StatusCode, answer)
			}
		})
	}
}

// networks returns networks as rules files name them.
func networks(texts ...string) func() []netip.Prefix {
	var all []netip.Prefix
	for _, text := range texts {
		all = append(all, netip.MustParsePrefix(text))
	}
	return func() []netip.Prefix { return all }
}

func TestAllowFromBehindAProxy(t *testing.T) {
	call := func(lines ...string) request {
		return request{method: "POST", path: "/webhooks/far", secret: "new", body: goodBody,
			header: http.Header{"X-Forwarded-For": lines}}
	}
	d := open(t, func(o *Options) { o.TrustedProxies = networks("127.0.0.0/8", "10.0.0.0/8") })
	for _, c := range []struct {
		lines  []string
		status int
	}{
		{[]string{"192.0.2.7"}, 202}, {[]string{"192.0.2.7, 10.1.1.1"}, 202}, {[]string{"192.0.2.7", "10.1.1.1"}, 202},
		{[]string{"3.3.3.3"}, 403}, {[]string{"192.0.2.7, 3.3.3.3"}, 403}, {nil, 403}, {[]string{"unknown"}, 403},
	} {
		if resp, answer := d.do(t, call(c.lines...)); resp.StatusCode != c.status {
			t.Errorf("%v: got %d %v, want %d", c.lines, resp.StatusCode, answer, c.status)
		}
	}
	if logs := d.logs.String(); !strings.Contains(logs, "client=3.3.3.3 peer=127.0.0.1:") ||
		strings.Contains(logs, "trusted_proxies") {
		t.Errorf("logs:\n%s", logs)
	}
	d = open(t)
	for range 3 {
		if resp, _ := d.do(t, call("192.0.2.7")); resp.StatusCode != 403 {
			t.Errorf("without trust: %d", resp.StatusCode)
		}
	}
	if logs := d.logs.String(); strings.Count(logs, "settings.trusted_proxies or --trusted-proxies") != 1 ||
		!strings.Contains(logs, "peer=127.0.0.1") {
		t.Errorf("logs:\n%s", logs)
	}
}

func TestAWrongPathIsLoggedAndCounted(t *testing.T) {
	d := open(t)
	for range 5 {
		d.do(t, request{method: "POST", path: "/webhook/" + strings.Repeat("q", 3000), secret: "new", body: goodBody})
	}
	logs := d.logs.String()
	if strings.Count(logs, "\n") != 1 || !strings.Contains(logs, "path=/webhook/qqq") || len(logs) > 600 {
		t.Errorf("logs:\n%s", logs)
	}
	if fmt.Sprint(d.seen) != "[404 404 404 404 404]" {
		t.Errorf("counted %v", d.seen)
	}
}

func TestRefusalsAreCountedBySource(t *testing.T) {
	counted := map[string]int{}
	d := open(t, func(o *Options) {
		o.Refused = func(c refused.Call) {
			if counted[fmt.Sprint(c.Source, " ", c.Status)]++; c.Reason == "" || c.Sender != "127.0.0.1" || c.At.IsZero() {
				t.Errorf("refused: %+v", c)
			}
		}
	})
	for _, r := range []request{
		{method: "POST", path: "/webhooks/qase", secret: "wrong", body: goodBody},
		{method: "POST", path: "/webhooks/qase", secret: "new", body: "x"},
		{method: "POST", path: "/webhooks/far", secret: "new", body: goodBody},
		{method: "POST", path: "/webhooks/" + strings.Repeat("q", 300), secret: "new", body: goodBody},
		{method: "POST", path: "/elsewhere", secret: "new", body: goodBody},
		{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody},
	} {
		d.do(t, r)
	}
	want := map[string]int{"qase 401": 1, "qase 400": 1, "far 403": 1, " 404": 2}
	if !maps.Equal(counted, want) {
		t.Errorf("counted %v, want %v", counted, want)
	}
}

func TestRefusalsDoNotFloodTheLog(t *testing.T) {
	d := open(t)
	for range 50 {
		d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "hunter2", body: goodBody})
		d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: "x"})
	}
	if n := strings.Count(d.logs.String(), "\n"); n != 2 {
		t.Errorf("100 refusals of two kinds wrote %d lines:\n%s", n, d.logs)
	}
	if strings.Contains(d.logs.String(), "hunter2") {
		t.Error("the log holds a secret")
	}
}

func TestABodyThatNeverEndsIsGivenUp(t *testing.T) {
	d := open(t, func(o *Options) { o.MaxBody = 1000 })
	conn, err := net.Dial("tcp", strings.TrimPrefix(d.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, _ = io.WriteString(conn,
		"POST /webhooks/qase HTTP/1.1\r\nHost: x\r\nX-Qase-Secret: new\r\nContent-Length: 500\r\n\r\n{")
	_ = conn.(*net.TCPConn).CloseWrite()
	answer, _ := io.ReadAll(conn)
	if !strings.HasPrefix(string(answer), "HTTP/1.1 400") {
		t.Errorf("got %q", answer)
	}
	if len(d.events) != 0 {
		t.Error("half a body was accepted")
	}
}

func TestTheServerHasLimits(t *testing.T) {
	s := Server(":8080", nil)
	if s.ReadHeaderTimeout != 5*time.Second || s.ReadTimeout != 10*time.Second || s.WriteTimeout != 15*time.Second ||
		s.IdleTimeout != 75*time.Second || s.MaxHeaderBytes != 32<<10 || s.Addr != ":8080" {
		t.Errorf("got %+v", s)
	}
}

func TestAnEventIsReceivedByTheClockOfTheStore(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	d := open(t, func(o *Options) { o.Now = func() time.Time { return now } })
	d.do(t, request{method: "POST", path: "/webhooks/qase", secret: "new", body: goodBody})
	if len(d.events) != 1 || !d.events[0].ReceivedAt.Equal(now) {
		t.Errorf("received %v", d.events)
	}
}
