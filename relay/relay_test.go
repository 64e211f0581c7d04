package relay_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay"
	"qaserelay/relay/admin"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/app"
	"qaserelay/relay/config"
	"qaserelay/relay/ingest"
	"qaserelay/relay/metrics"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// machine is a whole relay on loopback: rules file, SQLite file, engine and both doors.
type machine struct {
	engine   *relay.Engine
	reloader *config.Reloader
	store    store.Store
	hook     string // the address that Qase would post to
	admin    string
	rules    string // the rules file
	stop     func()
}

// start runs a relay with the given rules in dir, which may hold an earlier one's store.
func start(tb testing.TB, dir, rulesText string, kinds ...notifiers.Kind) *machine {
	tb.Helper()
	m := &machine{rules: filepath.Join(dir, "rules.yaml")}
	if err := os.WriteFile(m.rules, []byte(rulesText), 0o600); err != nil {
		tb.Fatal(err)
	}
	options := config.LoadOptions{Kinds: append(builtin.Kinds(), kinds...)}
	cfg, problems := config.Load([]string{m.rules}, options)
	if err := problems.Err(); err != nil {
		tb.Fatal(err)
	}
	var err error
	if m.store, err = app.OpenStore(tb.Context(), "sqlite:"+filepath.Join(dir, "relay.db"), nil); err != nil {
		tb.Fatal(err)
	}
	metrics := metrics.New(metrics.Options{Version: "test"})
	m.engine = relay.New(relay.Options{Store: m.store, Config: cfg, Metrics: metrics, QaseTimeout: patience})
	m.reloader = config.NewReloader(config.ReloadOptions{Patterns: []string{m.rules}, Load: options, Config: cfg,
		Apply: m.engine.Reload, Observe: metrics.Reloaded})
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := m.engine.Run(ctx); err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	running.Go(func() { _ = m.reloader.Watch(ctx, func(error) {}) })
	var closers []func() error
	m.hook, closers = m.listen(tb, ingest.New(m.ingestOptions(metrics)), closers)
	m.admin, closers = m.listen(tb, admin.New(m.adminOptions(metrics)), closers)
	m.stop = sync.OnceFunc(func() {
		for _, c := range closers {
			_ = c()
		}
		cancel()
		running.Wait()
		if err := m.store.Close(); err != nil {
			tb.Errorf("closing the store: %v", err)
		}
	})
	tb.Cleanup(m.stop)
	for m.engine.Ready(tb.Context()) != nil {
		time.Sleep(time.Millisecond)
	}
	return m
}

func (m *machine) ingestOptions(metrics *metrics.Metrics) ingest.Options {
	return ingest.Options{
		Accept: func(ctx context.Context, ev *event.Event) (string, bool, error) {
			r, err := m.engine.Accept(ctx, ev)
			return r.ID.String(), r.Duplicate, err
		},
		Sources: func() []rules.Source { return m.engine.Config().Sources },
		Ready:   m.engine.Ready,
		Observe: metrics.Ingested,
		Logger:  slog.New(slog.DiscardHandler),
	}
}

func (m *machine) adminOptions(metrics *metrics.Metrics) admin.Options {
	status := func() desk.Status {
		return desk.Status{Notifiers: []desk.Notifier{{Name: "ops", Type: "http", Configured: true}}}
	}
	d := desk.New(desk.Options{Store: m.store, Status: status, Retry: m.engine.Retry, Drift: m.engine.Drift,
		FireNow: m.engine.FireNow, Config: m.engine.Config})
	return admin.Options{Desk: d, Access: access.New(access.Options{}), Metrics: metrics.Handler(), Ready: m.engine.Ready,
		Reload: func(context.Context) error { return m.reloader.Reload() }}
}

func (m *machine) listen(tb testing.TB, h http.Handler, closers []func() error) (string, []func() error) {
	tb.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	server := ingest.Server("", h)
	// both ends are on one machine, which may be busy
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = patience, patience, patience
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(ln) }()
	return "http://" + ln.Addr().String(), append(closers, func() error { _ = server.Close(); return <-ended })
}

