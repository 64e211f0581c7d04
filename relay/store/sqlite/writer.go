package sqlite

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/groupcommit"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/sqlite/tables"
)

// op is one call that writes. run executes it in a transaction. It may run again in another one, so it makes its
// results anew; the caller reads them once Do has returned.
type op struct {
	run  func(*tx) error
	undo func(*tx) error // of an op that was committed although its caller had left; nil is nothing
}

// writer owns the connection that writes, and the state in memory that follows the file. It takes groups of ops into
// transactions.
type writer struct {
	groupcommit.Committer[*op]
	conn  *conn.Conn
	watch *dbfile.Watch
	now   func() time.Time
	into  tables.Inserts
	// auditIDs makes the ids of audit entries.
	auditIDs *store.IDs
	counted  func(s *ledger.Sums, now time.Time) // takes what a transaction has counted

	// As committed. Only the writer changes them.
	committed sync.RWMutex // held while leases and counts change, for those who need both
	leases    *leases
	counts    *counts
	dedupe    dedupeCache
	beatAt    int64 // when the mark of life was written, in milliseconds
	index     indexing

	mu     sync.Mutex // held during a transaction, and by a checkpoint that must not run beside one
	broken chan struct{}
	breaks sync.Once
	end    func() error       // commits a transaction; a field so that a test can fail it
	sync   func() error       // waits until the disk has what was committed; likewise
	ended  func(c *conn.Conn) // called after each transaction
}

// newWriter returns a writer. While one group waits for the disk, the next one is committed.
func newWriter(c *conn.Conn, now func() time.Time) *writer {
	w := &writer{conn: c, now: now, into: tables.NewInserts(), leases: newLeases(), broken: make(chan struct{}),
		auditIDs: store.NewIDs(0)}
	w.Commit, w.Groups = w.commit, 2
	w.Abandoned, w.Stopped = w.undo, store.ErrClosed
	w.ended = func(*conn.Conn) {}
	w.end = func() error {
		_, err := c.Exec("COMMIT")
		return err
	}
	return w
}

func (w *writer) undo(o *op) {
	if o.undo != nil {
		w.Add(0, &op{run: o.undo})
	}
}

// commit executes a group in one transaction, lets the next one begin, and waits for the disk.
func (w *writer) commit(group []*op, next func()) error {
	if err := w.transact(group); err != nil {
		return err
	}
	synced := make(chan error, 1)
	go func() { synced <- w.sync() }()
	next() // as this goroutine waits now, the next group begins at once
	if err := <-synced; err != nil {
		return w.breakFor(engine.Wrap(err, "committing"))
	}
	return w.watch.LookAgain() // nothing is confirmed that went into a file that is gone
}

// transact executes a group in one transaction.
func (w *writer) transact(group []*op) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.isBroken() {
		return store.ErrBroken
	}
	if err := w.watch.Err(); err != nil {
		return err
	}
	if _, err := w.conn.Exec("BEGIN IMMEDIATE"); err != nil {
		return fmt.Errorf("starting a transaction: %w", err)
	}
	t := &tx{Conn: w.conn, now: w.now().UnixMilli(), into: &w.into, leases: w.leases, counts: w.counts,
		dedupe: &w.dedupe, auditIDs: w.auditIDs, index: indexing{on: w.index.on, last: w.index.last}}
	t.beats = t.now-w.beatAt >= beatInterval.Milliseconds()
	t.settles = t.beats
	if err := w.execute(t, group); err != nil {
		w.conn.Rollback()
		return w.checkBroken(err)
	}
	w.dedupe.commit(t)
	w.committed.Lock()
	w.leases.commit(t)
	w.counts.commit(t.counted)
	w.committed.Unlock()
	w.counts.noteSaved(t)
	w.index = t.index
	w.counted(&t.sums, time.UnixMilli(t.now))
	if t.beats {
		w.beatAt = t.now
	}
	w.ended(w.conn)
	return nil
}

func (w *writer) execute(t *tx, group []*op) error {
	for _, o := range group {
		if err := o.run(t); err != nil {
			return err
		}
	}
	if err := t.save(); err != nil {
		return err
	}
	return engine.Wrap(w.end(), "committing")
}

// checkBroken closes broken if the disk did not confirm a write: the operating system's pages may then differ from the
// disk, and a second fsync would succeed all the same.
func (w *writer) checkBroken(err error) error {
	code := conn.ResultCode(err)
	switch code & conn.PrimaryCode {
	case conn.CodeTooBig, conn.CodeConstraint, conn.CodeMismatch:
		return fmt.Errorf("%w: %w", store.ErrData, err)
	}
	if code != conn.CodeFsync && code != conn.CodeDirFsync {
		return err
	}
	return w.breakFor(err)
}

// breakFor ends the use of the store: neither what was committed last nor what follows may be confirmed.
func (w *writer) breakFor(err error) error {
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

// lastBeat is the mark of the last sign of life of a relay, and beatInterval how often one is written beside others.
const (
	lastBeat     = "beat"
	beatInterval = time.Minute
)

// keepGap keeps the time since the last sign of life, if it is a gap, before the store is used.
func keepGap(c *conn.Conn, now time.Time) error {
	var last time.Time
	err := c.Each("SELECT value FROM marks WHERE name = ?", []any{lastBeat}, func(r conn.Row) { last = r.Time(0) })
	if gap, found := store.GapBetween(last, now); err == nil && found {
		const put = "INSERT OR REPLACE INTO kv (key, value, expires_at) VALUES (?, ?, ?)"
		change := gap.Change()
		_, err = c.Exec(put, change.Key, change.Value, engine.Expiry(change.Expires))
	}
	return engine.Wrap(err, "looking when a relay used the store last")
}

// tx is the transaction of one group, with the changes that are written or adopted when it ends.
type tx struct {
	*conn.Conn
	now  int64 // milliseconds
	into *tables.Inserts

	// As committed before.
	leases *leases
	counts *counts
	dedupe *dedupeCache

	auditIDs *store.IDs
	keys     engine.Keys                    // of kv
	bodies   map[engine.BodyHash]firstEvent // that are new
	moved    int                            // hashes that were moved into the table
	leased   map[store.ID]lease             // changes of leases; one without a number ends
	waiting  map[engine.Stream]bool         // streams in which deliveries wait
	born     map[engine.Stream]int          // changes of how many deliveries of a stream are sending in the file
	counted  map[string]*countChange        // by notifier
	attempts []any                          // rows to be written
	sums     ledger.Sums                    // what is counted
	index    indexing                       // what of it is indexed later
	beats    bool                           // the mark of life is written
	settles  bool                           // the file gets all counts, also those that may wait
}

// save writes what was gathered during the transaction.
func (t *tx) save() error {
	if err := t.saveKeys(); err != nil {
		return err
	}
	if err := t.saveCounts(); err != nil {
		return err
	}
	if err := t.saveUnindexed(); err != nil {
		return err
	}
	if t.beats {
		if err := t.mark(lastBeat, t.now); err != nil {
			return err
		}
	}
	return t.moveHashes()
}
