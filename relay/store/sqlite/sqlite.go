// Package sqlite keeps a store in one file of SQLite, for one process.
//
// An event takes this way: [Store.Accept] queues an op; the writer takes all ops that wait into one transaction, in
// which accept reads, decides and writes (accept.go); once it is committed the next one begins; one fsync brings all of it
// to the disk, and each caller gets its answer.
package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/sqlite/tables"
)

// Options are settings of a store. The zero value is the default.
type Options struct {
	Now    func() time.Time // the clock; nil is store.Clock()
	Logger *slog.Logger     // for failures in the background; nil logs nothing
}

// Store is a store.Store in one file. Two goroutines write in turns: one takes all calls that wait into one transaction, so
// that they share one fsync, and while it waits for that, the other takes the next ones. Reads have connections of their own
// and see what is committed. Another goroutine moves the write-ahead log into the file.
type Store struct {
	*ledger.DB  // reads outlines, audit entries and tallies
	Path        string
	now         func() time.Time
	log         *slog.Logger
	lock        *dbfile.Lock
	writer      *writer
	readers     *conn.Pool
	checkpoints *checkpointer
	rates       engine.Rates
	counts      *counts
	leases      *leases
	watch       *dbfile.Watch
	searching   sync.Mutex // held by a search for the oldest deliveries
	close       func() error
}

// Open opens the database at path, and creates it if it does not exist: the folder (0700) and the file (0600) for their
// owner only. Deliveries that were being sent when the last process ended are pending. Open fails if another process
// uses the file, another program made it, or a newer release wrote it.
func Open(ctx context.Context, path string, opts Options) (_ *Store, err error) {
	s := &Store{Path: path, now: opts.Now, log: opts.Logger}
	if s.now == nil {
		s.now = store.Clock()
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if s.lock, err = dbfile.Claim(path); err != nil {
		return nil, err
	}
	s.warnOfFileSystem(dbfile.NetworkOf(path))
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.lock.Release())
	}
	s.close = sync.OnceValue(s.shutdown)
	return s, nil
}

// Broken is closed when the disk failed to confirm a write, after which every write returns ErrBroken. The process has
// to end, since the operating system's memory may differ from the disk.
func (s *Store) Broken() <-chan struct{} { return s.writer.broken }

// Close implements store.Store. It moves the log into the file.
func (s *Store) Close() error { return s.close() }

// Node implements store.Store. No other relay uses the file.
func (s *Store) Node() int { return 0 }

// LeasesValid implements store.Store. No other relay can take deliveries over.
func (s *Store) LeasesValid() bool { return true }

// Notifications implements store.Store. No other relay stores work.
func (s *Store) Notifications() <-chan string { return nil }

// Check implements store.Store.
func (s *Store) Check(ctx context.Context) error {
	err := s.writer.Do(ctx, 1, &op{run: func(t *tx) error {
		_, err := t.Exec("INSERT INTO probe (id, at) VALUES (1, ?1) ON CONFLICT (id) DO UPDATE SET at = ?1", t.now)
		return err
	}})
	return engine.Wrap(err, "writing to the store")
}

// start opens the connections and starts the goroutines.
func (s *Store) start() (err error) {
	c, err := connectWriter(s.Path)
	if err != nil {
		return err
	}
	forLog, err := s.startWith(c)
	if err != nil {
		return errors.Join(err, c.Close())
	}
	s.readers = conn.NewPool(s.connectReader)
	s.DB = s.ledger()
	s.writer.counted = s.Waiting.Add
	s.checkpoints = newCheckpointer(forLog, s.writer, s.log)
	s.writer.ended = s.checkpoints.count
	if err := s.startWatch(forLog); err != nil {
		return errors.Join(err, forLog.Close(), c.Close())
	}
	s.recount(c)
	s.writer.Start()
	go s.checkpoints.loop()
	return nil
}

// startWatch watches the files, which all exist by now.
func (s *Store) startWatch(forLog *conn.Conn) (err error) {
	if s.watch, err = dbfile.NewWatch(s.Path, conn.PageSize, s.log); err != nil {
		return err
	}
	s.writer.watch, s.writer.conn.Noted, forLog.Noted = s.watch, s.note, s.note
	go s.watch.Loop()
	return nil
}

// note tells the watch of an error that says that the file is damaged.
func (s *Store) note(err error) {
	if conn.IsDamage(err) {
		s.watch.Damaged(err)
	}
}

// connectReader opens a connection for reads, unless the path leads to other files by now.
func (s *Store) connectReader() (*conn.Conn, error) {
	if err := s.watch.LookInside(); err != nil {
		return nil, err
	}
	c, err := connectReady(s.Path, conn.ForReading())
	if err != nil {
		s.note(err)
		return nil, err
	}
	c.Noted = s.note
	return c, nil
}

