package conn

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// Memory for pages, in KiB. The writer's decides the speed.
const (
	writerCache = 12 << 10
	readerCache = 1 << 10
)

// PageSize suits rows of 1 to 2 KiB. It can be set before the first write only.
const PageSize = 8192

// Pragma is one setting and the value that reading it back has to give.
type Pragma struct{ Name, Value string }

// Purpose is what a connection is used for.
type Purpose struct {
	cache       int // KiB
	busyTimeout int // milliseconds to wait for a lock
	readOnly    bool
	synced      bool // by the caller
}

func ForWriting() Purpose { return Purpose{cache: writerCache, busyTimeout: 5000} }

// ForGroups is ForWriting by a caller who waits for the disk himself, with [Log.Sync], while the next transaction runs.
func ForGroups() Purpose { return Purpose{cache: writerCache, busyTimeout: 5000, synced: true} }

func ForReading() Purpose { return Purpose{cache: readerCache, busyTimeout: 5000, readOnly: true} }

// ForCheckpoints has a short timeout, since the writer waits meanwhile.
func ForCheckpoints() Purpose { return Purpose{cache: readerCache, busyTimeout: 50} }

// Pragmas returns the settings of a connection, in the order in which they take effect. WAL with synchronous=FULL
// makes every commit wait for the disk, and NORMAL only those that begin the log anew and checkpoints; fullfsync does so on macOS, where fsync alone does not reach the disk. The
// checkpointer runs the checkpoints.
func (p Purpose) Pragmas() []Pragma {
	all := []Pragma{
		{"page_size", strconv.Itoa(PageSize)},
		{"auto_vacuum", "2"}, // incremental
		{"journal_mode", "wal"},
		{"synchronous", map[bool]string{true: "1", false: "2"}[p.synced]}, // normal or full
		{"fullfsync", "1"},
		{"checkpoint_fullfsync", "1"},
		{"wal_autocheckpoint", "0"},
		{"journal_size_limit", "-1"}, // keep the WAL file: overwriting is cheaper than growing
		{"busy_timeout", strconv.Itoa(p.busyTimeout)},
		{"temp_store", "2"}, // memory
		{"cache_size", strconv.Itoa(-p.cache)},
		{"query_only", map[bool]string{true: "1", false: "0"}[p.readOnly]},
	}
	if p.readOnly { // a backup has no log until a relay uses it
		all = slices.DeleteFunc(all, func(p Pragma) bool { return p.Name == "journal_mode" })
	}
	return all
}

// Configure sets the pragmas of a purpose and reads each back, since SQLite silently ignores a setting that it cannot apply. It
// leaves alone what is right already: setting auto_vacuum writes to the file each time, which fails on a full disk.
func (c *Conn) Configure(as Purpose) error {
	for _, p := range as.Pragmas() {
		if got, err := c.ReadPragma(p.Name); err == nil && got == p.Value {
			continue
		}
		if err := c.Run("PRAGMA " + p.Name + " = " + p.Value); err != nil {
			return fmt.Errorf("setting %s: %w", p.Name, err)
		}
		got, err := c.ReadPragma(p.Name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", p.Name, err)
		}
		if got != p.Value {
			return fmt.Errorf("the database has %s=%s and cannot be set to %s", p.Name, got, p.Value)
		}
	}
	return nil
}

// ReadPragma returns the value of a setting.
func (c *Conn) ReadPragma(name string) (value string, err error) {
	err = c.Each("PRAGMA "+name, nil, func(r Row) {
		value = fmt.Sprint(r[0])
	})
	return value, err
}

// CheckLibrary refuses a SQLite whose WAL can be corrupted by a checkpoint on a second connection (fixed in 3.51.3,
// sqlite.org/wal.html#walresetbug), and makes commits use fdatasync where the system has it, as SQLite's own builds do.
func (c *Conn) CheckLibrary() error {
	var version string
	err := c.Each("SELECT sqlite_version()", nil, func(r Row) {
		version = r.Str(0)
	})
	if err != nil {
		return fmt.Errorf("asking for SQLite's version: %w", err)
	}
	if !atLeast(version, [3]int{3, 51, 3}) {
		return fmt.Errorf("the SQLite library is %s; at least 3.51.3 is needed", version)
	}
	if _, err := sqlite.Fdatasync(true); err != nil && !errors.Is(err, sqlite.ErrFdatasyncUnavailable) {
		return fmt.Errorf("choosing fdatasync: %w", err)
	}
	return nil
}

func atLeast(version string, want [3]int) bool {
	parts := strings.SplitN(version, ".", 3)
	for i, w := range want {
		if i >= len(parts) {
			return false
		}
		if n, err := strconv.Atoi(parts[i]); err != nil || n != w {
			return err == nil && n > w
		}
	}
	return true
}
