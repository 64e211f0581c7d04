package sqlite

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// Options are settings of a SQLite store.
type Options struct {
	Now    func() time.Time // the clock; nil is Clock()
	Logger *slog.Logger     // where trouble in the background goes; nil is nowhere
}

// Store is a store.Store in one file of one process. One goroutine writes: it takes all calls that wait into one
// transaction, so that one fsync serves them all, and while the disk works the next ones gather. Reads have
// connections of their own and see what is committed. Another goroutine moves the write-ahead log into the file.
type Store struct {
	Path      string
	now       func() time.Time
	log       *slog.Logger
	lock      *fileLock
	ahead     *ahead
	writer    *writer
	readers   *readers
	keeper    *checkpointer
	rates     rates
	counts    *counts
	sending   *sending
	searching sync.Mutex // held by a search for the oldest deliveries
	close     func() error
}

// Open opens the database at path, which it makes if need be: the folder for its owner only (0700), and the
// file too (0600). Deliveries that were being sent when the last process ended are pending. It fails when another process
// uses the file, when the file is not ours, and when a newer release wrote it.
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
	if s.lock, err = claimFile(path); err != nil {
		return nil, err
	}
	s.warnOfFileSystem(fileSystemOf(path))
	if err := s.start(); err != nil {
		return nil, errors.Join(err, s.lock.release())
	}
	s.close = sync.OnceValue(s.shutdown)
	return s, nil
}

// Broken is closed when the disk failed to confirm a write, after which every write returns ErrBroken. The process
// has to end: what the operating system holds in memory can no longer be trusted.
func (s *Store) Broken() <-chan struct{} { return s.writer.broken }

// Close waits for running calls, moves the log into the file and lets go of it.
func (s *Store) Close() error { return s.close() }

func (s *Store) start() error {
	c, err := connectWriter(s.Path)
	if err != nil {
		return err
	}
	if s.counts, err = loadCounts(c); err != nil {
		return errors.Join(err, c.close())
	}
	cc, err := connectReady(s.Path, forCheckpoints())
	if err != nil {
		return errors.Join(err, c.close())
	}
	seen, err := recallSightings(c, s.now())
	if err == nil {
		s.rates.spent, err = lastSpent(c, s.now())
	}
	if err != nil {
		return errors.Join(err, cc.close(), c.close())
	}
	rc, err := connectReady(s.Path, forReading())
	if err != nil {
		return errors.Join(err, cc.close(), c.close())
	}
	s.ahead = &ahead{reader: rc, now: s.now, sightings: seen}
	s.writer = newWriter(c, s.ahead, s.now)
	s.writer.counts, s.sending = s.counts, s.writer.sending
	s.readers = newReaders(func() (*conn, error) { return connectReady(s.Path, forReading()) })
	s.keeper = newCheckpointer(cc, s.writer, s.log)
	s.writer.grown = s.keeper.count
	go s.writer.loop()
	go s.keeper.loop()
	return nil
}

// shutdown closes the writer's connection last, which takes the log into the file and removes it.
func (s *Store) shutdown() error {
	s.writer.stop()
	errs := []error{s.keeper.stop(), s.readers.close(), s.ahead.close(), s.writer.conn.close(), s.lock.release()}
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("closing %s: %w", s.Path, err)
	}
	return nil
}

// claimFile locks the database and creates an empty one if there is none, before SQLite would do it with the
// permissions of the process.
func claimFile(path string) (*fileLock, error) {
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("making the folder of the store: %w", err)
	}
	lock, err := lockDatabase(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	} else if errors.Is(err, os.ErrExist) {
		err = nil
	}
	if err == nil {
		err = syncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating the store: %w", err), lock.release())
	}
	return lock, nil
}

// makeFolder is os.MkdirAll for names that survive a power loss.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncDir(parent)
}

// connectWriter opens the file as ours: nothing in it is changed before it was looked at.
func connectWriter(path string) (*conn, error) {
	c, err := connect(path)
	if err != nil {
		return nil, err
	}
	_, err = fileVersion(c, path, len(migrations()))
	if err == nil {
		err = checkLibrary(c)
	}
	if err == nil {
		err = configure(c, pragmas(forWriting()))
	}
	if err == nil {
		err = migrate(c, path)
	}
	if err == nil {
		err = syncDir(filepath.Dir(path)) // the log is a new file too
	}
	if err != nil {
		return nil, errors.Join(err, c.close())
	}
	return c, nil
}

// connectReady opens one more connection to a file that connectWriter has opened.
func connectReady(path string, u use) (*conn, error) {
	c, err := connect(path)
	if err != nil {
		return nil, err
	}
	if err := configure(c, pragmas(u)); err != nil {
		return nil, errors.Join(fmt.Errorf("opening %s once more: %w", path, err), c.close())
	}
	return c, nil
}
