package relay

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
)

// sender is a notifier that is a function.
type sender func(context.Context, *notifiers.Message) (notifiers.Receipt, error)

func (s sender) Send(ctx context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
	return s(ctx, m)
}

// rig is an engine on a store in memory, whose rules send every event to every notifier.
type rig struct {
	*Engine
	memory *memory
	logs   *lockedBuffer
	stop   func() error // stops the engine and returns what Run did
}

// newRig starts an engine with the given notifiers. It has to be called in a synctest bubble.
func newRig(t *testing.T, outs map[string]sender, adjust ...func(*Options)) *rig {
	t.Helper()
	r := &rig{memory: newMemory(), logs: &lockedBuffer{}}
	o := Options{Store: r.memory, Config: configOf(outs), Logger: slog.New(slog.NewTextHandler(r.logs, nil)),
		Rand: func() float64 { return 1 }}
	for _, f := range adjust {
		f(&o)
	}
	r.Engine = New(o)
	r.decide = sendToAll(r.Engine)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- r.Run(ctx) }()
	r.stop = sync.OnceValue(func() error { cancel(); return <-ended })
	t.Cleanup(func() { _ = r.stop() })
	for !r.inbox.Accepting() {
		time.Sleep(time.Millisecond)
	}
	return r
}

func configOf(outs map[string]sender) *config.Config {
	cfg := &config.Config{Config: &rulefile.Config{Rules: &rules.Set{}}, Outs: map[string]config.Out{}}
	for name, send := range outs {
		cfg.Outs[name] = config.Out{Spec: rulefile.Notifier{Name: name, Type: "fake"}, Kind: notifiers.Kind{Concurrency: 4}, Notifier: send}
	}
	return cfg
}

func sendToAll(e *Engine) func(*rules.Set, *event.Event, rules.State) rules.Decision {
	return func(_ *rules.Set, ev *event.Event, _ rules.State) (d rules.Decision) {
		d.Results = []rules.Result{{Rule: "all", Outcome: rules.Matched}}
		for name := range e.Config().Outs {
			title, _ := ev.Payload["title"].(string)
			d.Notifications = append(d.Notifications, rules.Notification{Message: message.Message{Rule: "all", Title: title}, Notifier: name,
				EntityKey: ev.EntityKey()})
		}
		return d
	}
}

// newEvent returns an event about an entity, or about none if entity is empty.
func newEvent(t *testing.T, entity, title string) *event.Event {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":"run.completed","project_code":"WEB","payload":{"id":%q,"title":%q}}`, entity, title)
	ev, err := event.Parse("qase", []byte(body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

func (r *rig) accept(t *testing.T, entity, title string) Receipt {
	t.Helper()
	receipt, err := r.Accept(t.Context(), newEvent(t, entity, title))
	if err != nil {
		t.Fatal(err)
	}
	return receipt
}

// delivery returns the delivery with this title.
func (r *rig) delivery(t *testing.T, title string) (store.Delivery, []store.Attempt) {
	t.Helper()
	d, attempts, _ := r.memory.Delivery(t.Context(), r.idOf(t, "", title))
	return d, attempts
}

// idOf finds a delivery by its title, and by its notifier if one is named.
func (r *rig) idOf(t *testing.T, notifier, title string) store.ID {
	t.Helper()
	list, _, _ := r.memory.Deliveries(t.Context(), store.DeliveryFilter{})
	for _, d := range list {
		if d.Title == title && (notifier == "" || d.Notifier == notifier) {
			return d.ID
		}
	}
	t.Fatalf("there is no delivery %q", title)
	return 0
}

// arrivals collects what a receiver got, and when.
type arrivals struct {
	mu     sync.Mutex
	titles []string
	at     []time.Duration // since the first call
	start  time.Time
}

func (a *arrivals) add(title string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.start.IsZero() {
		a.start = time.Now()
	}
	a.titles = append(a.titles, title)
	a.at = append(a.at, time.Since(a.start))
}

func (a *arrivals) list() []string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]string(nil), a.titles...)
}

func (a *arrivals) times() []time.Duration {
	a.mu.Lock()
	defer a.mu.Unlock()
	return append([]time.Duration(nil), a.at...)
}

// always answers everything with err, and notes it.
func (a *arrivals) always(err error) sender {
	return func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		a.add(m.Title)
		return notifiers.Receipt{Status: "200 OK"}, err
	}
}

type lockedBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
