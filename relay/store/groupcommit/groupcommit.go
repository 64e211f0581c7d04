// Package groupcommit gathers calls of many goroutines, so that one transaction commits many of them.
package groupcommit

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
)

// ErrStopped is the error of a call that comes after Stop.
var ErrStopped = errors.New("the committer has stopped")

// groupRows is about how many rows one group writes at most, so that no caller waits long for a large one.
const groupRows = 1000

// Committer takes all calls that wait, commits them together, and answers each of their callers. While one group is
// committed, the next one gathers: a lone call is not delayed, and many calls share one fsync. The fields are set
// before Start. Do and Add may be called from many goroutines; Commit, Alone and Abandoned are called from one.
type Committer[T any] struct {
	// Commit executes all calls of a group, or none of them. It may execute a call again after it failed.
	Commit func(calls []T) error
	// Alone reports whether each call of a group that failed is committed alone, so that a bad one fails no other. Nil
	// is always.
	Alone func(err error) bool
	// Abandoned is called with each call that was committed although its caller had stopped waiting. Nil is nothing.
	Abandoned func(call T)

	mu      sync.Mutex
	more    sync.Cond // there are calls, or stopped is set
	calls   []*pending[T]
	stopped bool
	loop    sync.WaitGroup
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
	c.more.L = &c.mu
	c.loop.Go(func() {
		for group := c.take(); group != nil; group = c.take() {
			c.serve(group)
			runtime.Gosched() // callers that were answered come again, so that groups are large
		}
	})
}

// Stop refuses new calls and waits until the others are committed.
func (c *Committer[T]) Stop() {
	c.mu.Lock()
	c.stopped = true
	c.more.Signal()
	c.mu.Unlock()
	c.loop.Wait()
}

// Do has a call committed that writes about so many rows. If ctx ends first, the call may be committed nevertheless.
func (c *Committer[T]) Do(ctx context.Context, rows int, call T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	p := &pending[T]{call: call, rows: rows, answer: make(chan error, 1)}
	if !c.push(p, false) {
		return ErrStopped
	}
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
	c.push(&pending[T]{call: call, rows: rows, answer: make(chan error, 1)}, true)
}

func (c *Committer[T]) push(p *pending[T], always bool) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped && !always {
		return false
	}
	c.calls = append(c.calls, p)
	c.more.Signal()
	return true
}

// take waits for calls and returns the first ones, of about groupRows rows, or nil when the committer has stopped.
func (c *Committer[T]) take() []*pending[T] {
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.calls) == 0 && !c.stopped {
		c.more.Wait()
	}
	n := 0
	for rows := 0; n < len(c.calls) && (n == 0 || rows+c.calls[n].rows <= groupRows); n++ {
		rows += c.calls[n].rows
	}
	if n == 0 {
		return nil
	}
	group := c.calls[:n:n]
	c.calls = c.calls[n:]
	return group
}

// serve commits a group together, or else its calls one by one, and answers.
func (c *Committer[T]) serve(group []*pending[T]) {
	err := c.commit(group)
	alone := err != nil && len(group) > 1 && (c.Alone == nil || c.Alone(err))
	for _, p := range group {
		if alone {
			err = c.commit([]*pending[T]{p})
		}
		c.reply(p, err)
	}
}

// commit commits the calls whose callers still wait.
func (c *Committer[T]) commit(group []*pending[T]) error {
	calls := make([]T, 0, len(group))
	for _, p := range group {
		if p.ran = !p.over.Load(); p.ran {
			calls = append(calls, p.call)
		}
	}
	if len(calls) == 0 {
		return nil
	}
	return c.Commit(calls)
}

func (c *Committer[T]) reply(p *pending[T], err error) {
	if p.over.CompareAndSwap(false, true) {
		p.answer <- err
	} else if err == nil && p.ran && c.Abandoned != nil {
		c.Abandoned(p.call)
	}
}
