package relay_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay"
)

// Every event below matches one rule and makes one delivery.

// holding is a kind of notifier that never ends, so that deliveries stay recorded and cost nothing more.
func holding() notifiers.Kind {
	type config struct{}
	return notifiers.Kind{Type: "holding", Config: func() any { return new(config) }, Options: struct{}{},
		New: func(any, json.RawMessage) (notifiers.Notifier, error) { return holder{}, nil }}
}

type holder struct{}

func (holder) Send(ctx context.Context, _ *notifiers.Message) (notifiers.Receipt, error) {
	<-ctx.Done()
	return notifiers.Receipt{}, ctx.Err()
}

// bare does the least that can be called taking a webhook: it reads, decodes and answers.
func bare(w http.ResponseWriter, r *http.Request) {
	text, err := io.ReadAll(r.Body)
	var event map[string]any
	if err != nil || json.Unmarshal(text, &event) != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = io.WriteString(w, `{"event_id":"01f3k9q2m0g00"}`+"\n")
}

// BenchmarkAcceptHTTP compares taking events durably with a handler that only decodes them, both over 64 keep-alive
// connections, in turns.
func BenchmarkAcceptHTTP(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(relay.GCPercent))
	m := start(b, b.TempDir(), `
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: holding}]
rules: [{name: done, when: event_name == "run.completed" && payload.failed > 0, notify: [ops]}]
`, holding())
	bareURL, closers := m.listen(b, http.HandlerFunc(bare), nil)
	defer func() { _ = closers[0]() }()
	load := &load{connections: 64}
	var took, bareTook time.Duration
	var calls []time.Duration
	const turns = 8
	for b.Loop() {
		for range turns {
			d, l := load.run(b, m.hook, 50)
			took, calls = took+d, append(calls, l...)
			d, _ = load.run(b, bareURL, 50)
			bareTook += d
		}
	}
	slices.Sort(calls)
	events := float64(len(calls))
	b.ReportMetric(events/took.Seconds(), "events/s")
	b.ReportMetric(events/bareTook.Seconds(), "bare/s")
	b.ReportMetric(bareTook.Seconds()/took.Seconds(), "ratio")
	b.ReportMetric(calls[len(calls)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(calls[len(calls)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}

// finishedRun is a call as Qase documents it, about a run of its own.
func finishedRun(id int) string {
	return fmt.Sprintf(`{"event_name":"run.completed","timestamp":1650540194,"payload":{"id":%d,"cases":14,"passed":10,"failed":3,`+
		`"blocked":1,"duration":93000},"team_member_id":40,"project_code":"WEB"}`, id)
}

// benchRules tells a URL of every run with failures, in the default words.
func benchRules(url string) string {
	return `
sources: [{name: qase, secrets: [s3cret]}]
notifiers: [{name: ops, type: http, url: "` + url + `"}]
rules: [{name: done, when: event_name == "run.completed" && payload.failed > 0, notify: [ops]}]
`
}

// load posts events over many connections, with the client of net/http as senders have it. Each event is of its own
// run.
type load struct {
	connections int
	next        atomic.Int64
}

// run posts each times as many events as there are connections, and returns how long it all took, and each call.
func (l *load) run(b *testing.B, url string, each int) (time.Duration, []time.Duration) {
	b.Helper()
	var clients sync.WaitGroup
	calls := make([]time.Duration, l.connections*each)
	transport := &http.Transport{MaxIdleConnsPerHost: l.connections, MaxConnsPerHost: l.connections}
	defer transport.CloseIdleConnections()
	start := time.Now()
	for i := range l.connections {
		clients.Go(func() {
			for j := range each {
				begin := time.Now()
				if err := l.post(transport, url); err != nil {
					b.Error(err)
					return
				}
				calls[i*each+j] = time.Since(begin)
			}
		})
	}
	clients.Wait()
	return time.Since(start), calls
}

func (l *load) post(transport *http.Transport, url string) error {
	req, err := http.NewRequest(http.MethodPost, url+"/webhooks/qase",
		strings.NewReader(finishedRun(int(l.next.Add(1)))))
	if err != nil {
		return err
	}
	req.Header.Set("X-Qase-Secret", "s3cret")
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusAccepted {
		return fmt.Errorf("the answer is %s", resp.Status)
	}
	_, err = io.Copy(io.Discard, resp.Body)
	return err
}

// BenchmarkFullWay measures events from the webhook to their recorded arrival at a receiver: how many come in, how
// many arrive, and what waits at the end.
func BenchmarkFullWay(b *testing.B) {
	defer debug.SetGCPercent(debug.SetGCPercent(relay.GCPercent))
	r := &counter{}
	url, closers := (&machine{}).listen(b, r, nil)
	defer func() { _ = closers[0]() }()
	m := start(b, b.TempDir(), benchRules(url))
	load := &load{connections: 64}
	events := 0
	var accepting, arriving time.Duration
	backlog := 0
	for b.Loop() {
		begin := time.Now()
		load.run(b, m.hook, 250)
		accepting += time.Since(begin)
		events += 16 * 1000
		backlog = max(backlog, events-r.count())
		eventually(b, "all events arrive", func() bool { return r.count() >= events && pending(b, m) == 0 })
		arriving += time.Since(begin)
	}
	b.ReportMetric(float64(events)/arriving.Seconds(), "events/s")
	b.ReportMetric(float64(events)/accepting.Seconds(), "accepted/s")
	b.ReportMetric(float64(backlog), "backlog")
	b.ReportMetric(0, "ns/op")
}

// counter is a receiver that does nothing else, so that little of what is measured is its own.
type counter struct{ n atomic.Int64 }

func (c *counter) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	c.n.Add(1)
}

func (c *counter) count() int { return int(c.n.Load()) }

func pending(b *testing.B, m *machine) (n int) {
	backlog, err := m.store.Backlog(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	for _, x := range backlog {
		n += x.Pending
	}
	return n
}

// BenchmarkFreshEvent measures how long a single event takes from the call to the receiver.
func BenchmarkFreshEvent(b *testing.B) {
	r := receive(b, nil)
	m := start(b, b.TempDir(), rulesFor(r.url))
	c := dial(b, m.hook)
	var took []time.Duration
	for b.Loop() {
		begin, n := time.Now(), len(took)
		if status, err := c.post(body(n, fmt.Sprint(n))); err != nil || status != http.StatusAccepted {
			b.Fatal(status, err)
		}
		eventually(b, "it arrives", func() bool { return r.count() > n })
		r.mu.Lock()
		took = append(took, r.at[n].Sub(begin))
		r.mu.Unlock()
	}
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(0, "ns/op")
}
