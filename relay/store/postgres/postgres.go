package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// Options are settings of a PostgreSQL store.
type Options struct {
	Now    func() time.Time // the clock for due times; nil is that of the database
	Logger *slog.Logger     // where trouble in the background goes; nil is nowhere
}

// Store is a store.Store in a PostgreSQL database, which many relays use at once. No relay leads.
//
// Each process has two goroutines that write, one for new events and one for what becomes of deliveries. Each takes all
// calls that wait into one transaction of few round trips, so that one fsync serves them all. What two relays must not do at once to
// one key or one order key, they do one after the other, by advisory locks (see [tx.lock]).
//
// A relay holds a number, and what it has claimed, as long as its heart beats (see [replica]).
type Store struct {
	clock  func() time.Time // nil is the database's
	offset atomic.Int64     // how far the database's clock is ahead of ours, in nanoseconds
	log    *slog.Logger
	Pool   *pgxpool.Pool
	seed   uint64 // tells the locks of schemas of one database apart
	slots  int64  // how many locks the database has room for
	Me     replica
	counts counts
	Held   heldSet
	bell   bell

	events, work *writer
	Background   sync.WaitGroup
	Quit         context.CancelFunc // ends the background
	closed       atomic.Bool
	close        func() error
}

// Open opens the database that url names, and makes or migrates its tables. Deliveries that were being sent by relays that
// have ended become pending. It fails when another program's tables are in the way, or when a newer release made them.
func Open(ctx context.Context, url string, opts Options) (*Store, error) {
	s := &Store{clock: opts.Now, log: opts.Logger}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.Pool, err = newPool(ctx, url); err != nil {
		return nil, err
	}
	if err := s.start(ctx); err != nil {
		s.Pool.Close()
		return nil, fmt.Errorf("store %s: %w", store.Redact(url), advise(err))
	}
	s.close = sync.OnceValue(s.shutdown)
	return s, nil
}

func (s *Store) start(ctx context.Context) error {
	if err := s.look(ctx); err != nil {
		return err
	}
	if err := s.migrate(ctx); err != nil {
		return err
	}
	s.events = newWriter(s, slotEvents, (*tx).acceptGroup)
	s.work = newWriter(s, slotWork, (*tx).workGroup)
	s.bell.init()
	if err := s.register(ctx); err != nil {
		return err
	}
	s.events.Start()
	s.work.Start()
	if err := s.recover(ctx); err != nil {
		s.events.Stop()
		s.work.Stop()
		return err
	}
	background, quit := context.WithCancel(context.Background())
	s.Quit = quit
	s.Background.Go(func() { s.beatAll(background) })
	s.Background.Go(func() { s.ring(background) })
	s.Background.Go(func() { s.listen(background) })
	return nil
}

// look learns about the database, and warns when it may lose what it has confirmed.
func (s *Store) look(ctx context.Context) error {
	const q = `SELECT current_schema()::text, current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('max_locks_per_transaction')::bigint * current_setting('max_connections')::bigint`
	var schema *string
	var fsync, pages string
	if err := s.Pool.QueryRow(ctx, q).Scan(&schema, &fsync, &pages, &s.slots); err != nil {
		return fmt.Errorf("asking for the settings of the database: %w", err)
	}
	if schema == nil {
		return errors.New("none of the schemas in search_path exists; make one, such as CREATE SCHEMA relay")
	}
	s.seed = hashText(0, *schema)
	if fsync != "on" || pages != "on" {
		s.log.Warn("the database may lose confirmed events when its machine fails; set fsync and full_page_writes to on", "fsync", fsync, "full_page_writes", pages)
	}
	return nil
}

// Close waits for running calls, gives back what this relay has claimed, and closes the connections.
func (s *Store) Close() error { return s.close() }

// shutdown stops the writer of events first, since that may give the other one work.
func (s *Store) shutdown() error {
	s.closed.Store(true)
	s.events.Stop()
	s.work.Stop()
	s.Quit()
	s.Background.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), store.ReadTimeout)
	defer cancel()
	err := s.unregister(ctx)
	s.Pool.Close()
	return store.Wrap(err, "leaving the store")
}

// now is the time by which deliveries are due: that of the database, so that all relays agree.
func (s *Store) now() time.Time {
	if s.clock != nil {
		return s.clock()
	}
	return time.Now().Add(time.Duration(s.offset.Load()))
}

// dueAt turns a due time of the caller's clock into one of the database's, in milliseconds.
func (s *Store) dueAt(next time.Time, now int64) int64 {
	if next.IsZero() {
		return now
	}
	return next.Add(time.Duration(s.offset.Load())).UnixMilli()
}

// read runs f with a limit in time, and names the error when the store is closed.
func (s *Store) read(ctx context.Context, f func(ctx context.Context) error) error {
	if s.closed.Load() {
		return store.ErrClosed
	}
	ctx, cancel := context.WithTimeout(ctx, store.ReadTimeout)
	defer cancel()
	err := f(ctx)
	if err != nil && s.closed.Load() {
		return store.ErrClosed
	}
	return err
}

// list runs a query and calls scan for every row.
func (s *Store) list(ctx context.Context, q listing.Query, scan func(pgx.Rows) error) error {
	return s.read(ctx, func(ctx context.Context) error {
		rows, err := s.Pool.Query(ctx, q.Text, q.Args...)
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

// clean makes text that PostgreSQL can keep: UTF-8 without the character 0.
func clean(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		s = strings.ReplaceAll(s, "\x00", "\uFFFD")
	}
	return strings.ToValidUTF8(s, "\uFFFD")
}
