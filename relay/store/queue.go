package store

import "sync"

// queue holds ops that wait for a writer.
type queue[T interface{ size() int }] struct {
	mu     sync.Mutex
	ops    []T
	closed bool
	wake   chan struct{} // holds one token when there may be something to do
}

// push adds an op, unless the queue is closed.
func (q *queue[T]) push(o T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.ops = append(q.ops, o)
	q.signal()
	return true
}

// again adds an op from the writer itself, also to a closed queue.
func (q *queue[T]) again(o T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ops = append(q.ops, o)
	q.signal()
}

func (q *queue[T]) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *queue[T]) signal() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take waits for ops and returns the first ones, of about so many rows (an op says how many it writes). It returns nil when the queue is closed and
// empty.
func (q *queue[T]) take(rows int) []T {
	for {
		q.mu.Lock()
		n := 0
		for sum := 0; n < len(q.ops) && (n == 0 || sum+q.ops[n].size() <= rows); n++ {
			sum += q.ops[n].size()
		}
		group, closed := q.ops[:n:n], q.closed
		q.ops = q.ops[n:]
		q.mu.Unlock()
		if n > 0 {
			return group
		}
		if closed {
			return nil
		}
		<-q.wake
	}
}
