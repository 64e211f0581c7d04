package conn

import (
	"context"
	"errors"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// MaxReaders is how many connections read at the same time.
const MaxReaders = 4

// Pool is a pool of connections that only read. It may be used from many goroutines.
type Pool struct {
	open   func() (*Conn, error)
	free   chan *Conn // MaxReaders entries; nil is a connection that is not open yet
	closed chan struct{}
}

// NewPool returns a pool of connections that open makes when they are needed.
func NewPool(open func() (*Conn, error)) *Pool {
	p := &Pool{open: open, free: make(chan *Conn, MaxReaders), closed: make(chan struct{})}
	for range MaxReaders {
		p.free <- nil
	}
	return p
}

// Read lends a connection to f.
func (p *Pool) Read(ctx context.Context, f func(ctx context.Context, c *Conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, engine.ReadTimeout)
	defer cancel()
	var c *Conn
	select {
	case <-p.closed:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	case c = <-p.free:
	}
	defer func() { p.free <- c }()
	if c == nil {
		fresh, err := p.open()
		if err != nil {
			return err
		}
		c = fresh
	}
	return f(ctx, c)
}

// Close waits for running reads.
func (p *Pool) Close() error {
	close(p.closed)
	var errs []error
	for range MaxReaders {
		if c := <-p.free; c != nil {
			errs = append(errs, c.Close())
		}
	}
	return errors.Join(errs...)
}
