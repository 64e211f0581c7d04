package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/groupcommit"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/postgres/session"
)

const (
	// txTimeout is how long one transaction may take, so that a database that does not answer blocks no caller forever.
	txTimeout = 10 * time.Second
	// retrySoon is how quickly a transaction has to fail to be worth another try at once: its connection was broken
	// before.
	retrySoon = time.Second
	// maxConflicts is how often a call is tried that conflicts with another relay.
	maxConflicts = 4
)

// The slots of a relay's counts: one for each transaction that may run beside others, so that they never wait for each
// other.
const (
	slotEvents = iota
	slotWork
	slotPurge
	slotWake
	slotMoreEvents
)

// op is one call that writes, of one of these kinds. It may run again in another transaction, so each kind starts its
// results afresh.
type op struct {
	accept   *acceptance
	outcomes []store.Outcome
	orphans  bool // the outcomes are of lost deliveries, which a sender here may still hold
	change   *change
	claim    *claim
	wake     *waking
}

// writer commits groups of ops, each in one transaction. It has as many transactions at the same time as it has slots,
// of which one decides and the others are written.
type writer struct {
	groupcommit.Committer[*op]
	store    *Store
	slots    chan int               // those that are free
	run      func(*tx, []*op) error // executes a group, up to the commit
	deciding sync.Mutex             // held by a transaction until it has all locks of keys
}

func newWriter(s *Store, run func(*tx, []*op) error, slots ...int) *writer {
	w := &writer{store: s, run: run, slots: make(chan int, len(slots))}
	for _, slot := range slots {
		w.slots <- slot
	}
	w.Commit, w.Groups, w.Abandoned, w.Stopped = w.commit, len(slots), w.handBack, store.ErrClosed
	w.Alone = func(err error) bool { return !session.IsLost(err) }
	return w
}

// commit executes a group in one transaction. A lone op that conflicts with another relay is tried again.
func (w *writer) commit(group []*op, next func()) (err error) {
	for range maxConflicts {
		if err = w.transact(group, next); len(group) > 1 || !session.IsConflict(err) {
			break
		}
	}
	return session.NoteData(err)
}

// handBack hands back the deliveries that were claimed for a caller who has left.
func (w *writer) handBack(o *op) {
	var back []store.Outcome
	switch {
	case o.accept != nil:
		back = engine.HandBackNew(o.accept.receipts)
	case o.claim != nil:
		back = engine.HandBack(o.claim.claimed)
	}
	if len(back) > 0 {
		w.store.work.Add(len(back), &op{outcomes: back})
	}
}

// transact executes a group in one transaction. If the connection turns out to be broken, as after a restart of the
// database, it tries once more with another one.
func (w *writer) transact(group []*op, next func()) error {
	start := time.Now()
	sent, err := w.try(group, next)
	if err != nil && !sent && session.IsLost(err) && time.Since(start) < retrySoon {
		_, err = w.try(group, next)
	}
	return err
}

// try runs one transaction, and reports whether its commit was sent.
func (w *writer) try(group []*op, next func()) (sent bool, err error) {
	slot := <-w.slots
	defer func() { w.slots <- slot }()
	w.deciding.Lock()
	locked := sync.OnceFunc(func() { w.deciding.Unlock(); next() })
	defer locked()
	ctx, cancel := context.WithTimeout(context.Background(), txTimeout)
	defer cancel()
	t, err := w.store.begin(ctx, slot)
	if err != nil {
		return false, err
	}
	t.locked = locked
	defer t.end()
	if err := w.run(t, group); err != nil {
		return t.sent, err
	}
	return true, t.commit()
}

// tx is a transaction whose statements are queued and sent together, in few round trips.
type tx struct {
	ctx     context.Context
	store   *Store
	conn    *pgxpool.Conn
	slot    int
	now     int64 // milliseconds
	waiting *pgx.Batch
	streams map[store.ID]engine.Stream // of the deliveries that change
	woken   map[string]bool            // notifiers that have new work
	after   []func(committed bool)     // what to do when it has ended
	before  []func()                   // what to queue once all that was queued before the commit is answered
	sums    ledger.Sums                // what is counted
	locked  func()                     // tells a writer that the transaction asks for no more locks of keys
	sent    bool                       // the commit was sent
	ended   bool                       // nothing is left to roll back
	broken  bool                       // the connection cannot be used any more
}

func (s *Store) begin(ctx context.Context, slot int) (*tx, error) {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, engine.Wrap(err, "connecting to the database")
	}
	t := &tx{ctx: ctx, store: s, conn: conn, slot: slot, now: s.Now().UnixMilli(), waiting: &pgx.Batch{}}
	t.queue("BEGIN")
	return t, nil
}

// wake notes after the commit that a notifier has new work.
func (t *tx) wake(notifier string) {
	if t.woken == nil {
		t.woken = map[string]bool{}
	}
	t.woken[notifier] = true
}

// queue adds a statement to the next send.
func (t *tx) queue(sql string, args ...any) *pgx.QueuedQuery { return t.waiting.Queue(sql, args...) }

// queueRows adds a statement whose rows go to scan.
func (t *tx) queueRows(scan func(pgx.Rows) error, sql string, args ...any) {
	t.queue(sql, args...).Query(func(rows pgx.Rows) error { return eachRow(rows, scan) })
}

// send sends what is queued and takes the answers.
func (t *tx) send() error {
	batch := t.waiting
	t.waiting = &pgx.Batch{}
	err := t.conn.SendBatch(t.ctx, batch).Close()
	if err != nil && session.IsLost(err) {
		t.broken = true
	}
	return err
}

// commit sends what is queued, and the commit.
func (t *tx) commit() error {
	if len(t.before) > 0 {
		if err := t.send(); err != nil {
			return err
		}
		for _, f := range t.before {
			f()
		}
	}
	t.queue("COMMIT")
	t.sent = true
	err := t.send()
	if err != nil && t.broken {
		t.store.self.unsure.Store(true)
	}
	t.ended = err == nil
	return engine.Wrap(err, "committing")
}

// end rolls back what was not committed and gives the connection back.
func (t *tx) end() {
	for _, f := range t.after {
		f(t.ended)
	}
	if t.ended {
		t.store.Waiting.Add(&t.sums, time.UnixMilli(t.now))
	}
	for notifier := range t.woken {
		if t.ended {
			t.store.wakeups.note(notifier)
		}
	}
	if t.broken {
		_ = t.conn.Conn().Close(t.ctx) // the pool then drops it
	} else if !t.ended {
		_, _ = t.conn.Exec(t.ctx, "ROLLBACK") // the pool drops a connection that is left in a transaction
	}
	t.conn.Release()
}
