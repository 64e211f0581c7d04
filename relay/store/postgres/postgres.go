// Package postgres keeps a store in PostgreSQL, which many relays use at once.
//
// An event takes this way: [Store.Accept] queues an op; the writer of events takes all ops that wait into one
// transaction, in which an intake locks and reads, decides and writes (accept.go); one commit answers all callers.
package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/postgres/session"
	"qaserelay/relay/store/postgres/tables"
	"qaserelay/relay/store/postgres/words"
)

// Options are settings of a store. The zero value is the default.
type Options struct {
	Now    func() time.Time // the clock; nil is that of the database
	Logger *slog.Logger     // for failures in the background; nil logs nothing
}

// Store is a store.Store in a PostgreSQL database. The relays that use it are equals.
//
// Each process has three writers: for new events, for outcomes, claims and changes of deliveries, and for slots. Each
// takes all calls that wait into one transaction of few round trips, so that they share one fsync. That of new events
// decides the next group while one is written: the next one has to wait where it needs the same keys or streams. So do
// relays that use the same ones, by advisory locks (see [tx.lock]).
//
// A relay keeps its number and its leases as long as it renews its session by heartbeats (see [replica]).
type Store struct {
	*ledger.DB                  // reads outlines, audit entries and tallies
	clock      func() time.Time // nil is the database's
	local      func() time.Time // ours, which is not set back
	offset     atomic.Int64     // how far the database's clock is ahead of ours, in nanoseconds
	log        *slog.Logger
	pool       *pgxpool.Pool
	seed       uint64 // of the numbers of locks, which differs between schemas
	slots      int64  // how many locks the database has room for
	self       replica
	counts     counts
	leases     leaseSet
	wakeups    wakeups
	auditIDs   *store.IDs
	words      *words.Index

	events, work *writer
	slotWriter   *writer
	nextDue      atomic.Int64 // of the slots, as this relay knows it, in milliseconds
	background   sync.WaitGroup
	quit         context.CancelFunc // ends the background
	closed       atomic.Bool
	close        func() error
}

// Open opens the database of a URL, and creates or migrates its tables. Deliveries that were being sent by relays that
// have ended become pending. Open fails if the schema has tables of another program or of a newer release.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	s := &Store{clock: opts.Now, local: store.Clock(), log: opts.Logger}
	s.DB, s.auditIDs = s.ledger(), store.IDsOf(s.Node)
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.pool, err = session.NewPool(ctx, url, false); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.pool.Close()
		return nil, fmt.Errorf("store %s: %w", store.Redact(url), session.Advise(err))
	}
	s.close = sync.OnceValue(s.shutdown)
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.inspect(ctx); err != nil {
		return err
	}
	if err := session.Check(ctx, s.pool); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.events = newWriter(s, (*tx).acceptGroup, slotEvents, slotMoreEvents)
	s.work = newWriter(s, (*tx).workGroup, slotWork)
	s.slotWriter = newWriter(s, (*tx).wakeGroup, slotWake)
	s.wakeups.init()
	s.nextDue.Store(math.MaxInt64)
	if err := s.register(ctx); err != nil {
		return err
	}
	if err := s.beginFill(ctx); err != nil {
		return err
	}
	s.events.Start()
	s.work.Start()
	s.slotWriter.Start()
	if err := s.recover(ctx); err != nil {
		s.stopWriters()
		return err
	}
	background, quit := context.WithCancel(context.Background())
	s.quit = quit
	s.background.Go(func() { s.heartbeat(background) })
	s.background.Go(func() { s.announce(background) })
	s.background.Go(func() { s.listen(background) })
	return nil
}

