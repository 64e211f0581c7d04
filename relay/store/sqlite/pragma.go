package sqlite

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"modernc.org/sqlite"
)

// Memory for pages, in KiB: the writer's decides the speed, and both count against the memory of the process.
const (
	writerCache = 12 << 10
	readerCache = 1 << 10
)

// pageSize suits rows of 1 to 2 KiB. It can be set before the first write only.
const pageSize = 8192

// pragma is one setting and what reading it back has to give.
type pragma struct{ name, value string }

// use is what a connection is for.
type use struct {
	cache    int // KiB
	patience int // for locks, in milliseconds
	readOnly bool
}

func forWriting() use { return use{cache: writerCache, patience: 5000} }

func forReading() use { return use{cache: readerCache, patience: 5000, readOnly: true} }

// forCheckpoints has little patience, since the writer waits meanwhile.
func forCheckpoints() use { return use{cache: readerCache, patience: 50} }

// pragmas returns the settings of a connection, in the order in which they take effect. WAL with synchronous=FULL
// makes every commit wait for the disk; fullfsync does so on macOS, where fsync alone does not reach the disk. We run
// checkpoints ourselves.
func pragmas(u use) []pragma {
	return []pragma{
		{"page_size", strconv.Itoa(pageSize)},
		{"auto_vacuum", "2"}, // incremental
		{"journal_mode", "wal"},
		{"synchronous", "2"}, // full
		{"fullfsync", "1"},
		{"checkpoint_fullfsync", "1"},
		{"wal_autocheckpoint", "0"},
		{"journal_size_limit", "-1"}, // keep the WAL file: overwriting is cheaper than growing
		{"busy_timeout", strconv.Itoa(u.patience)},
		{"temp_store", "2"}, // memory
		{"cache_size", strconv.Itoa(-u.cache)},
		{"query_only", map[bool]string{true: "1", false: "0"}[u.readOnly]},
	}
}

// configure sets the pragmas and reads each back, since SQLite ignores silently what it cannot do. What is right already is
// left alone: setting auto_vacuum writes to the file each time, which must not be full for that.
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
	err = c.query(context.Background(), "PRAGMA "+name, nil, func(r Row) error {
		value = fmt.Sprint(r[0])
		return nil
	})
	return value, err
}

// checkLibrary refuses a SQLite whose WAL can be corrupted by a checkpoint on a second connection (fixed in 3.51.3,
// sqlite.org/wal.html#walresetbug), and lets commits use fdatasync where there is one, as SQLite's own builds do.
func checkLibrary(c *conn) error {
	var version string
	err := c.query(context.Background(), "SELECT sqlite_version()", nil, func(r Row) error {
		version = r.Str(0)
		return nil
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
