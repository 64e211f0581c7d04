package relay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/flow"
)

const (
	// A turn of waking fires at most so many slots, reads about so many bytes for them, and decides for about so long,
	// so that events that arrive meanwhile wait for no more than that.
	turnSlots = 256
	turnBytes = 4 << 20
	turnTime  = 50 * time.Millisecond
	// maxRest is the longest time between two looks at the slots, and sharedRest if other relays may have stored some.
	maxRest    = time.Minute
	sharedRest = time.Second
	// retryRest is how long nothing fires after the store has failed, or while no more events are accepted.
	retryRest = time.Second
	// unknownFor is how long a slot is left that no rule here has: a relay with other rules may run beside this one, or a
	// rule may get its name back.
	unknownFor = 10 * time.Minute
	// badFor is how long a slot is kept that cannot be read.
	badFor = 7 * 24 * time.Hour
)

// ownSlotRules are those of the current rules.
func ownSlotRules() *slotRules {
	return &slotRules{knows: (*rules.Set).Knows, needs: (*rules.Set).Needs, wake: (*rules.Set).Wake,
		armed: func(c *config.Config, now time.Time, dry bool) []rules.Change { return c.Rules.Armed(now, dry) }}
}

// slotRules decide about slots.
type slotRules struct {
	// knows reports whether a rule has such slots.
	knows func(*rules.Set, flow.Name) bool
	// needs returns what wake will read. It may be nil.
	needs func(*rules.Set, rules.Woken) rules.Needs
	wake  func(*rules.Set, rules.Woken, rules.State) rules.Decision
	// armed returns the slots that the rules need without any event. It may be nil.
	armed func(c *config.Config, now time.Time, dry bool) []rules.Change
}

// waker fires slots that are due. Its methods may be called from many goroutines.
type waker struct {
	rules *slotRules // nil: no rule has slots, so those of others are left alone
	fresh chan struct{}
	next  atomic.Int64 // when it looks again, in Unix milliseconds
	ready readySlots

	rearm              atomic.Bool    // a slot that the rules need without any event has ended
	armedBy            *config.Config // the configuration whose slots were armed; of wakeAll only
	lookedAt, lookedBy time.Time      // the last time that it looked, by the store and by the machine; of wakeAll only
}

// look makes the waker look at once.
func (w *waker) look() {
	select {
	case w.fresh <- struct{}{}:
	default:
	}
}

// note makes the waker look if a plan sets a due time before its next look.
func (w *waker) note(p *store.Plan) {
	if w.rules == nil {
		return
	}
	for i := range p.Changes {
		if due := p.Changes[i].Due; !due.IsZero() && due.UnixMilli() < w.next.Load() {
			w.look()
			return
		}
	}
}

// rest waits until a time, or until there may be something to do.
func (w *waker) rest(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	case <-w.fresh:
	}
}

// wakeAll fires slots when they are due, until ctx is done.
func (e *Engine) wakeAll(ctx context.Context) {
	w := &e.waker
	if w.rules == nil {
		return
	}
	for ctx.Err() == nil {
		e.noteJump(ctx)
		e.armAll(ctx)
		w.next.Store(math.MaxInt64) // a slot that is stored from now on is looked at
		again := e.fireReady(ctx)
		next, rest := e.fireDue(ctx), maxRest
		if e.Store.Notifications() != nil && !next.IsZero() {
			rest = sharedRest
		}
		if !next.IsZero() {
			rest = max(0, min(rest, next.Sub(e.Now())+time.Millisecond))
		}
		if again > 0 {
			rest = min(rest, again)
		}
		w.next.Store(e.Now().Add(rest).UnixMilli())
		w.rest(ctx, rest)
	}
}

// armAll stores the slots that the rules need without any event, unless they are there: once for each configuration, and
// when such a slot has ended.
func (e *Engine) armAll(ctx context.Context) {
	cfg := e.Config()
	again := e.waker.rearm.Swap(false)
	if e.waker.rules.armed == nil || e.waker.armedBy == cfg && !again {
		return
	}
	for _, c := range e.waker.rules.armed(cfg, e.Now(), e.DryRun) {
		if _, err := e.Store.SwapSlot(ctx, nil, store.Change(c)); err != nil {
			e.storeFailed(ctx, "arming slots", err)
			e.waker.armedBy = nil
			return
		}
	}
	e.waker.armedBy = cfg
}