// inspect reads the settings of the database, and warns if it may lose confirmed events.
func (s *Store) inspect(ctx context.Context) error {
	const q = `SELECT current_schema()::text, current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('max_locks_per_transaction')::bigint * current_setting('max_connections')::bigint`
	var schema *string
	var fsync, pages string
	if err := s.pool.QueryRow(ctx, q).Scan(&schema, &fsync, &pages, &s.slots); err != nil {
		return fmt.Errorf("asking for the settings of the database: %w", err)
	}
	if schema == nil {
		return errors.New("none of the schemas in search_path exists; make one, such as CREATE SCHEMA relay")
	}
	s.seed = hashText(0, *schema)
	if fsync != "on" || pages != "on" {
		s.log.Warn("database may lose confirmed events", "fsync", fsync, "full_page_writes", pages,
			"hint", "set both to on, so that a failure of the database's machine loses none")
	}
	return nil
}

// Batches returns how many calls of Accept are under way at the same time: the next batch is decided while the one before
// it is written.

// Close implements store.Store. Other relays take over what this one has claimed.
func (s *Store) Close() error { return s.close() }

// stopWriters stops the writer of events first, since it may add work to another one.
func (s *Store) stopWriters() {
	s.events.Stop()
	s.slotWriter.Stop()
	s.work.Stop()
}

func (s *Store) shutdown() error {
	ctx, cancel := context.WithTimeout(context.Background(), engine.ReadTimeout)
	defer cancel()
	s.stopWriters()
	if err := s.Waiting.Stop(ctx); err != nil {
		s.log.Warn("last counts not written", "error", err)
	}
	s.closed.Store(true)
	s.quit()
	s.background.Wait()
	err := s.unregister(ctx)
	s.pool.Close()
	return engine.Wrap(err, "leaving the store")
}

// Now implements store.Store. It is the time of the database, so that all relays agree.
func (s *Store) Now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return s.local().Add(time.Duration(s.offset.Load()))
}

// dueAt returns when a delivery is due in milliseconds: now, if next is zero.
func dueAt(next time.Time, now int64) int64 {
	if next.IsZero() {
		return now
	}
	return next.UnixMilli()
}

// read runs f with a timeout. Its error is ErrClosed if the store is closed.
func (s *Store) read(ctx context.Context, f func(ctx context.Context) error) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, engine.ReadTimeout)
	defer cancel()
	err := f(ctx)
	if err != nil && s.closed.Load() {
		return store.ErrClosed
	}
	return err
}

// list runs a query and calls scan for every row.
func (s *Store) list(ctx context.Context, query string, args []any, scan func(pgx.Rows) error) error {
	return s.read(ctx, func(ctx context.Context) error {
		rows, err := s.pool.Query(ctx, query, args...)
		if err != nil {
			return err
		}
		return eachRow(rows, scan)
	})
}

// eachRow calls scan for every row, and closes them.
func eachRow(rows pgx.Rows, scan func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := scan(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// appendTo returns a scan that appends the only column of each row to a list.
func appendTo[T any](list *[]T) func(pgx.Rows) error {
	return func(rows pgx.Rows) error {
		var v T
		err := rows.Scan(&v)
		*list = append(*list, v)
		return err
	}
}

// clean returns text that PostgreSQL can keep: UTF-8 without the character 0.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}

// OpenReader connects in sessions that cannot write, and does not join the relays.
func OpenReader(ctx context.Context, url string) (_ store.ReadCloser, err error) {
	s := &Store{local: store.Clock(), log: slog.New(slog.DiscardHandler)}
	s.DB = s.ledger()
	s.Waiting = nil
	if s.pool, err = session.NewPool(ctx, url, true); err != nil {
		return nil, err
	}
	s.close = func() error { s.closed.Store(true); s.pool.Close(); return nil }
	if err := s.checkTables(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", store.Redact(url), session.Advise(err)), s.close())
	}
	return s, nil
}

// checkTables checks that this program can read the tables as they are.
func (s *Store) checkTables(ctx context.Context) error {
	var exists bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass('qase_relay') IS NOT NULL").Scan(&exists); err != nil {
		return fmt.Errorf("looking for tables: %w", err)
	}
	version, known := 0, len(tables.Migrations())
	if exists {
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			version, err = schemaVersion(ctx, tx, known)
			return err
		})
		if err != nil {
			return err
		}
	}
	return engine.CheckVersion("the database", version, known)
}
