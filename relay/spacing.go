package relay

import (
	"context"
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// spacing keeps messages to one target apart when they go out. Places in the rate are apart already, but a message that has to wait for a
// worker goes out after its place, and so would be too close to the next one. The zero value is ready, and may be used from many goroutines.
type spacing struct {
	mu   sync.Mutex
	last map[string]time.Time // when the last message to a target goes out
}

// take returns how long a message to the target has to wait, that comes at now and is to be so far behind the last one.
func (s *spacing) take(target string, now time.Time, apart time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.last[target].Add(apart)
	if at.Before(now) {
		at = now
	}
	if s.last == nil {
		s.last = map[string]time.Time{}
	}
	maps.DeleteFunc(s.last, func(_ string, last time.Time) bool { return now.Sub(last) > apart }) // events can name ever new ones
	s.last[target] = at
	return at.Sub(now)
}

// space waits until the last message to the target of d is far enough away. The distance is a little less than that of places, so that
// whoever was late does not delay all that follow.
func (l *lane) space(ctx context.Context, d store.Delivery) {
	out := l.out.Load()
	rate := out.rate()
	if out.Kind.Target == nil || rate.Messages == 0 || rate.Burst > 1 {
		return
	}
	apart := step(rate)
	wait := l.spacing.take(out.target(d), l.engine.Now(), apart-apart/100)
	if wait <= 0 {
		return
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
