// Package groupcommit gathers calls of many goroutines, so that one transaction commits many of them.
package groupcommit

import (
	"cmp"
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// groupRows is about how many rows one group writes at most, so that no caller waits long for a large one.
	groupRows = 1000
	// gatherFor is how long calls of DoLater gather before the next group takes them, and laterBy how long they wait for a
	// group at most.
	gatherFor, laterBy = 5 * time.Millisecond, 10 * time.Millisecond
)

// Committer takes all calls that wait, commits them together, and answers each of their callers. While one group is
// committed, the next one gathers: a lone call is not delayed, and many calls share one fsync. The fields are set
// before Start. Do and Add may be called from many goroutines; Commit, Alone and Abandoned are called from as many as there
// are groups at the same time.
type Committer[T any] struct {
	// Commit executes all calls of a group, or none of them. It may execute a call again after it failed. It may call next
	// as soon as the next group may be executed beside this one.
	Commit func(calls []T, next func()) error
	// Groups is how many groups are executed at the same time at most. Zero is one.
	Groups int
	// Alone reports whether each call of a group that failed is committed alone, so that a bad one fails no other. Nil
	// is always.
	Alone func(err error) bool
	// Stopped is the error of Do after Stop; nil is ErrStopped.
	Stopped error
	// Abandoned is called with each call that was committed although its caller had stopped waiting. Nil is nothing.
	Abandoned func(call T)

	calls Queue[*pending[T]]
	turn  chan struct{} // full from taking a group until the next one may be taken
	loops sync.WaitGroup

	mu      sync.Mutex
	later   []*pending[T] // those of DoLater that wait for others
	since   time.Time     // when the first of them came
	stopped bool
}

// pending is a call that waits for its commit.
type pending[T any] struct {
	call   T
	rows   int // about how many it writes
	answer chan error
	over   atomic.Bool // answered, or the caller has stopped waiting
	ran    bool        // in the last commit
}

// Start begins to commit.
func (c *Committer[T]) Start() {
	c.calls.Weight = func(p *pending[T]) int { return p.rows }
	c.calls.Open()
	c.turn = make(chan struct{}, 1)
	for range max(1, c.Groups) {
		c.loops.Go(func() {
			for c.serveNext() {
				runtime.Gosched() // callers that were answered come again, so that groups are large
			}
		})
	}
}

// serveNext serves the next group, and reports whether there was one.
func (c *Committer[T]) serveNext() bool {
	c.turn <- struct{}{}
	next := sync.OnceFunc(func() { <-c.turn })
	defer next()
	group := c.calls.Take(groupRows)
	if len(group) > 0 {
		c.serve(append(group, c.takeLater()...), next)
	}
	return len(group) > 0
}

// Stop refuses new calls and waits until the others are committed.
func (c *Committer[T]) Stop() {
	c.hurry(true)
	c.calls.Close()
	c.loops.Wait()
}

// Do has a call committed that writes about so many rows, or returns Stopped after Stop. If ctx ends first, the call
// may be committed nevertheless.
func (c *Committer[T]) Do(ctx context.Context, rows int, call T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &pending[T]{call: call, rows: rows, answer: make(chan error, 1)}
	if c.calls.Put(p) != nil {
		return cmp.Or(c.Stopped, ErrStopped)
	}
	return p.wait(ctx)
}

// DoLater is Do for a call that nobody waits for: after 5 milliseconds it is committed with the next calls of others, or
// without any after 10, so that few of them need a transaction of their own.
func (c *Committer[T]) DoLater(ctx context.Context, rows int, call T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &pending[T]{call: call, rows: rows, answer: make(chan error, 1)}
	if !c.putLater(p) {
		return cmp.Or(c.Stopped, ErrStopped)
	}
	return p.wait(ctx)
}

func (c *Committer[T]) putLater(p *pending[T]) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped || !c.calls.Accepting() {
		return false
	}
	if c.later = append(c.later, p); len(c.later) == 1 {
		c.since = time.Now()
		time.AfterFunc(laterBy, func() { c.hurry(false) })
	}
	return true
}

// takeLater returns the calls of DoLater that are committed with a group.
func (c *Committer[T]) takeLater() []*pending[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.later) == 0 || time.Since(c.since) < gatherFor {
		return nil
	}
	calls := c.later
	c.later = nil
	return calls
}

// hurry lets the calls of DoLater wait no longer if it is time, or the last time: then no more are taken.
func (c *Committer[T]) hurry(last bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !last && time.Since(c.since) < laterBy {
		return // others have come since the timer was set, which have one of their own
	}
	for _, p := range c.later {
		_ = c.calls.Put(p)
	}
	c.later, c.stopped = nil, c.stopped || last
}

// wait returns how the commit went, or the error of ctx if that ends before.
func (p *pending[T]) wait(ctx context.Context) error {
	select {
	case err := <-p.answer:
		return err
	case <-ctx.Done():
		if p.over.CompareAndSwap(false, true) {
			return ctx.Err()
		}
		return <-p.answer
	}
}

// Add queues a call without waiting for it. Abandoned may add calls even after Stop.
func (c *Committer[T]) Add(rows int, call T) {
	c.calls.mu.Lock()
	defer c.calls.mu.Unlock()
	c.calls.add(&pending[T]{call: call, rows: rows, answer: make(chan error, 1)})
}

// AwaitIdle waits until no call waits, for so long at most.
func (c *Committer[T]) AwaitIdle(ctx context.Context, most time.Duration) {
	const look = 2 * time.Millisecond
	for began := time.Now(); c.calls.Len() > 0 && time.Since(began) < most && ctx.Err() == nil; {
		time.Sleep(look)
	}
}

// serve commits a group together, or else its calls one by one, and answers.
func (c *Committer[T]) serve(group []*pending[T], next func()) {
	err := c.commit(group, next)
	alone := err != nil && len(group) > 1 && (c.Alone == nil || c.Alone(err))
	for _, p := range group {
		if alone {
			err = c.commit([]*pending[T]{p}, func() {}) // the next group comes behind all of this one
		}
		c.reply(p, err)
	}
}

// commit commits the calls whose callers still wait.
func (c *Committer[T]) commit(group []*pending[T], next func()) error {
	calls := make([]T, 0, len(group))
	for _, p := range group {
		if p.ran = !p.over.Load(); p.ran {
			calls = append(calls, p.call)
		}
	}
	if len(calls) == 0 {
		return nil
	}
	return c.Commit(calls, next)
}

func (c *Committer[T]) reply(p *pending[T], err error) {
	if p.over.CompareAndSwap(false, true) {
		p.answer <- err
	} else if err == nil && p.ran && c.Abandoned != nil {
		c.Abandoned(p.call)
	}
}
