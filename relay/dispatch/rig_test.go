package dispatch_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
)

// rig is a dispatcher on a store in memory, with one delivery to every notifier for each event.
type rig struct {
	*dispatch.Dispatcher
	memory *memory.Store
	logs   *dispatchtest.Logs
	config *config.Config
	stop   func() // stops the dispatcher, and returns when it has ended
}

// newRig starts a dispatcher with the given notifiers. It has to be called in a synctest bubble.
func newRig(t *testing.T, senders dispatchtest.Senders, adjust ...func(*dispatch.Options)) *rig {
	t.Helper()
	r := &rig{memory: memory.New(), logs: &dispatchtest.Logs{}}
	o := dispatch.Options{Store: r.memory, Config: dispatchtest.Config(senders), Rand: func() float64 { return 1 },
		Logger: slog.New(slog.NewTextHandler(r.logs, nil))}
	o.StoreFailed = func(_ context.Context, op string, err error) {
		o.Logger.Error("store failed", "op", op, "error",
			err)
	}
	for _, f := range adjust {
		f(&o)
	}
	r.config = o.Config
	r.Dispatcher = dispatch.New(o)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { r.Run(ctx, func() {}) })
	r.stop = func() { cancel(); running.Wait() }
	t.Cleanup(r.stop)
	return r
}

// accept stores an event with its deliveries, and wakes their lanes.
func (r *rig) accept(t *testing.T, entity, title string) {
	t.Helper()
	for _, name := range r.put(t, entity, title) {
		r.Wake(name)
	}
}

// put stores an event about an entity, or about none if entity is empty, with its deliveries, and returns the names of
// their notifiers. The option "channel" is the title up to the first dash.
func (r *rig) put(t *testing.T, entity, title string) []string {
	t.Helper()
	e := store.Event{ID: r.IDs.Next(time.Now()), Source: "qase", Name: "run.completed", Project: "WEB",
		Hash: sha256.Sum256([]byte(entity + "\x00" + title)), Body: []byte("{}"), ReceivedAt: time.Now()}
	receipts, err := r.Store.Accept(t.Context(), []store.Event{e},
		func(int, func(string) ([]byte, error)) (p store.Plan, _ error) {
			for name := range r.config.Notifiers {
				p.Deliveries = append(p.Deliveries, r.newDelivery(t, name, entity, title))
			}
			return p, nil
		})
	if err != nil {
		t.Error(err)
		return nil
	}
	return receipts[0].Pending
}

func (r *rig) newDelivery(t *testing.T, notifier, entity, title string) store.NewDelivery {
	channel, _, _ := strings.Cut(title, "-")
	message, err := json.Marshal(map[string]any{"rule": "all", "title": title,
		"options": map[string]string{"channel": channel}})
	if err != nil {
		t.Error(err)
	}
	d := store.NewDelivery{ID: r.IDs.Next(time.Now()), Rule: "all", Notifier: notifier, Title: title, Message: message}
	if entity != "" {
		d.OrderKey = "qase/WEB/run/" + entity
	}
	return d
}
