package sqlite

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

// pageSize suits rows of 1 to 2 KiB. It can be set before the first write only.
const pageSize = 8192

// pragma is one setting and the value that reading it back has to give.
type pragma struct{ name, value string }

// purpose is what a connection is used for.
type purpose struct {
	cache       int // KiB
	busyTimeout int // milliseconds to wait for a lock
	readOnly    bool
}

func forWriting() purpose { return purpose{cache: writerCache, busyTimeout: 5000} }

func forReading() purpose { return purpose{cache: readerCache, busyTimeout: 5000, readOnly: true} }

// forCheckpoints has a short timeout, since the writer waits meanwhile.
func forCheckpoints() purpose { return purpose{cache: readerCache, busyTimeout: 50} }

// pragmas returns the settings of a connection, in the order in which they take effect. WAL with synchronous=FULL
// makes every commit wait for the disk; fullfsync does so on macOS, where fsync alone does not reach the disk. The
// checkpointer runs the checkpoints.
func pragmas(p purpose) []pragma {
	all := []pragma{
		{"page_size", strconv.Itoa(pageSize)},
		{"auto_vacuum", "2"}, // incremental
		{"journal_mode", "wal"},
		{"synchronous", "2"}, // full
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
		all = slices.DeleteFunc(all, func(p pragma) bool { return p.name == "journal_mode" })
	}
	return all
}

// configure sets the pragmas and reads each back, since SQLite silently ignores a setting that it cannot apply. It
// leaves alone what is right already: setting auto_vacuum writes to the file each time, which fails on a full disk.
func configure(c *conn, want []pragma) error {
	for _, p := range want {
		if got, err := readPragma(c, p.name); err == nil && got == p.value {
			continue
		}
		if err := c.run("PRAGMA " + p.name + " = " + p.value); err != nil {
			return fmt.Errorf("setting %s: %w", p.name, err)
		}
		got, err := readPragma(c, p.name)
		if err != nil {
			return fmt.Errorf("reading %s: %w", p.name, err)
		}
		if got != p.value {
			return fmt.Errorf("the database has %s=%s and cannot be set to %s", p.name, got, p.value)
		}
	}
	return nil
}

func readPragma(c *conn, name string) (value string, err error) {
	err = c.each("PRAGMA "+name, nil, func(r row) {
		value = fmt.Sprint(r[0])
	})
	return value, err
}

// checkLibrary refuses a SQLite whose WAL can be corrupted by a checkpoint on a second connection (fixed in 3.51.3,
// sqlite.org/wal.html#walresetbug), and makes commits use fdatasync where the system has it, as SQLite's own builds do.
func checkLibrary(c *conn) error {
	var version string
	err := c.each("SELECT sqlite_version()", nil, func(r row) {
		version = r.str(0)
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
