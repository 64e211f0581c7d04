package app

import (
	"compress/gzip"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	metricsv1 "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	common "go.opentelemetry.io/proto/otlp/common/v1"
	spanv1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
)

// collector is a receiver of OTLP over HTTP.
type collector struct {
	url string

	mu      sync.Mutex
	spans   []*spanv1.Span
	names   map[string]bool // of metrics
	service string
	headers http.Header
}

func startCollector(t *testing.T) *collector {
	t.Helper()
	c := &collector{names: map[string]bool{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
				return
			}
		}
		data, err := io.ReadAll(body)
		if err == nil {
			err = c.take(r, data)
		}
		if err != nil {
			t.Error(err)
		}
		w.Header().Set("Content-Type", "application/x-protobuf")
	}))
	t.Cleanup(server.Close)
	c.url = server.URL
	return c
}

func (c *collector) take(r *http.Request, data []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.headers = r.Header
	switch r.URL.Path {
	case "/v1/traces":
		var request tracev1.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &request); err != nil {
			return err
		}
		for _, resource := range request.GetResourceSpans() {
			c.service = attribute(resource.GetResource().GetAttributes(), "service.name")
			for _, scope := range resource.GetScopeSpans() {
				c.spans = append(c.spans, scope.GetSpans()...)
			}
		}
	case "/v1/metrics":
		var request metricsv1.ExportMetricsServiceRequest
		if err := proto.Unmarshal(data, &request); err != nil {
			return err
		}
		for _, resource := range request.GetResourceMetrics() {
			for _, scope := range resource.GetScopeMetrics() {
				for _, m := range scope.GetMetrics() {
					c.names[m.GetName()] = true
				}
			}
		}
	default:
		return fmt.Errorf("a request to %s", r.URL.Path)
	}
	return nil
}

func attribute(all []*common.KeyValue, key string) string {
	for _, kv := range all {
		if kv.GetKey() == key {
			if text := kv.GetValue().GetStringValue(); text != "" {
				return text
			}
			return fmt.Sprint(kv.GetValue().GetIntValue())
		}
	}
	return ""
}

// named returns the spans with a name, the first ended first.
func (c *collector) named(name string) (found []*spanv1.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, s := range c.spans {
		if s.GetName() == name {
			found = append(found, s)
		}
	}
	slices.SortFunc(found, func(a, b *spanv1.Span) int { return int(a.GetEndTimeUnixNano()) - int(b.GetEndTimeUnixNano()) })
	return found
}

// await returns the spans with a name once there are so many.
func (c *collector) await(t *testing.T, name string, count int) []*spanv1.Span {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		if found := c.named(name); len(found) >= count {
			return found
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var names []string
	for _, s := range c.spans {
		names = append(names, s.GetName())
	}
	t.Fatalf("want %d spans %q, have %q", count, name, names)
	return nil
}

// has reports whether a metric has come.
func (c *collector) has(metric string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.names[metric]
}

// about returns the service and the login of the last request.
func (c *collector) about() (service, login string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.service, c.headers.Get("Authorization")
}

// count returns how many spans and metrics have come.
func (c *collector) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.spans) + len(c.names)
}

func traceID(s *spanv1.Span) string { return hex.EncodeToString(s.GetTraceId()) }

// tracedRelay runs a relay on a store until the returned function is called.
func tracedRelay(t *testing.T, o Options) (r *Relay, stop func()) {
	t.Helper()
	cfg, problems := config.Load(o.Rules, config.LoadOptions{})
	if cfg == nil {
		t.Fatal(problems)
	}
	started := make(chan *Relay, 1)
	o.Config, o.Listen, o.AdminListen, o.Logger = cfg, "127.0.0.1:0", "127.0.0.1:0", slog.New(slog.DiscardHandler)
	o.Started = func(r *Relay) { started <- r }
	r, err := Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	select {
	case <-started:
	case err := <-ended:
		t.Fatalf("the relay ended: %v", err)
	}
	return r, stop
}

