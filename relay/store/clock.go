package store

import (
	"sync"
	"time"
)

// Clock returns a clock that continues when the machine's clock is set back: due deliveries stay due, and waits stay
// as long as they were. When the machine's clock is set forward, it follows. It may be called from many goroutines.
func Clock() func() time.Time {
	return steady(time.Now, time.Since)
}

// steady makes a clock from the machine's clock and from a function that measures the time since a moment independently
// of it.
func steady(now func() time.Time, since func(time.Time) time.Duration) func() time.Time {
	var mu sync.Mutex
	anchor := now()
	return func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		wall, at := now(), anchor.Add(since(anchor))
		if wall.Round(0).After(at.Round(0)) {
			anchor = wall
			return wall
		}
		return at
	}
}
