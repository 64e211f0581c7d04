package engine

import (
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// Rates holds rates in memory: for each key, when its next slot would be without a burst (the generic cell rate
// algorithm). It may be used from many goroutines.
type Rates struct {
	// UsedAt is when one message of each key counts as sent; zero is never. It is set before the first use.
	UsedAt time.Time

	mu   sync.Mutex
	next map[string]time.Time
	full int // how many keys there may be before the free ones are removed
}

const (
	// minRates is how many keys are kept even if they are free.
	minRates = 256
	// maxInitialWait bounds how long the first message of a rate waits after a start. Of a slower rate, one message may
	// be sent too early.
	maxInitialWait = 10 * time.Second
)

// Reserve takes the next slot of a rate, as store.KV does.
func (x *Rates) Reserve(key string, r store.Rate, most time.Duration, now time.Time) time.Duration {
	if r.Messages <= 0 || r.Per <= 0 {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.removeFree(now)
	step := r.Per / time.Duration(r.Messages)
	at, known := x.next[key]
	if !known && !x.UsedAt.IsZero() {
		at = x.UsedAt.Add(min(step, maxInitialWait))
	}
	if at.Before(now) {
		at = now
	}
	wait := max(0, at.Sub(now)-time.Duration(max(r.Burst, 1)-1)*step)
	if wait > most {
		return wait
	}
	x.next[key] = at.Add(step)
	return wait
}

// removeFree removes the keys whose next slot is free, when there are twice as many keys as were in use the last time.
func (x *Rates) removeFree(now time.Time) {
	if x.next == nil {
		x.next = map[string]time.Time{}
	}
	if len(x.next) < max(x.full, minRates) {
		return
	}
	maps.DeleteFunc(x.next, func(_ string, at time.Time) bool { return !at.After(now) })
	x.full = 2 * len(x.next)
}
