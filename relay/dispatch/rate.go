package dispatch

import (
	"context"
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// longestLine is how far ahead a delivery may be given its place.
const longestLine = 24 * time.Hour

// step is the time from one message to the next.
func step(r store.Rate) time.Duration { return r.Per / time.Duration(r.Messages) }

// pass gives a group to the workers when its first message may go out. If that is not within a moment, it hands the group back.
func (l *lane) pass(ctx context.Context, group []store.Delivery) {
	wait, ok := l.place(ctx, group[0])
	switch {
	case !ok:
		l.handBack(group, l.engine.Now().Add(wait))
	case wait <= 0:
		l.give(ctx, group)
	default:
		l.running.Go(func() {
			timer := time.NewTimer(wait)
			defer timer.Stop()
			select {
			case <-timer.C:
				l.give(ctx, group)
			case <-ctx.Done():
				l.handBack(group, time.Time{})
			}
		})
	}
}

// give gives a group to the workers, unless its target has become quiet. There is room for all that a lane holds.
func (l *lane) give(ctx context.Context, group []store.Delivery) {
	if l.waitsQuietly(group) {
		return
	}
	select {
	case l.work <- group:
	case <-ctx.Done():
		l.handBack(group, time.Time{})
	}
}

// waitsQuietly hands a group back whose target wants no message now, and reports whether it did.
func (l *lane) waitsQuietly(group []store.Delivery) bool {
	until := l.quiet.Until(l.out.Load().Target(group[0]), l.engine.Now())
	if until.IsZero() {
		return false
	}
	l.handBack(group, until)
	return true
}

// place takes the delivery's place in the rate and returns how long to wait for it, or when it is to try again if that is more than a moment.
//
// All relays on the store share three rates for each target. The first one counts what is sent. By the second, those that come
// anew line up: each that cannot be sent in a moment gets a due time of its own, in the order of their coming, so that it is claimed only once more. By
// the third, those line up again that found no place when their time had come, since the target wanted patience.
func (l *lane) place(ctx context.Context, d store.Delivery) (wait time.Duration, ok bool) {
	out := l.out.Load()
	rate := out.Rate()
	if rate.Messages == 0 {
		return 0, true
	}
	line := out.Line(d)
	if out.Kind.Target != nil && d.Lease == 1 {
		if wait, ok = l.reserve(ctx, "line/"+line, rate, longestLine); !ok || wait > moment {
			return wait, false
		}
	}
	wait, ok = l.reserve(ctx, "rate/"+line, rate, moment)
	if out.Kind.Target == nil {
		if l.pace.expect(wait); ok {
			l.pace.expect(wait + step(rate))
		}
		return wait, ok
	}
	if ok {
		return wait, true
	}
	more, _ := l.reserve(ctx, "again/"+line, rate, longestLine)
	return wait + more, false
}

// reserve takes a place that is at most so far away, and reports whether it could.
func (l *lane) reserve(ctx context.Context, key string, r store.Rate, most time.Duration) (time.Duration, bool) {
	wait, err := l.engine.Store.Reserve(ctx, key, r, most)
	if err != nil {
		l.engine.StoreFailed(ctx, "taking a place in the rate of "+l.name, err)
		return moment, false
	}
	return wait, wait <= most
}

// beQuiet lets nothing out for a time: to the target that wants patience, or if the rate does not tell targets apart, to all.
func (l *lane) beQuiet(ctx context.Context, d store.Delivery, wait time.Duration) {
	out := l.out.Load()
	rate := out.Rate()
	if out.Kind.Target == nil || rate.Messages == 0 {
		l.gate.rest(wait)
		return
	}
	l.quiet.Set(out.Target(d), l.engine.Now(), wait)
	// A place that takes up the whole time, so that others on the store wait too.
	whole := store.Rate{Messages: 1, Per: wait + time.Duration(max(rate.Burst, 1)-1)*step(rate)}
	l.reserve(ctx, "rate/"+out.Line(d), whole, longestLine)
}

// QuietTargets are those that want no message before a time. The zero value is ready, and may be used from many goroutines.
type QuietTargets struct {
	mu     sync.Mutex
	Before map[string]time.Time
}

// Set makes a target quiet, and forgets those that are so no more: events can name ever new ones.
func (q *QuietTargets) Set(target string, now time.Time, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.Before == nil {
		q.Before = map[string]time.Time{}
	}
	maps.DeleteFunc(q.Before, func(_ string, until time.Time) bool { return !now.Before(until) })
	q.Before[target] = now.Add(wait)
}

// Until returns when the target may get messages again, or the zero time if it may now.
func (q *QuietTargets) Until(target string, now time.Time) time.Time {
	q.mu.Lock()
	defer q.mu.Unlock()
	until, quiet := q.Before[target]
	if quiet && !now.Before(until) {
		delete(q.Before, target)
		return time.Time{}
	}
	return until
}
