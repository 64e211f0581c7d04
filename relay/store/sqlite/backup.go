package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/sqlite/conn"
	"qaserelay/relay/store/sqlite/dbfile"
	"qaserelay/relay/store/transfer"
)

// Backup writes a copy of a file, as it is at one moment, into the new file to, and returns the numbers of its rows. A
// relay may use the file meanwhile: neither waits for the other. The copy is checked and on disk when Backup returns.
func Backup(ctx context.Context, path, to string) (map[string]int64, error) {
	if _, err := os.Stat(path); err != nil {
		return nil, err
	}
	c, err := conn.OpenAs(path, "ro")
	if err != nil {
		return nil, err
	}
	newest, err := backUp(ctx, c, path, to)
	if err := errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	return checkBackup(ctx, to, newest)
}

// CheckBackup checks a file that holds all of a store, writes it to the disk, and returns the numbers of its rows.
func CheckBackup(ctx context.Context, path string) (map[string]int64, error) {
	return checkBackup(ctx, path, 0)
}

// Publish gives a finished file its name; see [dbfile.Publish].
func Publish(part, file string, replace bool) error { return dbfile.Publish(part, file, replace) }

// backUp writes the copy, and returns the newest event from before.
func backUp(ctx context.Context, c *conn.Conn, path, to string) (newest int64, err error) {
	if err := checkToRead(c, path); err != nil {
		return 0, err
	}
	newest, err = newestEvent(ctx, c)
	if err != nil {
		return 0, err
	}
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) // SQLite fills an empty file
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		return 0, err
	}
	err = c.CopyTo(ctx, to)
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return newest, engine.Wrap(err, "copying "+path)
}

func newestEvent(ctx context.Context, c *conn.Conn) (id int64, err error) {
	err = c.Query(ctx, "SELECT coalesce(max(id), 0) FROM events", nil, func(r conn.Row) error {
		id = r.Int(0)
		return nil
	})
	return id, engine.Wrap(err, "looking for the newest event")
}

// checkBackup checks a copy, which has to hold an event, and writes it to the disk.
func checkBackup(ctx context.Context, path string, newest int64) (rows map[string]int64, err error) {
	c, err := conn.OpenAs(path, "ro")
	if err != nil {
		return nil, err
	}
	if rows, err = countBackup(ctx, c, newest); err != nil {
		err = fmt.Errorf("checking the copy: %w", err)
	}
	if err := errors.Join(err, c.Close()); err != nil {
		return nil, err
	}
	return rows, dbfile.SyncFile(path)
}

// NoteBackup adds an entry to the audit trail of a finished backup, and writes the file to the disk.
func NoteBackup(path string, now time.Time, e *store.AuditEntry) error {
	c, err := conn.OpenAs(path, "rw")
	if err != nil {
		return err
	}
	_, err = c.Exec(addAudit, ledger.AuditRow(store.NewIDs(0).Next(now), now.UnixMilli(), e)...)
	if err := errors.Join(engine.Wrap(err, "noting the backup in it"), c.Close()); err != nil {
		return err
	}
	return dbfile.SyncFile(path)
}

func countBackup(ctx context.Context, c *conn.Conn, newest int64) (map[string]int64, error) {
	if err := checkIntegrity(ctx, c); err != nil {
		return nil, err
	}
	rows := map[string]int64{}
	for _, t := range transfer.Tables() {
		n, err := countRows(ctx, c, t)
		if err != nil {
			return nil, err
		}
		rows[t.Name] = n
	}
	last, err := newestEvent(ctx, c)
	if err == nil && last < newest {
		err = errors.New("its newest event is older than that of the store")
	}
	return rows, err
}

// checkIntegrity reads everything, and returns what SQLite finds wrong.
func checkIntegrity(ctx context.Context, c *conn.Conn) error {
	var wrong error
	err := c.Query(ctx, "PRAGMA integrity_check(1)", nil, func(r conn.Row) error {
		if text := r.Str(0); text != "ok" {
			wrong = fmt.Errorf("the database is damaged: %s", text)
		}
		return nil
	})
	if err == nil {
		err = wrong
	}
	return err
}
