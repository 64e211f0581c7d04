package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// Reader is what can be read of a store without taking part in it.
type Reader interface {
	// Events and Deliveries are those of Store. What a relay is sending from a file is pending here, since only that relay knows.
	Events(ctx context.Context, f EventFilter) (list []StoredEvent, next ID, err error)
	Deliveries(ctx context.Context, f DeliveryFilter) (list []Delivery, next ID, err error)
	Close() error
}

// OpenToRead opens a store that is there, and changes nothing in it: relays that use it go on undisturbed. It fails when there is none, and
// when another release made its tables.
func OpenToRead(ctx context.Context, url string) (Reader, error) {
	if isPostgres(url) {
		return readPostgres(ctx, url)
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return readSQLite(path)
}

// readSQLite opens a file for reading only. It takes no lock but those of SQLite, by which readers and the writer of a log do not wait for
// each other, in whichever processes they are.
func readSQLite(path string) (_ Reader, err error) {
	open := func() (*conn, error) {
		c, err := connectAs(path, "ro")
		if err == nil {
			err = c.prepareToRead(path)
		}
		if err != nil && c != nil {
			err = errors.Join(err, c.close())
		}
		return c, err
	}
	c, err := open()
	if err != nil {
		return nil, err
	}
	s := &SQLite{path: path, now: Clock(), readers: newReaders(open), sending: newSending()}
	s.counts, err = loadCounts(c)
	s.close = s.readers.close
	if err = errors.Join(err, c.close()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepareToRead makes sure that the file is one that this program can read as it is.
func (c *conn) prepareToRead(path string) error {
	known := len(migrations())
	version, err := fileVersion(c, path, known)
	if err == nil {
		err = canRead(path, version, known)
	}
	if err == nil {
		err = checkLibrary(c)
	}
	if err == nil {
		err = configure(c, pragmas(forReading()))
	}
	return adviseReader(path, err)
}

// adviseReader says what to do where SQLite cannot make the files by which readers and writers agree.
func adviseReader(path string, err error) error {
	if resultCode(err) == codeReadOnlyDir {
		return fmt.Errorf("%s: %w; SQLite keeps files beside it, so read it as the user that the relay runs as", path, err)
	}
	return err
}

func canRead(what string, version, known int) error {
	switch version {
	case known:
		return nil
	case 0:
		return fmt.Errorf("%s is empty: no relay has used it yet", what)
	}
	return fmt.Errorf("%s has version %d, and this program reads version %d: a relay of this release brings it up when it starts, or read it by the release that runs on it",
		what, version, known)
}

// readPostgres connects in sessions that cannot write, and joins no relays.
func readPostgres(ctx context.Context, url string) (_ Reader, err error) {
	s := &Postgres{log: slog.New(slog.DiscardHandler)}
	if s.pool, err = newReadPool(ctx, url); err != nil {
		return nil, err
	}
	s.close = func() error { s.closed.Store(true); s.pool.Close(); return nil }
	if err := s.checkTables(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", redact(url), advise(err)), s.close())
	}
	return s, nil
}

// checkTables makes sure that there are tables that this program can read as they are.
func (s *Postgres) checkTables(ctx context.Context) error {
	var exists bool
	if err := s.pool.QueryRow(ctx, "SELECT to_regclass('qase_relay') IS NOT NULL").Scan(&exists); err != nil {
		return fmt.Errorf("looking for tables: %w", err)
	}
	version, known := 0, len(pgMigrations())
	if exists {
		err := pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) (err error) {
			version, err = schemaVersion(ctx, tx, known)
			return err
		})
		if err != nil {
			return err
		}
	}
	return canRead("the database", version, known)
}
