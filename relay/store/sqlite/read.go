package sqlite

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

const (
	maxReaders = 4
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
	ctx, cancel := context.WithTimeout(ctx, store.ReadTimeout)
	defer cancel()
	var c *conn
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

// List runs a query and calls each for every row.
func (s *Store) List(ctx context.Context, q listing.Query, each func(Row)) error {
	return s.readers.read(ctx, func(ctx context.Context, c *conn) error {
		return c.query(ctx, q.Text, q.Args, func(r Row) error {
			each(r)
			return nil
		})
	})
}

// Get implements Store.
func (s *Store) Get(ctx context.Context, key string) (value []byte, err error) {
	var expires int64
	err = s.readers.read(ctx, func(ctx context.Context, c *conn) (err error) {
		value, expires, err = readKey(ctx, c, key)
		return err
	})
	if err != nil || expires <= s.now().UnixMilli() {
		return nil, store.Wrap(err, "reading a key")
	}
	return value, nil
}

// NextDue implements Store.
func (s *Store) NextDue(ctx context.Context, notifier string) (due time.Time, err error) {
	const q = `SELECT id, next_at FROM deliveries INDEXED BY deliveries_due
		WHERE unfinished = 1 AND notifier = ? AND next_at IS NOT NULL ORDER BY next_at, id LIMIT ?`
	sending := s.sending.snapshot()
	err = s.List(ctx, listing.Query{Text: q, Args: []any{notifier, 1 + len(sending)}}, func(r Row) {
		if _, ok := sending[r.id(0)]; !ok && due.IsZero() {
			due = r.time(1)
		}
	})
	return due, store.Wrap(err, "reading when the next delivery is due")
}

// NotifiersOf implements Store.
func (s *Store) NotifiersOf(ctx context.Context, ids []store.ID) (names []string, err error) {
	const q = "SELECT DISTINCT notifier FROM deliveries WHERE (state = 'dead' OR state = 'pending') AND id IN " + sixteen
	values := make([]any, len(ids))
	for i, id := range ids {
		values[i] = id
	}
	err = s.readers.read(ctx, func(_ context.Context, c *conn) error {
		return c.queryMany(q, nil, values, func(r Row) { names = append(names, r.Str(0)) })
	})
	slices.Sort(names)
	return slices.Compact(names), store.Wrap(err, "reading the notifiers of deliveries")
}

// Event implements Store.
func (s *Store) Event(ctx context.Context, id store.ID) (store.StoredEvent, error) {
	var ev store.StoredEvent
	q := listing.Query{Text: "SELECT " + eventColumns + " FROM events e WHERE e.id = ?", Args: []any{id}}
	err := s.List(ctx, q, func(r Row) { ev = scanEvent(r) })
	if err != nil {
		return store.StoredEvent{}, fmt.Errorf("reading event %s: %w", id, err)
	}
	if ev.ID == 0 {
		return store.StoredEvent{}, fmt.Errorf("event %s: %w", id, store.ErrNotFound)
	}
	q = listing.Query{Text: "SELECT id FROM deliveries WHERE event_id = ? ORDER BY id", Args: []any{id}}
	err = s.List(ctx, q, func(r Row) { ev.Deliveries = append(ev.Deliveries, r.id(0)) })
	return ev, store.Wrap(err, "reading an event's deliveries")
}

// Delivery implements Store.
func (s *Store) Delivery(ctx context.Context, id store.ID) (store.Delivery, []store.Attempt, error) {
	var d store.Delivery
	sending := s.sending.snapshot()
	q := listing.Query{Text: "SELECT " + deliveryColumns + ", e.body FROM deliveries d JOIN events e ON e.id = d.event_id WHERE d.id = ?", Args: []any{id}}
	err := s.List(ctx, q, func(r Row) { d = sending.show(scanDelivery(r)); d.EventBody = r.bytes(19) })
	if err != nil {
		return store.Delivery{}, nil, fmt.Errorf("reading delivery %s: %w", id, err)
	}
	if d.ID == 0 {
		return store.Delivery{}, nil, fmt.Errorf("delivery %s: %w", id, store.ErrNotFound)
	}
	var as []store.Attempt
	q = listing.Query{Text: "SELECT at, took, status, reason, error, response FROM attempts WHERE delivery_id = ? ORDER BY lease", Args: []any{id}}
	err = s.List(ctx, q, func(r Row) {
		as = append(as, store.Attempt{At: r.time(0), Took: time.Duration(r.int(1)), Status: r.Str(2), Reason: r.Str(3), Error: r.Str(4), Response: r.Str(5)})
	})
	return d, as, store.Wrap(err, "reading a delivery's attempts")
}

const eventColumns = "e.id, e.source, e.name, e.project, e.body, e.received_at, e.decisions, e.replay_of"

func scanEvent(r Row) store.StoredEvent {
	return store.StoredEvent{
		ID: r.id(0), Source: r.Str(1), Name: r.Str(2), Project: r.Str(3), Body: r.bytes(4), ReceivedAt: r.time(5),
		Decisions: r.bytes(6), ReplayOf: r.id(7),
	}
}
