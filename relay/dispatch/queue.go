package dispatch

import (
	"errors"
	"sync"
	"time"
)

const (
	// maxOutcomes is the number of outcomes that one transaction writes at most.
	maxOutcomes = 1024
	// gatherOutcomes is how long outcomes gather while there are many, so that a transaction writes as many as the disk
	// would otherwise confirm one by one. Those that gather would be sent again if the process were killed.
	gatherOutcomes = 5 * time.Millisecond
)

// Errors of Put. Any other error means that the store did not take the event.
var (
	ErrStopping = errors.New("the relay is not running, or about to stop")
	ErrBusy     = errors.New("too many events wait for the disk")
)

// Queue takes items from many goroutines, and gives all that wait to one goroutine at once. It is closed until Open is
// called.
type Queue[T any] struct {
	mu     sync.Mutex
	more   sync.Cond
	items  []T
	isOpen bool
	limit  int // how many items may wait; zero means any number
	wanted int // how many items gather waits for, or zero
}

// NewQueue returns a closed queue. A limit of zero means any number of items.
func NewQueue[T any](limit int) *Queue[T] {
	q := &Queue[T]{limit: limit}
	q.more.L = &q.mu
	return q
}

// Put adds items in their order. It fails with ErrStopping when the queue is closed and ErrBusy when it is full.
func (q *Queue[T]) Put(items ...T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.isOpen:
		return ErrStopping
	case q.limit > 0 && len(q.items)+len(items) > q.limit:
		return ErrBusy
	}
	q.items = append(q.items, items...)
	if len(q.items) >= q.wanted {
		q.more.Signal()
	}
	return nil
}

// gather waits until there are enough items, the time is over or the queue is closed, so that one Take returns more
// items. Only the goroutine that takes may call it.
func (q *Queue[T]) gather(enough int, wait time.Duration) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.wanted = enough
	timer := time.AfterFunc(wait, func() {
		q.mu.Lock()
		defer q.mu.Unlock()
		q.wanted = 0
		q.more.Broadcast()
	})
	defer timer.Stop()
	for q.wanted > 0 && len(q.items) < enough && q.isOpen {
		q.more.Wait()
	}
	q.wanted = 0
}

// Take waits for items and returns them, at most the given number, or nothing when the queue is closed and empty. The
// caller owns the batch: a store whose call timed out may still read from it.
func (q *Queue[T]) Take(most int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && q.isOpen {
		q.more.Wait()
	}
	n := min(most, len(q.items))
	batch := q.items[:n:n]
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return batch
}

// Open lets items in.
func (q *Queue[T]) Open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isOpen = true
}

// Close lets no more items in. Those that wait can still be taken.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isOpen = false
	q.more.Broadcast()
}

// Accepting reports whether the queue is open.
func (q *Queue[T]) Accepting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.isOpen
}
