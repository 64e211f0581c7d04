package storetest

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
)

// Traffic accepts and delivers as the callers and lanes of a relay do. It may be used from many goroutines.
type Traffic struct {
	To    store.Store
	IDs   *store.IDs
	count *atomic.Int64 // events so far, also of other traffic that shares it
	fresh chan struct{}
	body  []byte
}

// NewTraffic makes traffic for a store. Traffic with the same count makes different events.
func NewTraffic(s store.Store, count *atomic.Int64) *Traffic {
	return &Traffic{To: s, IDs: store.NewIDs(s.Node()), count: count, fresh: make(chan struct{}, 1),
		body: bytes.Repeat([]byte("x"), 1024)}
}

// AcceptAll accepts n events from so many callers at the same time.
func (l *Traffic) AcceptAll(n, waiters int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range waiters {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				l.Accept()
			}
		})
	}
	wg.Wait()
}

// Accept accepts one event and panics if that fails.
func (l *Traffic) Accept() store.ID {
	ev, p := l.Next()
	rs, err := l.To.Accept(context.Background(), []store.Event{ev}, func(_ int, get getter) (store.Plan, error) {
		_, err := get(ev.Keys[0])
		return p, err
	})
	if err != nil || rs[0].Err != nil || rs[0].Duplicate {
		panic(fmt.Sprint(err, rs))
	}
	select {
	case l.fresh <- struct{}{}:
	default:
	}
	return rs[0].ID
}

// Next makes an event and its plan.
func (l *Traffic) Next() (store.Event, store.Plan) {
	n := l.count.Add(1)
	key := fmt.Sprintf("entity/WEB/run/%d", n/4)
	body := fmt.Appendf(nil, `{"pid":%d,"n":%d,"x":"%s"}`, os.Getpid(), n, l.body)
	ev := store.Event{
		ID: l.IDs.NextEvent(time.Now()), Source: "qase", Name: "run.completed", Project: "WEB", Body: body,
		Hash: sha256.Sum256(body), ReceivedAt: time.Now(), Keys: []string{key},
	}
	return ev, store.Plan{
		Decisions: l.body[:300],
		Deliveries: []store.NewDelivery{{ID: ev.ID + 1, Rule: "failed-run", Notifier: "slack", OrderKey: key,
			Title: "3 failed", Message: l.body[:600]}},
		Changes: []store.Change{{Key: key, Value: l.body[:300], Expires: ev.ReceivedAt.Add(time.Hour)}},
	}
}

// DeliverAll claims and finishes until n deliveries are done, as a lane of the relay does.
func (l *Traffic) DeliverAll(n int) {
	for n > 0 {
		ds, err := l.To.Claim(context.Background(), "slack", 256)
		if err != nil {
			panic(err)
		}
		if len(ds) == 0 {
			<-l.fresh
			continue
		}
		os := make([]store.Outcome, len(ds))
		for i, d := range ds {
			a := &store.Attempt{At: time.Now(), Status: "200 OK", Response: "ok"}
			os[i] = store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Delivered, Attempt: a}
		}
		if err := l.To.Finish(context.Background(), os); err != nil {
			panic(err)
		}
		n -= len(ds)
	}
}

// Milliseconds returns how long f takes.
func Milliseconds(f func()) float64 {
	start := time.Now()
	f()
	return float64(time.Since(start).Microseconds()) / 1000
}
