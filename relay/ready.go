package relay

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// readySlots are slots that can be fired before they are due: what their events wait for is there. Its methods may be
// called from many goroutines.
type readySlots struct {
	mu    sync.Mutex
	keys  []string
	known map[string]bool
}

// add adds slots that are not among them.
func (r *readySlots) add(keys ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, key := range keys {
		if !r.known[key] {
			r.keys = append(r.keys, key)
			if r.known == nil {
				r.known = map[string]bool{}
			}
			r.known[key] = true
		}
	}
}

// take removes and returns some.
func (r *readySlots) take(most int) (keys []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := min(most, len(r.keys))
	keys, r.keys = r.keys[:n:n], r.keys[n:]
	for _, key := range keys {
		delete(r.known, key)
	}
	return keys
}

// slotReady has a slot fired at once.
func (e *Engine) slotReady(key string) {
	e.waker.ready.add(key)
	e.waker.look()
}

// fireReady fires the slots that are ready. It returns after which time those that are left are tried again, or 0 if
// none is left.
func (e *Engine) fireReady(ctx context.Context) (rest time.Duration) {
	for ctx.Err() == nil {
		keys := e.waker.ready.take(turnSlots)
		if len(keys) == 0 {
			return 0
		}
		busy, err := false, e.checkCapacity()
		if err == nil {
			busy, err = e.fireOnly(ctx, keys)
		}
		if err != nil || busy {
			e.waker.ready.add(keys...)
		}
		switch {
		case err != nil:
			return retryRest
		case busy:
			return busyRest
		}
	}
	return 0
}

// fireOnly fires some slots, one by one if the store cannot keep what they make together.
func (e *Engine) fireOnly(ctx context.Context, keys []string) (busy bool, err error) {
	s := &sweep{Engine: e, limit: len(keys), only: keys}
	t, woken, err := s.turn(ctx, s.limit, nil)
	switch {
	case errors.Is(err, store.ErrData):
		for _, key := range keys {
			alone := &sweep{Engine: e, limit: 1, only: []string{key}}
			if _, err := alone.next(ctx); err != nil || alone.busy {
				return alone.busy, err
			}
		}
		return false, nil
	case err != nil:
		e.storeFailed(ctx, "firing slots", err)
		return false, err
	case woken.Busy:
		return true, nil
	}
	t.settle(woken)
	if woken.Looked == 0 { // another relay has decided their events
		e.asker.ForgetDone(keys)
	}
	if woken.Looked > 0 && woken.Looked < len(keys) { // the time of the turn was over, or some have ended
		done := map[string]bool{}
		for _, fired := range woken.Fired {
			done[fired.Key] = true
		}
		e.waker.ready.add(slices.DeleteFunc(slices.Clone(keys), func(key string) bool { return done[key] })...)
	}
	return false, nil
}
