package dispatch

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/metrics"
	"qaserelay/relay/store"
)

// lane sends the deliveries of one notifier. One goroutine claims a batch while workers send the one before, so that
// the receiver is kept busy. Run and the goroutines that it starts own the lane; wake, tryNow, state, hasCapacity and
// tryEnqueue may be called from any goroutine.
type lane struct {
	d        *Dispatcher
	name     string
	workers  int
	notifier atomic.Pointer[config.Notifier] // of the current configuration
	breaker  *breaker
	window   *window
	queue    chan group    // for the workers, with space for all that the lane may hold
	woken    chan struct{} // there may be new work
	running  sync.WaitGroup
	stop     context.CancelFunc // set by runLanes

	pauseReadAt time.Time   // by followPause
	caughtUp    atomic.Bool // the last claim left nothing that is due
	enqueuing   sync.Mutex  // guards ended, and what is enqueued from outside
	ended       bool
}

// group holds deliveries of one entity, which are sent one after another.
type group struct {
	deliveries []store.Delivery
	message    *notifiers.Message // of the first one; nil if it has to be read from the delivery
}

// run sends until ctx is done, lets messages on their way arrive, and hands back the deliveries that wait for a worker.
func (l *lane) run(ctx context.Context, c laneContexts) {
	for range l.workers {
		l.running.Go(func() { l.work(ctx, c) })
	}
	l.restorePause(ctx, c.writes)
	l.claim(ctx, c.writes)
	l.running.Wait()
	l.close()
}

// claim claims deliveries that are due, and admits them in groups.
func (l *lane) claim(ctx, writes context.Context) {
	var retries backoff
	for ctx.Err() == nil {
		limit, wait := l.capacity(writes)
		if limit == 0 {
			l.sleep(ctx, min(wait, maxSleep), l.window.freed)
			continue
		}
		batch, err := l.d.Store.Claim(writes, l.name, limit)
		if err != nil {
			l.d.StoreFailed(writes, "claiming deliveries for "+l.name, err)
			retries.sleep(ctx)
			continue
		}
		retries.reset()
		l.window.Add(batch...)
		l.caughtUp.Store(len(batch) < limit)
		for _, ds := range store.ByStream(batch, func(d store.Delivery) string { return d.OrderKey }, nil) {
			l.admit(ctx, group{deliveries: ds})
		}
		if len(batch) < limit {
			l.rest(ctx)
		}
	}
}

// admit queues a group for the workers when its first message may go out by the rate. If that is far away, it hands the
// group back.
func (l *lane) admit(ctx context.Context, g group) {
	switch wait, near := l.d.limiter.Reserve(ctx, l.notifier.Load(), &g.deliveries[0]); {
	case !near:
		l.handBack(g, l.d.Now().Add(wait))
	case wait <= 0:
		l.queue <- g
	default:
		l.running.Go(func() {
			sleep(ctx, wait)
			l.queue <- g
		})
	}
}

// work sends groups until ctx is done, and hands back what cannot be sent now.
func (l *lane) work(ctx context.Context, c laneContexts) {
	for {
		select {
		case g := <-l.queue:
			rest, due := l.sendGroup(ctx, c, g)
			l.handBack(rest, due)
		case <-ctx.Done():
			return
		}
	}
}

// sendGroup sends deliveries one after another. It returns those that cannot be sent now, and when they are due; zero
// is the time that they are due already. When one delivery has to be tried again, the others wait behind it.
func (l *lane) sendGroup(ctx context.Context, c laneContexts, g group) (rest group, due time.Time) {
	for len(g.deliveries) > 0 {
		n := l.notifier.Load()
		if due, ok := l.d.limiter.Wait(ctx, n, &g.deliveries[0]); !ok || ctx.Err() != nil || !l.d.Store.LeasesValid() {
			return g, due // if the lease is lost, handing back changes nothing
		}
		t, ok := l.breaker.Allow()
		if !ok {
			return g, time.Time{}
		}
		state := l.attempt(c, n, g, t)
		g = group{deliveries: g.deliveries[1:]}
		switch {
		case state == store.Pending:
			return g, time.Time{}
		case len(g.deliveries) > 0 && n.Rate().Messages > 0:
			l.admit(ctx, g)
			return group{}, time.Time{}
		}
	}
	return group{}, time.Time{}
}

// attempt sends the first delivery of a group, reports its outcome, and returns its new state.
func (l *lane) attempt(c laneContexts, n *config.Notifier, g group, t ticket) store.State {
	d := &g.deliveries[0]
	start := l.d.Now()
	receipt, err := l.send(c.sends, n, g)
	o := l.d.outcomeOf(d, n, result{start, l.d.Now(), receipt, err, c.sends.Err() != nil})
	l.d.Metrics.Attempted(metrics.Attempt{Notifier: n.Spec.Name, Type: n.Spec.Type, Took: o.Attempt.Took,
		Reason: o.Attempt.Reason, First: d.Attempts == 0})
	l.d.logAttempt(d, o)
	l.window.Sent(o.Attempt.Took)
	if rateLimited(err) && o.State == store.Pending {
		l.d.limiter.Cooldown(c.writes, n, d, o.NextAt.Sub(l.d.Now()))
	}
	if pauseChanged := l.breaker.Record(t, d.ID, err); pauseChanged {
		l.savePause(c.writes)
	}
	l.report(d, o)
	return o.State
}

// send makes one attempt with the first delivery of a group. A notifier that panics has failed, as one that cannot be
// reached.
func (l *lane) send(ctx context.Context, n *config.Notifier, g group) (r notifiers.Receipt, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("notifier panicked: %v", p)
		}
	}()
	m, err := messageOf(&g.deliveries[0], g.message)
	if err != nil {
		return r, err
	}
	kv := &notifierKV{store: l.d.Store, now: l.d.Now, notifier: l.name}
	m.KV = kv
	ctx, cancel := context.WithTimeout(ctx, sendTimeout)
	defer cancel()
	r, err = n.Notifier.Send(ctx, m)
	return r, kv.mark(err)
}
