package dispatch

import (
	"sync"
	"time"

	"qaserelay/relay/store"
)

// moment is how long a claimed delivery may wait in a lane before it is sent. What has to wait longer is left in the store, where another
// relay may take it.
const moment = 2 * time.Second

// maxHeldBytes is about how much a lane holds in memory.
const maxHeldBytes = 32 << 20

// pace counts what a lane holds, and measures how fast it sends. Its methods may be called from many goroutines.
type pace struct {
	workers int
	freed   chan struct{} // half of the window is free again

	mu     sync.Mutex
	held   int           // claimed, and not yet reported
	wanted int           // freed gets a token when no more than this is held
	took   time.Duration // by an attempt, as a running mean
	size   int           // of a delivery in bytes, likewise
	moved  time.Time     // when an attempt ended, or the first of those held was claimed
	next   time.Time     // the next place in the rate is not before
}

func (p *pace) init(workers int) { p.workers, p.freed = workers, make(chan struct{}, 1) }

func (p *pace) claimed(ds ...store.Delivery) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held == 0 {
		p.moved = time.Now()
	}
	p.held += len(ds)
	for _, d := range ds {
		p.size += (len(d.EventBody) + len(d.Message) - p.size) / 8
	}
}

func (p *pace) release(n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held -= n; p.held <= p.wanted {
		p.wanted = -1
		select {
		case p.freed <- struct{}{}:
		default:
		}
	}
}

// sent notes how long an attempt took.
func (p *pace) sent(took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved = time.Now()
	if p.took == 0 {
		p.took = took
	}
	p.took += (took - p.took) / 8
}

// window is about how many deliveries go out in a moment, but no more than there is memory for. While none does, it is as many as there are workers.
func (p *pace) window() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.isStalled():
		return p.workers
	case p.took == 0:
		return 8 * p.workers
	}
	return max(1, min(p.workers*max(1, int(moment/p.took)), maxHeldBytes/max(1, p.size)))
}

// room returns how much of a window is free: nothing until half of it is, so that claims are few and large.
func (p *pace) room(window int) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.held > window/2 {
		p.wanted = window / 2
		return 0
	}
	p.wanted = -1
	return window - p.held
}

// expect notes how far the next place in the rate is away.
func (p *pace) expect(wait time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.next = time.Now().Add(wait)
}

// places returns how many places there are within a moment, as far as is known here, and if none, when there will be.
func (p *pace) places(step time.Duration) (int, time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	spare := moment - max(0, time.Until(p.next))
	if spare < 0 {
		return 0, -spare
	}
	return 1 + int(spare/step), 0
}

// stalled reports whether nothing has moved for longer than a moment.
func (p *pace) stalled() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.isStalled()
}

func (p *pace) isStalled() bool { return p.held > 0 && time.Since(p.moved) > moment }

func (p *pace) holds() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.held
}
