package slack

import (
	"context"
	"sync"
)

// keyLocks lets one goroutine at a time work on a key. The zero value is ready; it may be used from many goroutines.
type keyLocks struct {
	mu   sync.Mutex
	held map[string]chan struct{} // closed when the key is free again
}

// lock waits until the key is free, and holds it until unlock is called.
func (l *keyLocks) lock(ctx context.Context, key string) (unlock func(), err error) {
	for {
		busy := l.take(key)
		if busy == nil {
			return func() { l.free(key) }, nil
		}
		select {
		case <-busy:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// take takes the key, or returns a channel that is closed when the key is free.
func (l *keyLocks) take(key string) chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	if busy := l.held[key]; busy != nil {
		return busy
	}
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	l.held[key] = make(chan struct{})
	return nil
}

func (l *keyLocks) free(key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.held[key])
	delete(l.held, key)
}
