package dispatch

import (
	"context"
	"errors"
	"maps"
	"math"
	"sync"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

const (
	// maxHold is how long a claimed delivery may wait in a lane before it is sent. A delivery that has to wait longer
	// goes back to the store with the time of its slot, and another relay may take it then.
	maxHold = 2 * time.Second
	// maxAhead is how far ahead a delivery may get its slot.
	maxAhead = 24 * time.Hour
)

// limiter says when messages may go out: by the rate of their target, which all relays on the store share, and by the
// cooldown that a receiver asked for. A target is what has a rate of its own, such as a channel; if the kind of
// notifier does not tell targets apart, it is the notifier as a whole. Notifiers of one account share their targets,
// so a dispatcher has one limiter. Its methods may be called from many goroutines.
type limiter struct {
	store  store.KV
	now    func() time.Time
	failed func(ctx context.Context, op string, err error)

	mu      sync.Mutex
	targets map[string]target
}

// target is the state of one target here. The zero value takes a message at once.
type target struct {
	next     time.Time // the earliest time of the next message
	cooldown time.Time // the receiver takes no message before
}

// Reserve takes a slot in the rate for a delivery, and returns how long to wait for it. It reports false if the slot is
// more than maxHold away: then the delivery is to be claimed again after the wait.
//
// The store keeps three rates for each target. "rate" counts the messages. In "line", new deliveries queue up: one that
// cannot be sent soon is due at its own time, in the order of arrival, and so is claimed only once more. In "again",
// deliveries queue up once more that found no slot when they were due, because of a cooldown.
func (l *limiter) Reserve(ctx context.Context, n *config.Notifier, d *store.Delivery) (wait time.Duration, near bool) {
	rate := n.Rate()
	if rate.Messages == 0 {
		return 0, true
	}
	key := n.RateKey(d.Message)
	if !perTarget(n) {
		wait = l.reserve(ctx, n, "rate/"+key, slot{rate, maxHold})
		l.update(targetOf(n, d), func(t *target) {
			if t.next = l.now().Add(wait); wait <= maxHold {
				t.next = t.next.Add(interval(rate))
			}
		})
		return wait, wait <= maxHold
	}
	if d.Lease == 1 {
		if wait = l.reserve(ctx, n, "line/"+key, slot{rate, maxAhead}); wait > maxHold {
			return wait, false
		}
	}
	if wait = l.reserve(ctx, n, "rate/"+key, slot{rate, maxHold}); wait <= maxHold {
		return wait, true
	}
	return wait + l.reserve(ctx, n, "again/"+key, slot{rate, maxAhead}), false
}

// slot is a slot of a rate that is at most so far away.
type slot struct {
	rate notifiers.Rate
	most time.Duration
}

// reserve takes the next slot of a key, unless it is too far away, and returns the wait for it.
func (l *limiter) reserve(ctx context.Context, n *config.Notifier, key string, s slot) time.Duration {
	wait, err := l.store.Reserve(ctx, value.ShortName(key, maxKey), store.Rate(s.rate), s.most)
	if err != nil {
		l.failed(ctx, "taking a slot in the rate of "+n.Spec.Name, err)
		return maxHold + time.Millisecond
	}
	return wait
}

// Wait waits until a message may follow the one before it to the same target: slots are apart already, but a message
// that had to wait for a worker is late. It reports false if the target is in a cooldown, with the time when the
// delivery is due again; zero means that it keeps its place among those that are due.
func (l *limiter) Wait(ctx context.Context, n *config.Notifier, d *store.Delivery) (due time.Time, ok bool) {
	key := targetOf(n, d)
	if rate := n.Rate(); perTarget(n) && rate.Burst <= 1 {
		sleep(ctx, l.take(key, interval(rate)))
	}
	switch wait := l.cooldown(key); {
	case wait <= 0:
		return time.Time{}, true
	case perTarget(n):
		return l.now().Add(wait), false
	}
	return time.Time{}, false
}

// take returns how long to wait for the next message to a target, and keeps the one after it apart: by a little less
// than the interval of slots, so that one late message does not delay all that follow.
func (l *limiter) take(key string, interval time.Duration) (wait time.Duration) {
	now := l.now()
	l.update(key, func(t *target) {
		if t.next.Before(now) {
			t.next = now
		}
		wait = t.next.Sub(now)
		t.next = t.next.Add(interval - interval/100)
	})
	return wait
}

// Cooldown lets no message to the target of d out for the given time.
func (l *limiter) Cooldown(ctx context.Context, n *config.Notifier, d *store.Delivery, wait time.Duration) {
	until := l.now().Add(wait)
	l.update(targetOf(n, d), func(t *target) {
		if until.After(t.cooldown) {
			t.cooldown = until
		}
	})
	if rate := n.Rate(); perTarget(n) { // one slot as long as the cooldown makes the other relays wait too
		burst := time.Duration(max(rate.Burst, 1)-1) * interval(rate)
		l.reserve(ctx, n, "rate/"+n.RateKey(d.Message), slot{notifiers.Rate{Messages: 1, Per: wait + burst}, maxAhead})
	}
}

// EndCooldown lets the messages of a notifier out again, unless only some of its targets are in a cooldown.
func (l *limiter) EndCooldown(n *config.Notifier) {
	l.update(wholeNotifier(n), func(t *target) { t.cooldown = time.Time{} })
}

// CooldownUntil returns the end of the cooldown of a notifier as a whole, which may be past.
func (l *limiter) CooldownUntil(n *config.Notifier) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets[wholeNotifier(n)].cooldown
}