// noteJump keeps a gap if the time of the store has moved on by much more than that of the machine: its clock was set
// forward, or the machine slept.
func (e *Engine) noteJump(ctx context.Context) {
	machine := time.Now
	if e.Machine != nil {
		machine = e.Machine
	}
	w, now, here := &e.waker, e.Now(), machine()
	last, elapsed := w.lookedAt, here.Sub(w.lookedBy)
	w.lookedAt, w.lookedBy = now, here
	if last.IsZero() {
		return
	}
	gap, found := store.GapBetween(last.Add(elapsed), now)
	if !found {
		return
	}
	e.Logger.Warn("clock moved on", "from", gap.From, "to", gap.To)
	gap.From = last
	old, err := e.Store.Get(ctx, store.GapKey)
	if err == nil {
		_, err = e.Store.Swap(ctx, store.GapKey, old, gap.Change())
	}
	if err != nil {
		e.storeFailed(ctx, "keeping a gap", err)
	}
}

// fireDue fires all slots that are due, and returns when to look again, or the zero time if no slot is armed.
func (e *Engine) fireDue(ctx context.Context) time.Time {
	value, err := e.Store.Get(ctx, store.GapKey)
	if err != nil {
		e.storeFailed(ctx, "reading the last gap", err)
		return e.Now().Add(retryRest)
	}
	s := &sweep{Engine: e, gap: store.ParseGap(value), limit: turnSlots}
	for ctx.Err() == nil {
		if err := e.checkCapacity(); err != nil { // slots wait until there is room for what they make
			return e.Now().Add(retryRest)
		}
		start := e.Now()
		switch more, err := s.next(ctx); {
		case err != nil:
			e.storeFailed(ctx, "firing slots", err)
			return e.Now().Add(retryRest)
		case s.busy:
			return e.Now().Add(sharedRest)
		case !more:
			return s.lookAgain(ctx, start)
		}
	}
	return time.Time{}
}

// sweep is one walk over the slots that are due, in turns.
type sweep struct {
	*Engine
	gap   store.Gap
	after store.SlotRef
	limit int  // slots of the next turn
	alone int  // turns of one slot that are left, after a turn that failed
	busy  bool // another relay is at it
	again time.Time
	only  []string // the slots to fire, whether or not they are due; nil for those that are
}

// next does a turn, and reports whether there may be another one. If the store cannot keep what a turn makes, its slots
// are fired one by one. A slot whose firing cannot be kept alone is moved.
func (s *sweep) next(ctx context.Context) (more bool, err error) {
	t, woken, err := s.turn(ctx, s.limit, nil)
	switch {
	case errors.Is(err, store.ErrData) && s.limit > 1:
		s.limit, s.alone = 1, turnSlots
		return true, nil
	case errors.Is(err, store.ErrData):
		t, woken, err = s.turn(ctx, 1, err)
	}
	if err != nil {
		return false, err
	}
	if s.busy = woken.Busy; s.busy || woken.Looked == 0 {
		return false, nil
	}
	s.after = woken.Last
	if s.alone--; s.alone <= 0 {
		s.limit = turnSlots
	}
	t.settle(woken)
	return true, nil
}

// turn calls the store once. With a fault, it moves its slots because of that.
func (s *sweep) turn(ctx context.Context, limit int, fault error) (*turn, store.Woken, error) {
	ctx, cancel := context.WithTimeout(ctx, commitTimeout)
	defer cancel()
	t := &turn{sweep: s, cfg: s.Config(), now: s.Now(), fault: fault}
	woken, err := s.Store.Wake(ctx, store.Wake{Dry: s.DryRun, Only: s.only, After: s.after, Limit: limit, Bytes: turnBytes,
		Time: turnTime, Keys: t.keys, Events: t.events, Decide: t.decide})
	return t, woken, err
}

// lookAgain returns when the next slot is due after a time, or when one that was left may fire.
func (s *sweep) lookAgain(ctx context.Context, after time.Time) time.Time {
	next, err := s.Store.NextWake(ctx, after, s.DryRun)
	if err != nil {
		s.storeFailed(ctx, "reading when the next slot is due", err)
		return s.Now().Add(retryRest)
	}
	return earlier(next, s.again)
}

// earlier returns the first of two times, of which a zero one does not count.
func earlier(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// slotError is the error of a decision about a slot.
func slotError(panicked any) error { return fmt.Errorf("the rules panicked: %v", panicked) }
