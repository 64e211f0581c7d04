package dispatch

import (
	"context"
	"math/rand/v2"
	"time"
)

// maxSleep is how long a lane rests at most before it looks for work that another relay has stored.
const maxSleep = time.Second

// capacity returns how many deliveries the lane may claim now, or if none, how long to wait before the next look.
func (l *lane) capacity(writes context.Context) (limit int, wait time.Duration) {
	if !l.d.Store.LeasesValid() {
		return 0, maxSleep
	}
	l.followPause(writes)
	if l.window.Stalled() {
		l.handBackQueued() // another relay may be idle
	}
	n := l.notifier.Load()
	free := l.window.Free(perTarget(n))
	if limit, wait = l.d.limiter.Limit(n); limit == 0 {
		return 0, wait
	}
	return l.breaker.Limit(min(free, limit))
}

// wake tells the lane that there may be new work.
func (l *lane) wake() {
	select {
	case l.woken <- struct{}{}:
	default:
	}
}

// rest waits until there may be something to do.
func (l *lane) rest(ctx context.Context) {
	for ctx.Err() == nil {
		wait := maxSleep
		l.followPause(ctx)
		due, err := l.d.Store.NextDue(ctx, l.name)
		if err == nil && !due.IsZero() {
			wait = min(wait, due.Sub(l.d.Now())+time.Millisecond)
		}
		if wait <= 0 || l.sleep(ctx, wait, nil) {
			return
		}
	}
}

// sleep waits for the given time, and reports whether the lane was woken before, or the other channel had a token.
func (l *lane) sleep(ctx context.Context, wait time.Duration, other <-chan struct{}) bool {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-other:
		return true
	case <-l.woken:
		return true
	}
	return false
}

// sleep waits for the given time, or until ctx is done.
func sleep(ctx context.Context, wait time.Duration) {
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// backoff waits longer with each failure, from 100 milliseconds to 5 seconds.
type backoff struct{ wait time.Duration }

func (b *backoff) reset() { b.wait = 0 }

// sleep waits, or returns early when ctx is done.
func (b *backoff) sleep(ctx context.Context) {
	b.wait = max(100*time.Millisecond, min(2*b.wait, 5*time.Second))
	sleep(ctx, b.wait-rand.N(b.wait/4))
}
