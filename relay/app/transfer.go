package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/store"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
	"qaserelay/relay/store/transfer"
)

// Progress is how far a copy of a store has come.
type Progress = transfer.Progress

// Copied says what a copy has copied.
type Copied = transfer.Summary

// ErrExists says that a file is there already.
var ErrExists = errors.New("the file exists")

// ErrUnfinishedCopy says that a store holds a part of another one.
var ErrUnfinishedCopy = errors.New("the store is the target of a copy that was interrupted")

// Backup writes a copy of a store, as it is at one moment, into a file of SQLite, and returns the numbers of its rows.
// A relay may use the store meanwhile. The file appears when it is complete, checked and on disk; force replaces one.
func Backup(ctx context.Context, url, file string, force bool, report func(Progress)) (map[string]int64, error) {
	file = filepath.Clean(file)
	if info, err := os.Stat(file); err == nil && (!force || info.IsDir() || isStore(info, url)) {
		return nil, fmt.Errorf("%s: %w", file, ErrExists)
	}
	dir, err := os.MkdirTemp(filepath.Dir(file), ".backup-")
	if err != nil {
		return nil, fmt.Errorf("making the backup: %w", err)
	}
	part := filepath.Join(dir, "relay.db")
	rows, err := backUpInto(ctx, url, part, report)
	if err == nil {
		err = sqlite.NoteBackup(part, time.Now(), byCommand(backupVerb, "of "+store.Redact(url)))
	}
	if err == nil {
		err = sqlite.Publish(part, file, force)
	}
	if errors.Is(err, os.ErrExist) {
		err = fmt.Errorf("%s: %w", file, ErrExists)
	}
	return rows, errors.Join(err, os.RemoveAll(dir))
}

// isStore reports whether a file is the store itself.
func isStore(file os.FileInfo, url string) bool {
	path, err := sqlitePath(url)
	if err != nil {
		return false
	}
	info, err := os.Stat(path)
	return err == nil && os.SameFile(file, info)
}

func backUpInto(ctx context.Context, url, part string, report func(Progress)) (map[string]int64, error) {
	if !isPostgres(url) {
		path, err := sqlitePath(url)
		if err != nil {
			return nil, err
		}
		return sqlite.Backup(ctx, path, part)
	}
	from, err := postgres.OpenTransfer(ctx, url, true)
	if err != nil {
		return nil, err
	}
	if _, err := copyInto(ctx, from, "sqlite:"+part, copying{report: report}); err != nil {
		return nil, err
	}
	return sqlite.CheckBackup(ctx, part)
}

// Copy copies a store into another one, which is empty or holds the beginning of an earlier copy. No relay may use
// either of them.
func Copy(ctx context.Context, from, to string, report func(Progress)) (Copied, error) {
	r, err := openTransfer(ctx, from)
	if err != nil {
		return Copied{}, fmt.Errorf("opening the source: %w", err)
	}
	return copyInto(ctx, r, to, copying{report, "from " + store.Redact(from)})
}

// copying says whom a copy is reported to, and what its target notes of it.
type copying struct {
	report  func(Progress)
	details string // empty notes nothing
}

func openTransfer(ctx context.Context, url string) (transfer.Reader, error) {
	if isPostgres(url) {
		return postgres.OpenTransfer(ctx, url, false)
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenTransfer(path)
}

// copyInto copies what a reader reads, and closes it.
func copyInto(ctx context.Context, from transfer.Reader, to string, c copying) (s Copied, err error) {
	defer func() { err = errors.Join(err, from.Close()) }()
	w, err := openTarget(ctx, to)
	if err != nil {
		return s, fmt.Errorf("opening the target: %w", err)
	}
	defer func() { err = errors.Join(err, w.Close()) }()
	if s, err = transfer.Copy(ctx, from, w, c.report); err == nil && s.Copied > 0 && c.details != "" {
		err = noteCopy(ctx, w, c.details)
	}
	return s, err
}

// noteCopy adds the copy to the audit trail of its target.
func noteCopy(ctx context.Context, to transfer.Writer, details string) error {
	now := time.Now()
	row := ledger.AuditRow(store.NewIDs(0).Next(now), now.UnixMilli(), byCommand(transfer.CopyVerb, details))
	for _, t := range transfer.Tables() {
		if t.Name == "audit" {
			return to.Put(ctx, t, []transfer.Row{row}, "")
		}
	}
	return nil
}

// backupVerb is the verb of the audit entry that a backup has about itself, for the store that is restored from it.
const backupVerb = "backup"

// byCommand returns an audit entry about what a command did to a store without a relay.
func byCommand(verb, details string) *store.AuditEntry {
	return &store.AuditEntry{Who: access.ByCLI, How: access.ByCLI, Verb: verb, Details: details, Outcome: "ok"}
}

func openTarget(ctx context.Context, url string) (transfer.Writer, error) {
	if isPostgres(url) {
		return postgres.OpenTarget(ctx, url)
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenTarget(path)
}

// refuseUnfinishedCopy returns an error if a store holds a part of another one only.
func refuseUnfinishedCopy(ctx context.Context, s store.Store) error {
	mark, err := s.Get(ctx, transfer.MarkKey)
	if err != nil {
		return err
	}
	if mark != nil {
		return fmt.Errorf("%w; finish it: qase-relay copy --from … --to …", ErrUnfinishedCopy)
	}
	return nil
}
