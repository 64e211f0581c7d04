package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// traffic is what callers and lanes do with a store.
type traffic struct {
	to    Store
	ids   *IDs
	count *atomic.Int64 // events so far, also of others that share it
	fresh chan struct{}
	body  []byte
}

func newTraffic(s Store, count *atomic.Int64) *traffic {
	return &traffic{to: s, ids: NewIDs(s.Node()), count: count, fresh: make(chan struct{}, 1), body: bytes.Repeat([]byte("x"), 1024)}
}

func (l *traffic) acceptAll(n, waiters int) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range waiters {
		wg.Go(func() {
			for next.Add(1) <= int64(n) {
				l.accept()
			}
		})
	}
	wg.Wait()
}

func (l *traffic) accept() ID {
	ev, p := l.next()
	rs, err := l.to.Accept(context.Background(), []Event{ev}, func(_ int, get func(string) ([]byte, error)) (Plan, error) {
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

// next makes an event and what follows from it.
func (l *traffic) next() (Event, Plan) {
	n := l.count.Add(1)
	key := fmt.Sprintf("entity/WEB/run/%d", n/4)
	body := fmt.Appendf(nil, `{"pid":%d,"n":%d,"x":"%s"}`, os.Getpid(), n, l.body)
	ev := Event{
		ID: l.ids.Next(time.Now()), Source: "qase", Name: "run.completed", Project: "WEB", Body: body,
		Hash: sha256.Sum256(body), ReceivedAt: time.Now(), Keys: []string{key},
	}
	return ev, Plan{
		Decisions:  l.body[:300],
		Deliveries: []NewDelivery{{ID: ev.ID + 1<<22, Rule: "failed-run", Notifier: "slack", OrderKey: key, Title: "3 failed", Message: l.body[:600]}},
		Changes:    []Change{{Key: key, Value: l.body[:300], Expires: ev.ReceivedAt.Add(time.Hour)}},
	}
}

// deliverAll claims and finishes until n deliveries are done, as a lane of the relay does.
func (l *traffic) deliverAll(n int) {
	for n > 0 {
		ds, err := l.to.Claim(context.Background(), "slack", 256)
		if err != nil {
			panic(err)
		}
		if len(ds) == 0 {
			<-l.fresh
			continue
		}
		os := make([]Outcome, len(ds))
		for i, d := range ds {
			os[i] = Outcome{ID: d.ID, Lease: d.Lease, State: Delivered, Attempt: &Attempt{At: time.Now(), Status: "200 OK", Response: "ok"}}
		}
		if err := l.to.Finish(context.Background(), os); err != nil {
			panic(err)
		}
		n -= len(ds)
	}
}