func (r *Relay) post(t *testing.T, traceparent, body string) (id string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, r.WebhookURL("qase"), strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("X-Qase-Secret", "s3cret-s3cret-s3cret")
	if traceparent != "" {
		req.Header.Set("Traceparent", traceparent)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var answer struct {
		ID string `json:"event_id"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&answer); err != nil || resp.StatusCode != http.StatusAccepted {
		t.Fatalf("status %s: %v", resp.Status, err)
	}
	return answer.ID
}

// receiver answers with 503 until it is repaired.
func flakyReceiver(t *testing.T) (url string, repair func()) {
	t.Helper()
	var mu sync.Mutex
	broken := true
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		mu.Lock()
		defer mu.Unlock()
		if broken {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	return server.URL, func() { mu.Lock(); broken = false; mu.Unlock() }
}

func writeTracedRules(t *testing.T, receiver, rules string) []string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yaml")
	text := `
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret]}]
notifiers: [{name: ops, type: http, url: "` + receiver + `", retry: {initial: 50ms, max: 100ms, for: 10m}}]
rules:
` + rules
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return []string{name}
}

// exportTo sets the standard variables, with short intervals.
func exportTo(t *testing.T, c *collector) {
	t.Helper()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", c.url)
	t.Setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer%20t0ken")
	t.Setenv("OTEL_BSP_SCHEDULE_DELAY", "10")
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "50")
	t.Setenv("NO_PROXY", "*")
}

const (
	callerTrace = "0af7651916cd43dd8448eb211c80319c"
	failedRun   = `{"event_name":"run.completed","timestamp":1767603600,"project_code":"WEB","payload":{"id":%d,"failed":3}}`
)

// onEachStore runs a test on an empty store of each engine.
func onEachStore(t *testing.T, test func(t *testing.T, store string)) {
	t.Run("sqlite", func(t *testing.T) { test(t, "sqlite:"+filepath.Join(t.TempDir(), "relay.db")) })
	t.Run("postgres", func(t *testing.T) { test(t, pgtest.New(t, "fsync=off").Schema(t, "traced")) })
}

// TestOneTraceLeadsFromTheWebhookToTheLastAttempt stops the relay between attempts, so that the trace goes through the
// store.
func TestOneTraceLeadsFromTheWebhookToTheLastAttempt(t *testing.T) { onEachStore(t, testOneTrace) }

func testOneTrace(t *testing.T, store string) {
	c := startCollector(t)
	exportTo(t, c)
	receiver, repair := flakyReceiver(t)
	o := Options{StoreURL: store, Version: "v9",
		Rules: writeTracedRules(t, receiver, `  - {name: failed, when: event_name == "run.completed", notify: [ops]}`)}
	r, stop := tracedRelay(t, o)
	r.post(t, "00-"+callerTrace+"-b7ad6b7169203331-01", fmt.Sprintf(failedRun, 1))
	c.await(t, "send ops", 1)
	stop()
	before := len(c.named("send ops"))
	repair()
	_, stop = tracedRelay(t, o)
	c.await(t, "send ops", before+1)
	stop()

	call, decided := c.await(t, "POST /webhooks/{source}", 1)[0], c.await(t, "decide run.completed", 1)[0]
	if traceID(call) != callerTrace || hex.EncodeToString(call.GetParentSpanId()) != "b7ad6b7169203331" {
		t.Errorf("the call has trace %s below %x, not that of the caller", traceID(call), call.GetParentSpanId())
	}
	if attribute(call.GetAttributes(), "http.response.status_code") != "202" || call.GetKind() != spanv1.Span_SPAN_KIND_SERVER {
		t.Errorf("the call: %v", call)
	}
	if len(decided.GetEvents()) != 1 || attribute(decided.GetEvents()[0].GetAttributes(), "qase_relay.rule") != "failed" {
		t.Errorf("the decision: %v", decided)
	}
	attempts := c.named("send ops")
	for _, s := range append(attempts, decided) {
		if traceID(s) != callerTrace || !slices.Equal(s.GetParentSpanId(), call.GetSpanId()) {
			t.Errorf("%s has trace %s below %x", s.GetName(), traceID(s), s.GetParentSpanId())
		}
	}
	first, last := attempts[0], attempts[len(attempts)-1]
	if first.GetStatus().GetCode() != spanv1.Status_STATUS_CODE_ERROR || attribute(first.GetAttributes(), "error.type") != "serverError" {
		t.Errorf("the first attempt: %v", first)
	}
	if attribute(last.GetAttributes(), "qase_relay.delivery.state") != "delivered" ||
		attribute(last.GetAttributes(), "qase_relay.attempt") != fmt.Sprint(len(attempts)) {
		t.Errorf("the last one of %d attempts: %v", len(attempts), last)
	}
	if service, login := c.about(); service != "qase-relay" || login != "Bearer t0ken" {
		t.Errorf("service %q, login %q", service, login)
	}
	for _, name := range []string{"qase_relay_events_total", "qase_relay_deliveries_pending", "qase_relay_ingest_seconds"} {
		if !c.has(name) {
			t.Errorf("the metrics lack %s", name)
		}
	}
}

// TestADigestHasATraceWithLinksToItsEvents also looks at calls without a traceparent.
func TestADigestHasATraceWithLinksToItsEvents(t *testing.T) { onEachStore(t, testDigestTrace) }

func testDigestTrace(t *testing.T, store string) {
	c := startCollector(t)
	exportTo(t, c)
	receiver, repair := flakyReceiver(t)
	repair()
	r, stop := tracedRelay(t, Options{StoreURL: store,
		Rules: writeTracedRules(t, receiver,
			`  - {name: failed, when: event_name == "run.completed", group: {wait: 1s}, notify: [ops]}`)})
	for i := range 2 {
		r.post(t, "", fmt.Sprintf(failedRun, i+1))
	}
	sent := c.await(t, "send ops", 1)[0]
	stop()
	fired := c.await(t, "fire digest", 1)[0]
	if len(fired.GetParentSpanId()) != 0 || traceID(sent) != traceID(fired) || !slices.Equal(sent.GetParentSpanId(), fired.GetSpanId()) {
		t.Errorf("the digest %v was sent as %v", fired, sent)
	}
	var linked, calls []string
	for _, link := range fired.GetLinks() {
		linked = append(linked, hex.EncodeToString(link.GetTraceId()))
	}
	for _, call := range c.named("POST /webhooks/{source}") {
		calls = append(calls, traceID(call))
	}
	slices.Sort(linked)
	slices.Sort(calls)
	if len(calls) != 2 || calls[0] == calls[1] || !slices.Equal(linked, calls) {
		t.Errorf("the digest is linked to %v, the calls are %v", linked, calls)
	}
}

// TestAnEventThatWaitsIsDecidedInItsTrace lets an event wait for Qase, which does not answer in time.
func TestAnEventThatWaitsIsDecidedInItsTrace(t *testing.T) {
	c := startCollector(t)
	exportTo(t, c)
	receiver, repair := flakyReceiver(t)
	repair()
	qase := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusInternalServerError)
	}))
	defer qase.Close()
	rules := writeTracedRules(t, receiver, `  - {name: failed, when: event_name == "run.completed" && failures.new_total > 0, notify: [ops]}`)
	text, err := os.ReadFile(rules[0])
	if err != nil {
		t.Fatal(err)
	}
	asking := strings.Replace(string(text), "secrets: [s3cret-s3cret-s3cret]",
		`secrets: [s3cret-s3cret-s3cret], api_token: t0ken-of-qase, api_url: "`+qase.URL+`/v1", failures: {wait: 1s}`, 1)
	if err := os.WriteFile(rules[0], []byte(asking), 0o600); err != nil {
		t.Fatal(err)
	}
	r, stop := tracedRelay(t, Options{StoreURL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db"), Rules: rules})
	r.post(t, "00-"+callerTrace+"-b7ad6b7169203331-01", fmt.Sprintf(failedRun, 1))
	sent := c.await(t, "send ops", 1)[0]
	stop()
	decided := c.await(t, "decide run.completed", 2)
	for _, s := range append(decided, sent) {
		if traceID(s) != callerTrace {
			t.Errorf("%s has trace %s", s.GetName(), traceID(s))
		}
	}
}

// TestAReplayHasATraceWithALinkToTheFirstOne also looks at a duplicate, which has nothing but a call.
func TestAReplayHasATraceWithALinkToTheFirstOne(t *testing.T) {
	c := startCollector(t)
	exportTo(t, c)
	receiver, repair := flakyReceiver(t)
	repair()
	r, stop := tracedRelay(t, Options{StoreURL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db"),
		Rules: writeTracedRules(t, receiver, `  - {name: failed, when: event_name == "run.completed", notify: [ops]}`)})
	id, err := store.ParseID(r.post(t, "", fmt.Sprintf(failedRun, 1)))
	if err != nil {
		t.Fatal(err)
	}
	r.post(t, "", fmt.Sprintf(failedRun, 1))
	if done := r.engine.Replay(t.Context(), []store.ID{id}, relay.ReplayOptions{}); done[0].Err != nil {
		t.Fatal(done[0].Err)
	}
	c.await(t, "send ops", 2)
	stop()
	calls, replay := c.await(t, "POST /webhooks/{source}", 2), c.await(t, "replay run.completed", 1)[0]
	if len(replay.GetLinks()) != 1 || hex.EncodeToString(replay.GetLinks()[0].GetTraceId()) != traceID(calls[0]) {
		t.Errorf("the replay is linked to %v", replay.GetLinks())
	}
	decided := c.await(t, "decide run.completed", 2)
	if len(decided) != 2 || traceID(decided[0]) != traceID(calls[0]) || traceID(decided[1]) != traceID(replay) {
		t.Errorf("decided in %v", decided)
	}
}

func TestWithoutAReceiverNothingIsExported(t *testing.T) {
	c := startCollector(t)
	receiver, repair := flakyReceiver(t)
	repair()
	r, stop := tracedRelay(t, Options{StoreURL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db"),
		Rules: writeTracedRules(t, receiver, `  - {name: failed, when: event_name == "run.completed", notify: [ops]}`)})
	r.post(t, "00-"+callerTrace+"-b7ad6b7169203331-01", fmt.Sprintf(failedRun, 1))
	stop()
	if n := c.count(); n > 0 {
		t.Errorf("exported %d spans and metrics", n)
	}
}

func TestAReceiverThatFailsDoesNotHoldTheRelayUp(t *testing.T) {
	c := startCollector(t)
	exportTo(t, c)
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1") // nothing listens there
	receiver, repair := flakyReceiver(t)
	repair()
	r, stop := tracedRelay(t, Options{StoreURL: "sqlite:" + filepath.Join(t.TempDir(), "relay.db"),
		Rules: writeTracedRules(t, receiver, `  - {name: failed, when: event_name == "run.completed", notify: [ops]}`)})
	r.post(t, "", fmt.Sprintf(failedRun, 1))
	stop()
}