// body is a webhook call as Qase makes it, about run id.
func body(id int, title string) string {
	return fmt.Sprintf(`{"event_name":"run.completed","timestamp":1700000000,"payload":{"id":%d,"cases":25,"passed":20,`+
		`"failed":3,"blocked":2,"duration":3721,"title":%q,"environment":{"id":3,"title":"Staging","slug":"staging"},`+
		`"plan":{"id":11,"title":"Regression"},"description":%q},"team_member_id":40,"project_code":"WEB"}`,
		id, title, strings.Repeat("A nightly run over all of it. ", 12))
}

// post sends a call and returns the status and the answer.
func (m *machine) post(tb testing.TB, text string) (int, map[string]any) {
	tb.Helper()
	req, err := http.NewRequest(http.MethodPost, m.hook+"/webhooks/qase", strings.NewReader(text))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("X-Qase-Secret", "s3cret")
	return do(tb, req)
}

func (m *machine) get(tb testing.TB, path string) (int, map[string]any) {
	tb.Helper()
	req, err := http.NewRequest(http.MethodGet, m.admin+path, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return do(tb, req)
}

func do(tb testing.TB, req *http.Request) (int, map[string]any) {
	tb.Helper()
	req.Close = true // or a connection that was idle might be to a machine that had this port before
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	answer := map[string]any{}
	if err := json.Unmarshal(text, &answer); err != nil {
		answer["text"] = string(text)
	}
	return resp.StatusCode, answer
}

// patience is how long a test waits for what happens at once on a machine that is not busy.
const patience = time.Minute

// eventually waits for what other goroutines and processes bring about.
func eventually(tb testing.TB, what string, happened func() bool) {
	tb.Helper()
	for start := time.Now(); !happened(); time.Sleep(time.Millisecond) {
		if time.Since(start) > patience {
			tb.Fatalf("in %s it did not happen that %s", patience, what)
		}
	}
}

// receiver is an HTTP server that notes what arrives.
type receiver struct {
	url    string
	answer func(title string, nth int) int // the status; nil means 200
	mu     sync.Mutex
	titles []string
	ids    []string
	at     []time.Time
}

func receive(tb testing.TB, answer func(title string, nth int) int) *receiver {
	tb.Helper()
	r := &receiver{answer: answer}
	m := &machine{}
	url, closers := m.listen(tb, r, nil)
	r.url = url
	tb.Cleanup(func() { _ = closers[0]() })
	return r
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	var message struct {
		ID    string `json:"delivery_id"`
		Title string `json:"title"`
	}
	if err := json.NewDecoder(req.Body).Decode(&message); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.mu.Lock()
	r.titles, r.ids, r.at = append(r.titles, message.Title), append(r.ids, message.ID), append(r.at, time.Now())
	n := len(r.titles)
	r.mu.Unlock()
	if r.answer != nil {
		status := r.answer(message.Title, n)
		if status == http.StatusTooManyRequests {
			w.Header().Set("Retry-After", "1")
		}
		w.WriteHeader(status)
	}
}

func (r *receiver) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.titles)
}

// rulesFor sends every completed run to the given URL.
func rulesFor(url string) string {
	return `
sources:
  - {name: qase, secrets: [s3cret]}
notifiers:
  - {name: ops, type: http, url: "` + url + `", headers: {X-Key: "k3y"}, retry: {initial: 50ms, max: 200ms, for: 1h}}
rules:
  - name: done
    when: event_name == "run.completed"
    title: "{{ .payload.title }}"
    notify: [ops]
`
}

// rawClient is one keep-alive connection that costs as little as possible, so that the server is what is measured.
type rawClient struct {
	conn net.Conn
	in   *bufio.Reader
	out  bytes.Buffer
}

func dial(tb testing.TB, url string) *rawClient {
	tb.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = conn.Close() })
	return &rawClient{conn: conn, in: bufio.NewReader(conn)}
}

// post sends a call and returns the status.
func (c *rawClient) post(text string) (int, error) {
	c.out.Reset()
	fmt.Fprintf(&c.out, "POST /webhooks/qase HTTP/1.1\r\nHost: relay\r\nContent-Type: application/json\r\n"+
		"X-Qase-Secret: s3cret\r\nContent-Length: %d\r\n\r\n%s", len(text), text)
	if _, err := c.conn.Write(c.out.Bytes()); err != nil {
		return 0, err
	}
	resp, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return 0, err
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, err
}