// startWith reads the state in memory, and opens the connection for checkpoints.
func (s *Store) startWith(c *conn.Conn) (forLog *conn.Conn, err error) {
	s.writer = newWriter(c, s.now)
	if s.writer.counts, err = loadCounts(c); err != nil {
		return nil, err
	}
	if err = s.writer.counts.makePending(c); err != nil {
		return nil, engine.Wrap(err, "making pending what was being sent")
	}
	if s.writer.dedupe, err = loadDedupeCache(c, s.now()); err != nil {
		return nil, err
	}
	if s.rates.UsedAt, err = lastSent(c, s.now()); err != nil {
		return nil, err
	}
	if err := errors.Join(keepGap(c, s.now()), beginFill(c, s.now()), s.writer.loadIndex(c)); err != nil {
		return nil, err
	}
	log, err := c.Log()
	if err == nil {
		err = c.Configure(conn.ForGroups()) // what was written before waited for the disk by itself
	}
	if err != nil {
		return nil, err
	}
	s.counts, s.leases, s.writer.sync = s.writer.counts, s.writer.leases, log.Sync
	return connectReady(s.Path, conn.ForCheckpoints())
}

// shutdown closes the writer's connection last, which takes the log into the file and removes it.
func (s *Store) shutdown() error {
	s.stopCounting()
	s.writer.Stop()
	s.watch.Stop()
	errs := []error{s.checkpoints.stop(), s.readers.Close()}
	if s.writer.isBroken() {
		errs = append(errs, s.writer.conn.KeepLog())
	}
	if s.watch.Replaced() { // closing would delete the log of the database that is there now
		errs = append(errs, s.watch.Err())
	} else {
		errs = append(errs, s.writer.conn.Close(), s.watch.Close())
	}
	errs = append(errs, s.lock.Release())
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing %s: %w", s.Path, err)
	}
	return nil
}

// connectWriter opens the file for writing. It changes nothing before it has checked that the file is a store.
func connectWriter(path string) (*conn.Conn, error) {
	c, err := conn.Open(path)
	if err != nil {
		return nil, err
	}
	_, err = tables.Version(c, path)
	if err == nil {
		err = c.CheckLibrary()
	}
	if err == nil {
		err = c.Configure(conn.ForWriting())
	}
	if err == nil {
		err = tables.Migrate(c, path)
	}
	if err == nil {
		err = dbfile.SyncDir(filepath.Dir(path)) // the log is a new file too
	}
	if err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// connectReady opens one more connection to a file that connectWriter has opened.
func connectReady(path string, p conn.Purpose) (*conn.Conn, error) {
	c, err := conn.OpenAs(path, "rw")
	if err != nil {
		return nil, err
	}
	if err := c.Configure(p); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s once more: %w", path, err), c.Close())
	}
	return c, nil
}

// OpenReader opens a file for reading only. It takes only the locks of SQLite, by which readers do not wait for the
// writer, nor it for them, even in other processes.
func OpenReader(path string) (_ store.ReadCloser, err error) {
	open := func() (*conn.Conn, error) {
		c, err := conn.OpenAs(path, "ro")
		if err == nil {
			err = prepareToRead(c, path)
		}
		if err != nil && c != nil {
			err = errors.Join(err, c.Close())
		}
		return c, err
	}
	c, err := open()
	if err != nil {
		return nil, err
	}
	s := &Store{Path: path, now: store.Clock(), readers: conn.NewPool(open), leases: newLeases()}
	s.DB = s.ledger()
	s.Waiting = nil
	s.counts, err = loadCounts(c)
	s.close = s.readers.Close
	if err = errors.Join(err, c.Close()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepareToRead checks that this program can read the file as it is.
func prepareToRead(c *conn.Conn, path string) error {
	err := checkToRead(c, path)
	if err == nil {
		err = c.Configure(conn.ForReading())
	}
	return adviseReader(path, err)
}

func checkToRead(c *conn.Conn, path string) error {
	version, err := tables.Version(c, path)
	if err == nil {
		err = engine.CheckVersion(path, version, len(tables.Migrations()))
	}
	if err == nil {
		err = c.CheckLibrary()
	}
	return adviseReader(path, err)
}

// adviseReader says what to do if SQLite cannot make the files by which readers and writers agree.
func adviseReader(path string, err error) error {
	if conn.ResultCode(err) == conn.CodeReadOnlyDir {
		return fmt.Errorf("%s: %w; SQLite keeps files beside it, so read it as the user that the relay runs as", path,
			err)
	}
	return err
}

// FreeDisk returns how many bytes this process can still write to the file system of the store.
func (s *Store) FreeDisk() (int64, error) { return dbfile.Free(s.Path) }

// warnOfFileSystem warns that the store is on a file system where a power loss or a second process can harm it.
func (s *Store) warnOfFileSystem(name string) {
	if name != "" {
		s.log.Warn("store on a network or user-space file system", "store", s.Path, "file_system", name,
			"hint", "it may lose confirmed events, and let two processes write at once: put --store on a local disk, "+
				"or use --store postgres://…")
	}
}
