package groupcommit

import (
	"errors"
	"sync"
)

// Errors of Put.
var (
	ErrStopped = errors.New("the queue is closed")
	ErrFull    = errors.New("the queue is full")
)

// Queue takes items from many goroutines, and gives all that wait to one goroutine at once. It is closed until Open is
// called. The exported fields are set before that.
type Queue[T any] struct {
	Limit  int              // the number of items that may wait; zero is any number
	Weight func(item T) int // what an item adds to the weight of a batch; nil is 1

	mu     sync.Mutex
	more   sync.Cond
	items  []T
	isOpen bool
}

// Put adds items in their order. It fails with ErrStopped when the queue is closed and with ErrFull when it is full.
func (q *Queue[T]) Put(items ...T) error {
	q.mu.Lock()
	defer q.mu.Unlock()
	switch {
	case !q.isOpen:
		return ErrStopped
	case q.Limit > 0 && len(q.items)+len(items) > q.Limit:
		return ErrFull
	}
	q.add(items...)
	return nil
}

// add queues items, whether the queue is open or not. The caller holds the lock.
func (q *Queue[T]) add(items ...T) {
	q.items = append(q.items, items...)
	q.more.Signal()
}

// Take waits for items and returns the first ones, of at most the given weight but at least one, or nothing when the
// queue is closed and empty. The caller owns the batch: a store whose call timed out may still read from it.
func (q *Queue[T]) Take(most int) []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.items) == 0 && q.isOpen {
		q.more.Wait()
	}
	n := q.fitting(most)
	batch := q.items[:n:n]
	if q.items = q.items[n:]; len(q.items) == 0 {
		q.items = nil
	}
	return batch
}

// Await waits until enough is true of the number of items, and reports whether there are any; when the queue is closed it
// does not wait. It asks again whenever an item is put, and after [Queue.AskAgain].
func (q *Queue[T]) Await(enough func(items int) bool) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.isOpen && (len(q.items) == 0 || !enough(len(q.items))) {
		q.more.Wait()
	}
	return len(q.items) > 0
}

// AskAgain has Await ask whether there are enough items, since something else has changed.
func (q *Queue[T]) AskAgain() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more.Broadcast()
}

// fitting returns the number of items, from the first on, that weigh at most so much; it is 0 only without items.
func (q *Queue[T]) fitting(most int) int {
	if q.Weight == nil {
		return min(most, len(q.items))
	}
	n := 0
	for sum := 0; n < len(q.items); n++ {
		if sum += q.Weight(q.items[n]); n > 0 && sum > most {
			break
		}
	}
	return n
}

// Open lets items in.
func (q *Queue[T]) Open() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.more.L = &q.mu
	q.isOpen = true
}

// Close lets no more items in. Those that wait can still be taken.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.isOpen = false
	q.more.Broadcast()
}

// Len returns how many items wait.
func (q *Queue[T]) Len() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.items)
}

// Accepting reports whether the queue is open.
func (q *Queue[T]) Accepting() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.isOpen
}
