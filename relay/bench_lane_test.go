package relay_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net/http"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/app"
	"qaserelay/relay/store"
)

// BenchmarkLane compares how fast a backlog is sent to a receiver on loopback with a client of net/http that posts the
// same body as often, and keeps nothing. Both have 16 requests on their way; they take turns.
func BenchmarkLane(b *testing.B) {
	for _, latency := range []time.Duration{0, time.Millisecond, 5 * time.Millisecond} {
		b.Run(fmt.Sprint("latency=", latency), func(b *testing.B) { benchmarkLane(b, latency) })
	}
}

const laneMessages = 10_000

func benchmarkLane(b *testing.B, latency time.Duration) {
	defer debug.SetGCPercent(debug.SetGCPercent(relay.GCPercent))
	r := &slowCounter{latency: latency}
	url, closers := (&machine{}).listen(b, r, nil)
	defer func() { _ = closers[0]() }()
	var took, bareTook time.Duration
	sent := 0
	for b.Loop() {
		dir := b.TempDir()
		fillStore(b, dir, "ops", laneMessages)
		r.n.Store(0)
		m := start(b, dir,
			"sources: [{name: qase, secrets: [s3cret]}]\nnotifiers: [{name: ops, type: http, url: \""+url+"\", concurrency: 16}]\n"+
				"rules: [{name: none, when: \"false\", notify: [ops]}]\n")
		begin := time.Now()
		for r.n.Load() < laneMessages || pending(b, m) > 0 {
			time.Sleep(time.Millisecond)
		}
		took += time.Since(begin)
		m.stop()
		bareTook += postBare(b, url, r.body.Load().([]byte))
		sent += laneMessages
	}
	b.ReportMetric(float64(sent)/took.Seconds(), "messages/s")
	b.ReportMetric(float64(sent)/bareTook.Seconds(), "bare/s")
	b.ReportMetric(bareTook.Seconds()/took.Seconds(), "ratio")
	b.ReportMetric(0, "ns/op")
}

// slowCounter is a receiver that takes its time, and keeps one of the bodies.
type slowCounter struct {
	latency time.Duration
	n       atomic.Int64
	body    atomic.Value
}

func (c *slowCounter) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	if c.body.Load() == nil {
		body, _ := io.ReadAll(r.Body)
		c.body.Store(body)
	}
	_, _ = io.Copy(io.Discard, r.Body)
	if c.latency > 0 {
		time.Sleep(c.latency)
	}
	c.n.Add(1)
}

// fillStore leaves a store in dir with so many deliveries to a notifier, each of its own run.
func fillStore(b testing.TB, dir, notifier string, n int) {
	b.Helper()
	s, err := app.OpenStore(b.Context(), "sqlite:"+filepath.Join(dir, "relay.db"), nil)
	if err != nil {
		b.Fatal(err)
	}
	ids := store.NewIDs(0)
	for from := 0; from < n; from += 500 {
		batch := make([]store.Event, min(500, n-from))
		for i := range batch {
			batch[i] = store.Event{ID: ids.NextEvent(time.Now()), Source: "qase", Name: "run.completed", Project: "WEB",
				Hash: sha256.Sum256(fmt.Append([]byte(notifier), from+i)), Body: []byte(finishedRun(from +
					i)), ReceivedAt: time.Now()}
		}
		if _, err := s.Accept(b.Context(), batch, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
			return store.Plan{Decisions: []byte("{}"), Deliveries: []store.NewDelivery{{ID: batch[i].ID + 1,
				Rule: "done", Notifier: notifier,
				OrderKey: fmt.Sprint("qase/WEB/run/", from+i), Title: "3 failed", Message: []byte(storedMessage)}}}, nil
		}); err != nil {
			b.Fatal(err)
		}
	}
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}

const storedMessage = `{"id":"","rule":"done","level":"error","title":"Nightly: 3 failed of 14 cases","body":"**3 failed** of 14 cases · 10 passed · 1 blocked",` +
	`"url":"https://app.qase.io/run/WEB/dashboard/7","event_name":"run.completed","project":"WEB","thread":"qase/WEB/run/7","created_at":"2026-01-05T09:00:00Z"}`

// postBare posts the body as often as the lane does, and returns how long that took.
func postBare(b *testing.B, url string, body []byte) time.Duration {
	b.Helper()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16, MaxConnsPerHost: 16}}
	defer client.CloseIdleConnections()
	var clients sync.WaitGroup
	begin := time.Now()
	for range 16 {
		clients.Go(func() {
			for range laneMessages / 16 {
				resp, err := client.Post(url, "application/json", bytes.NewReader(body))
				if err != nil {
					b.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
			}
		})
	}
	clients.Wait()
	return time.Since(begin)
}
