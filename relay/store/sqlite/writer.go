package sqlite

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/groupcommit"
)

// op is one call that writes. run executes it inside a transaction and may run again in another one, so it starts
// its results afresh; the caller reads them only when the answer has come.
type op struct {
	ctx    context.Context
	rows   int // about how many it writes
	run    func(*tx) error
	undo   func(*tx) error // what to do when it happened after its caller had gone; nil is nothing
	drop   func()          // called when it will not happen; nil is nothing
	answer chan error
	over   atomic.Bool // answered, or the caller has gone
	ran    bool        // in the last transaction; the writer's
}

func (o *op) dropped() {
	if o.drop != nil {
		o.drop()
	}
}

func (o *op) Size() int { return o.rows }

// tx is the transaction of one group.
type tx struct {
	*conn
	now     int64 // milliseconds
	keys    store.Changes
	sending *sending
	claims  map[store.ID]held // as this transaction changes sending; without a lease, it forgets

	followed map[store.Stream]bool // in which deliveries were seen waiting

	ahead     *ahead
	flights   []*flight  // stored in this transaction
	sightings *sightings // the ahead's
	moved     int        // how many of those that are moving were put into the table

	counts  *counts // the writer's
	counted map[string]*counting
	into    *inserts

	attempts []any // rows to be written
}

// writer owns the connection that writes. Its loop takes groups of ops into transactions.
type writer struct {
	conn    *conn
	now     func() time.Time
	queue   groupcommit.Queue[*op]
	done    chan struct{} // closed when the loop has ended
	sending *sending
	ahead   *ahead
	counts  *counts // as committed
	into    inserts

	mu     sync.Mutex // held during a transaction, and by whoever must have none beside
	broken chan struct{}
	breaks sync.Once
	commit func() error  // ends a transaction; a field so that a test can fail it
	grown  func(c *conn) // called after each transaction
}

func newWriter(c *conn, a *ahead, now func() time.Time) *writer {
	w := &writer{conn: c, ahead: a, now: now, sending: newSending(), into: newInserts(), grown: func(*conn) {}}
	w.done, w.broken = make(chan struct{}), make(chan struct{})
	w.queue.Wake = make(chan struct{}, 1)
	w.commit = func() error {
		_, err := c.exec("COMMIT")
		return err
	}
	return w
}

// do queues an op and waits for its answer. When the context ends first, the op may still happen.
func (w *writer) do(o *op) error {
	o.answer = make(chan error, 1)
	if err := o.ctx.Err(); err != nil {
		return err
	}
	w.push(o)
	return w.await(o)
}

// push queues an op, or answers at once that the store is closed.
func (w *writer) push(o *op) {
	if !w.queue.Push(o) {
		w.reply(o, store.ErrClosed)
	}
}

func (w *writer) await(o *op) error {
	select {
	case err := <-o.answer:
		return err
	case <-o.ctx.Done():
		if o.over.CompareAndSwap(false, true) {
			return o.ctx.Err()
		}
		return <-o.answer
	}
}

// loop runs until stop, and what was queued by then.
func (w *writer) loop() {
	defer close(w.done)
	for group := w.queue.Take(groupcommit.GroupRows); group != nil; group = w.queue.Take(groupcommit.GroupRows) {
		w.serve(group)
		runtime.Gosched() // let those who were answered come again, so that groups are large
	}
}

// stop refuses new ops and waits for the queued ones.
func (w *writer) stop() {
	w.queue.Close()
	<-w.done
}

// serve runs a group as one transaction. When that fails, each op runs alone, so that a bad one harms no other.
func (w *writer) serve(group []*op) {
	err := w.transact(group)
	for _, o := range group {
		if err != nil && len(group) > 1 {
			w.reply(o, w.transact([]*op{o}))
		} else {
			w.reply(o, err)
		}
	}
}

func (w *writer) reply(o *op, err error) {
	if err != nil {
		o.dropped()
	}
	if o.over.CompareAndSwap(false, true) {
		o.answer <- err
	} else if err == nil && o.ran && o.undo != nil {
		w.queue.Again(&op{ctx: context.Background(), run: o.undo, answer: make(chan error, 1)})
	}
}

func (w *writer) transact(group []*op) (err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isBroken() {
		return store.ErrBroken
	}
	if _, err := w.conn.exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("starting a transaction: %w", err)
	}
	t := &tx{conn: w.conn, now: w.now().UnixMilli(), sending: w.sending, ahead: w.ahead, sightings: &w.ahead.sightings, counts: w.counts, into: &w.into}
	for _, o := range group {
		if o.ran = !o.over.Load(); !o.ran {
			o.dropped()
			continue
		}
		if err := o.run(t); err != nil {
			w.conn.rollback()
			return w.judge(err)
		}
	}
	if err := t.save(); err != nil {
		w.conn.rollback()
		return w.judge(err)
	}
	if err := w.commit(); err != nil {
		w.conn.rollback()
		return w.judge(fmt.Errorf("committing: %w", err))
	}
	w.sending.apply(t.claims, t.followed)
	w.ahead.landed(t)
	w.counts.apply(t.counted)
	w.grown(w.conn)
	return nil
}

// save writes what was gathered during the transaction.
func (t *tx) save() error {
	if err := t.saveKeys(); err != nil {
		return err
	}
	if err := t.saveCounts(); err != nil {
		return err
	}
	return t.moveSeen()
}

// judge closes broken when the disk did not confirm a write. After that, the pages in the memory of the operating
// system may differ from the disk without anybody being told (a second fsync would succeed).
func (w *writer) judge(err error) error {
	if code := resultCode(err); code != codeFsync && code != codeDirFsync {
		return err
	}
	w.breaks.Do(func() { close(w.broken) })
	return errors.Join(store.ErrBroken, err)
}

func (w *writer) isBroken() bool {
	select {
	case <-w.broken:
		return true
	default:
		return false
	}
}
