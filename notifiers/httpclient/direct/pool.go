package direct

import (
	"slices"
	"sync"
	"time"
)

// pool holds the connections without a request.
type pool struct {
	most, mostPerHost int
	maxIdle           time.Duration

	mu      sync.Mutex
	idle    []*conn // in the order in which they came
	closing bool    // what comes is closed, until another connection is wanted
	sweeper *time.Timer
}

// get takes the connection to an address that came last, or returns nil. A connection that its server has closed, or
// has written to, is closed.
func (p *pool) get(address string) *conn {
	for {
		c := p.take(address)
		if c == nil || time.Since(c.idleSince) < p.maxIdle && c.isQuiet() {
			return c
		}
		c.Close()
	}
}

func (p *pool) take(address string) *conn {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closing = false
	for i, c := range slices.Backward(p.idle) {
		if c.address == address {
			p.idle = slices.Delete(p.idle, i, i+1)
			return c
		}
	}
	return nil
}

// put adds a connection, or closes it if there are too many for its address. Of too many in all it closes the first.
func (p *pool) put(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing || p.isFull(c.address) {
		c.Close()
		return
	}
	c.idleSince = time.Now().Round(0)
	p.idle = append(p.idle, c)
	if len(p.idle) > p.most {
		p.idle[0].Close()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	if p.sweeper == nil {
		p.sweeper = time.AfterFunc(p.maxIdle, p.sweep)
	}
}

// isFull reports whether there are enough connections to an address.
func (p *pool) isFull(address string) bool {
	n := 0
	if len(p.idle) >= p.mostPerHost { // else there is nothing to count
		for _, c := range p.idle {
			if c.address == address {
				n++
			}
		}
	}
	return n >= p.mostPerHost
}

// sweep closes the connections that have been idle for too long.
func (p *pool) sweep() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 && time.Since(p.idle[0].idleSince) >= p.maxIdle {
		p.idle[0].Close()
		p.idle = slices.Delete(p.idle, 0, 1)
	}
	p.sweeper = nil
	if len(p.idle) > 0 {
		p.sweeper = time.AfterFunc(p.maxIdle-time.Since(p.idle[0].idleSince), p.sweep)
	}
}

// close closes all connections.
func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range p.idle {
		c.Close()
	}
	p.idle, p.closing = nil, true
}
