package relay_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

// stuck is a kind of notifier that does not answer before free is closed.
func stuck(free <-chan struct{}) notifiers.Kind {
	type config struct{}
	send := func(ctx context.Context) error {
		select {
		case <-free:
			return errors.New("too late")
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return notifiers.Kind{Type: "stuck", Config: func() any { return new(config) }, Options: struct{}{}, Concurrency: 4,
		New: func(any, json.RawMessage) (notifiers.Notifier, error) { return sending(send), nil }}
}

// sending is a notifier that does not look at messages.
type sending func(context.Context) error

func (s sending) Send(ctx context.Context, _ *notifiers.Message) (notifiers.Receipt, error) {
	return notifiers.Receipt{}, s(ctx)
}

// troubled runs a relay with so many deliveries that wait for a receiver that fails, and as many for one that does not
// answer. Events go to a third one, which works.
func troubled(tb testing.TB, waiting int) (*machine, *receiver) {
	tb.Helper()
	good := receive(tb, nil)
	bad := receive(tb, func(string, int) int { return http.StatusServiceUnavailable })
	dir, free := tb.TempDir(), make(chan struct{})
	fillStore(tb, dir, "dead", waiting)
	fillStore(tb, dir, "slow", waiting)
	m := start(tb, dir, `
sources: [{name: qase, secrets: [s3cret]}]
notifiers:
  - {name: ops, type: http, url: "`+good.url+`"}
  - {name: dead, type: http, url: "`+bad.url+`"}
  - {name: slow, type: stuck}
rules:
  - {name: done, when: event_name == "run.completed", notify: [ops]}
  - {name: never, when: event_name == "run.aborted", notify: [dead, slow]}
`, stuck(free))
	tb.Cleanup(sync.OnceFunc(func() { close(free) }))
	return m, good
}

// held returns how many deliveries the lanes hold.
func (m *machine) held(tb testing.TB) int {
	tb.Helper()
	list, _, err := m.store.Deliveries(tb.Context(), store.DeliveryFilter{State: store.Sending, Limit: 1000})
	if err != nil {
		tb.Fatal(err)
	}
	return len(list)
}

func TestDeadAndSlowNotifiersWithABacklogDisturbNoOther(t *testing.T) {
	m, good := troubled(t, 3000)
	for i := range 50 {
		m.post(t, body(i, fmt.Sprint(i)))
	}
	eventually(t, "what the good one gets is delivered", func() bool { return good.count() == 50 })
	eventually(t, "the dead one gets a break", func() bool { return m.engine.NotifierStates()["dead"].State == "open" })
	eventually(t, "only what is on its way is in memory", func() bool { return m.held(t) <= 4 })
}

// BenchmarkBesideDeadNotifiers measures how long a single event takes to a receiver that works, while 100,000
// deliveries wait for one that fails and as many for one that does not answer, and how much memory the relay then has
// in use.
func BenchmarkBesideDeadNotifiers(b *testing.B) {
	m, good := troubled(b, 100_000)
	c := dial(b, m.hook)
	var took []time.Duration
	for b.Loop() {
		begin, n := time.Now(), len(took)
		if status, err := c.post(body(n, fmt.Sprint(n))); err != nil || status != http.StatusAccepted {
			b.Fatal(status, err)
		}
		eventually(b, "it arrives", func() bool { return good.count() > n })
		took = append(took, time.Since(begin))
	}
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	slices.Sort(took)
	b.ReportMetric(took[len(took)/2].Seconds()*1000, "p50-ms")
	b.ReportMetric(took[len(took)*99/100].Seconds()*1000, "p99-ms")
	b.ReportMetric(float64(memory.HeapAlloc)/(1<<20), "heap-MiB")
	b.ReportMetric(0, "ns/op")
}