// Limit returns how many deliveries of a notifier may be claimed: those that find a slot within maxHold, as far as this
// relay knows. If none does, it returns how long that lasts.
func (l *limiter) Limit(n *config.Notifier) (limit int, wait time.Duration) {
	l.mu.Lock()
	t := l.targets[wholeNotifier(n)]
	l.mu.Unlock()
	now, rate := l.now(), n.Rate()
	switch spare := maxHold - max(0, t.next.Sub(now)); {
	case t.cooldown.After(now):
		return 0, t.cooldown.Sub(now)
	case rate.Messages == 0 || perTarget(n):
		return math.MaxInt, 0
	case spare < 0:
		return 0, -spare
	default:
		return 1 + int(spare/interval(rate)), 0
	}
}

func (l *limiter) cooldown(key string) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.targets[key].cooldown.Sub(l.now())
}

// update changes the state of a target. A new target makes it forget those that take a message at once, since events
// may name ever new ones.
func (l *limiter) update(key string, change func(*target)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	t, known := l.targets[key]
	if !known {
		now := l.now()
		maps.DeleteFunc(l.targets, func(_ string, t target) bool {
			return t.next.Before(now) && t.cooldown.Before(now)
		})
	}
	if l.targets == nil {
		l.targets = map[string]target{}
	}
	change(&t)
	l.targets[key] = t
}

// perTarget reports whether the notifier's rate holds for each target by itself.
func perTarget(n *config.Notifier) bool { return n.Kind.Target != nil && n.Rate().Messages > 0 }

// targetOf returns the key of the target of a delivery.
func targetOf(n *config.Notifier, d *store.Delivery) string {
	if perTarget(n) {
		return "target/" + n.RateKey(d.Message)
	}
	return wholeNotifier(n)
}

func wholeNotifier(n *config.Notifier) string { return "notifier/" + n.Spec.Name }

// interval is the time from one message to the next.
func interval(r notifiers.Rate) time.Duration { return r.Per / time.Duration(r.Messages) }

// rateLimited reports whether an error asks for a pause of the target, rather than of one message.
func rateLimited(err error) bool {
	var later *notifiers.RetryAfterError
	return errors.As(err, &later) && notifiers.Reason(err) == notifiers.ReasonRate
}
