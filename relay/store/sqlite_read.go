package store

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"
)

const (
	maxReaders  = 4
	readTimeout = 5 * time.Second // a long read keeps the log from being reused
)

// readers is a small pool of connections that only read.
type readers struct {
	open   func() (*conn, error)
	free   chan *conn // maxReaders entries; nil is one that was not opened yet
	closed chan struct{}
}

func newReaders(open func() (*conn, error)) *readers {
	p := &readers{open: open, free: make(chan *conn, maxReaders), closed: make(chan struct{})}
	for range maxReaders {
		p.free <- nil
	}
	return p
}

// read lends a connection to f.
func (p *readers) read(ctx context.Context, f func(ctx context.Context, c *conn) error) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	var c *conn
	select {
	case <-p.closed:
		return ErrClosed
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

// close waits for running reads.
func (p *readers) close() error {
	close(p.closed)
	var errs []error
	for range maxReaders {
		if c := <-p.free; c != nil {
			errs = append(errs, c.close())
		}
	}
	return errors.Join(errs...)
}

// list runs a query and calls each for every row.
func (s *SQLite) list(ctx context.Context, q query, each func(row)) error {
	return s.readers.read(ctx, func(ctx context.Context, c *conn) error {
		return c.query(ctx, q.text, q.args, func(r row) error {
			each(r)
			return nil
		})
	})
}

// query is a statement with its arguments.
type query struct {
	text string
	args []any
}

// Get implements Store.
func (s *SQLite) Get(ctx context.Context, key string) (value []byte, err error) {
	var expires int64
	err = s.readers.read(ctx, func(ctx context.Context, c *conn) (err error) {
		value, expires, err = readKey(ctx, c, key)
		return err
	})
	if err != nil || expires <= s.now().UnixMilli() {
		return nil, wrap(err, "reading a key")
	}
	return value, nil
}

// NextDue implements Store.
func (s *SQLite) NextDue(ctx context.Context, notifier string) (due time.Time, err error) {
	const q = `SELECT id, next_at FROM deliveries INDEXED BY deliveries_due
		WHERE unfinished = 1 AND notifier = ? AND next_at IS NOT NULL ORDER BY next_at, id LIMIT ?`
	sending := s.sending.snapshot()
	err = s.list(ctx, query{q, []any{notifier, 1 + len(sending)}}, func(r row) {
		if _, ok := sending[r.id(0)]; !ok && due.IsZero() {
			due = r.time(1)
		}
	})
	return due, wrap(err, "reading when the next delivery is due")
}

// NotifiersOf implements Store.
func (s *SQLite) NotifiersOf(ctx context.Context, ids []ID) (names []string, err error) {
	const q = "SELECT DISTINCT notifier FROM deliveries WHERE (state = 'dead' OR state = 'pending') AND id IN " + sixteen
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	err = s.readers.read(ctx, func(_ context.Context, c *conn) error {
		return c.queryMany(q, nil, values, func(r row) { names = append(names, r.str(0)) })
	})
	slices.Sort(names)
	return slices.Compact(names), wrap(err, "reading the notifiers of deliveries")
}

// Event implements Store.
func (s *SQLite) Event(ctx context.Context, id ID) (StoredEvent, error) {
	var ev StoredEvent
	q := query{"SELECT " + eventColumns + " FROM events e WHERE e.id = ?", []any{id}}
	err := s.list(ctx, q, func(r row) { ev = scanEvent(r) })
	if err != nil {
		return StoredEvent{}, fmt.Errorf("reading event %s: %w", id, err)
	}
	if ev.ID == 0 {
		return StoredEvent{}, fmt.Errorf("event %s: %w", id, ErrNotFound)
	}
	q = query{"SELECT id FROM deliveries WHERE event_id = ? ORDER BY id", []any{id}}
	err = s.list(ctx, q, func(r row) { ev.Deliveries = append(ev.Deliveries, r.id(0)) })
	return ev, wrap(err, "reading an event's deliveries")
}

// Delivery implements Store.
func (s *SQLite) Delivery(ctx context.Context, id ID) (Delivery, []Attempt, error) {
	var d Delivery
	sending := s.sending.snapshot()
	q := query{"SELECT " + deliveryColumns + ", e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = ?", []any{id}}
	err := s.list(ctx, q, func(r row) { d = sending.show(scanDelivery(r)); d.EventBody = r.bytes(19) })
	if err != nil {
		return Delivery{}, nil, fmt.Errorf("reading delivery %s: %w", id, err)
	}
	if d.ID == 0 {
		return Delivery{}, nil, fmt.Errorf("delivery %s: %w", id, ErrNotFound)
	}
	var as []Attempt
	q = query{"SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = ? ORDER BY lease", []any{id}}
	err = s.list(ctx, q, func(r row) {
		as = append(as, Attempt{r.time(0), time.Duration(r.int(1)), r.str(2), r.str(3), r.str(4), r.str(5)})
	})
	return d, as, wrap(err, "reading a delivery's attempts")
}

const eventColumns = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of"

func scanEvent(r row) StoredEvent {
	return StoredEvent{
		ID: r.id(0), Source: r.str(1), Name: r.str(2), Project: r.str(3), Body: r.bytes(4), ReceivedAt: r.time(5),
		Decisions: r.bytes(6), ReplayOf: r.id(7),
	}
}
