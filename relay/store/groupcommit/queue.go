package groupcommit

import "sync"

// Queue holds ops that wait for a writer.
type Queue[T interface{ Size() int }] struct {
	mu     sync.Mutex
	ops    []T
	closed bool
	Wake   chan struct{} // holds one token when there may be something to do
}

// Push adds an op, unless the queue is closed.
func (q *Queue[T]) Push(o T) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		return false
	}
	q.ops = append(q.ops, o)
	q.signal()
	return true
}

// Again adds an op from the writer itself, also to a closed queue.
func (q *Queue[T]) Again(o T) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ops = append(q.ops, o)
	q.signal()
}

func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.signal()
}

func (q *Queue[T]) signal() {
	select {
	case q.Wake <- struct{}{}:
	default:
	}
}

// Take waits for ops and returns the first ones, of about so many rows (an op says how many it writes). It returns nil when the queue is closed and
// empty.
func (q *Queue[T]) Take(rows int) []T {
	for {
		q.mu.Lock()
		n := 0
		for sum := 0; n < len(q.ops) && (n == 0 || sum+q.ops[n].Size() <= rows); n++ {
			sum += q.ops[n].Size()
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
		<-q.Wake
	}
}

// GroupRows is about how many rows one transaction writes at most, so that nobody waits long for it.
const GroupRows = 1000
