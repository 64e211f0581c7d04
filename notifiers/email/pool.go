package email

import (
	"slices"
	"sync"
	"time"
)

// maxIdle is how long a session stays open without an email.
const maxIdle = 10 * time.Second

// sessionPool holds the idle sessions, at most concurrency of them and each for at most maxIdle. Its zero value is
// ready, and it may be used from many goroutines.
type sessionPool struct {
	mu   sync.Mutex
	idle []*session
}

// take returns the session that was used last, or nil.
func (p *sessionPool) take() *session {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 {
		return nil
	}
	s := p.idle[len(p.idle)-1]
	p.idle = p.idle[:len(p.idle)-1]
	s.expiry.Stop()
	return s
}

// put keeps a session for the next email.
func (p *sessionPool) put(s *session) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) >= concurrency {
		s.close()
		return
	}
	s.expiry = time.AfterFunc(maxIdle, func() { p.expire(s) })
	p.idle = append(p.idle, s)
}

// drain ends the idle sessions.
func (p *sessionPool) drain() {
	var ending sync.WaitGroup
	for s := p.take(); s != nil; s = p.take() {
		ending.Go(s.quit)
	}
	ending.Wait()
}

// expire ends a session, unless it was taken meanwhile.
func (p *sessionPool) expire(s *session) {
	p.mu.Lock()
	i := slices.Index(p.idle, s)
	if i >= 0 {
		p.idle = slices.Delete(p.idle, i, i+1)
	}
	p.mu.Unlock()
	if i >= 0 {
		s.quit()
	}
}
