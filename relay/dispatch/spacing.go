package dispatch

import (
	"context"
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// spacing keeps messages of one line apart when they go out. Places in the rate are apart already, but a message that has to wait for a
// worker goes out after its place, and so would be too close to the next one. The zero value is ready, and may be used from many goroutines.
type spacing struct {
	mu   sync.Mutex
	next map[string]time.Time // when the next message of a line may go out
}

// take returns how long a message has to wait, that comes at now and keeps the next one so far away.
func (s *spacing) take(line string, now time.Time, apart time.Duration) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.next[line]
	if at.Before(now) {
		at = now
	}
	if s.next == nil {
		s.next = map[string]time.Time{}
	}
	maps.DeleteFunc(s.next, func(_ string, next time.Time) bool { return next.Before(now) }) // events can name ever new ones
	s.next[line] = at.Add(apart)
	return at.Sub(now)
}

// space waits until the last message to the target of d is far enough away. The distance is a little less than that of places, so that
// whoever was late does not delay all that follow.
func (l *lane) space(ctx context.Context, d store.Delivery) {
	out := l.out.Load()
	rate := out.Rate()
	if out.Kind.Target == nil || rate.Messages == 0 || rate.Burst > 1 {
		return
	}
	apart := step(rate)
	wait := l.engine.spacing.take(out.Line(d), l.engine.Now(), apart-apart/100)
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
