package dbfile

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
)

const (
	// watchInterval is how often the files are looked at while nothing is written.
	watchInterval = 400 * time.Millisecond
	// writeInterval is the least time between two looks after transactions, since some systems take long for one. Files
	// that are deleted or emptied are noticed after each transaction.
	writeInterval = 25 * time.Millisecond
)

// Watch notices that the files of a store are lost: deleted, moved or replaced, or damaged. The open files would go on
// to take writes that the next start does not find. Files that come back are used again; damage stays until the end. A
// nil Watch finds nothing. Its methods may be called from many goroutines.
type Watch struct {
	path     string
	pageSize int
	log      *slog.Logger
	file     *os.File               // the database; closed after all connections; see Lock
	wal      *os.File               // its log, where the last events are
	seen     map[string]os.FileInfo // the files as they were opened

	state   atomic.Pointer[loss] // nil: all is well
	damage  atomic.Pointer[loss]
	mu      sync.Mutex // held while the state changes
	looking sync.Mutex // held by LookAgain
	looked  time.Time  // by LookAgain
	strange int        // how often in a row the file did not look like a database; of the loop

	quit, done chan struct{}
}

// loss is what is wrong with the files, and what to do.
type loss struct {
	what, hint string
	kept       bool // the database itself is in its place
}

func (l *loss) Error() string { return fmt.Sprintf("%v: %s: %s", store.ErrLost, l.what, l.hint) }
func (l *loss) Unwrap() error { return store.ErrLost }

// What to do about a loss.
const (
	HintRestore = "stop the relay, put the file back or restore the last backup, and start it again"
	HintLog     = "stop the relay by SIGTERM, not by kill -9: it then moves what it holds into the database; start it again"
	HintRecover = "stop the relay and restore the last backup, or rescue what can be read by " +
		"sqlite3 FILE .recover | sqlite3 NEWFILE, and start it again"
)

// NewWatch returns a watch over the files of an open database.
func NewWatch(path string, pageSize int, log *slog.Logger) (*Watch, error) {
	w := &Watch{path: path, pageSize: pageSize, log: log, seen: map[string]os.FileInfo{}, quit: make(chan struct{}),
		done: make(chan struct{})}
	var err error
	if w.file, err = os.Open(path); err != nil {
		return nil, fmt.Errorf("watching the store: %w", err)
	}
	if w.wal, err = os.Open(path + "-wal"); err != nil {
		_ = w.file.Close()
		return nil, fmt.Errorf("watching the log of the store: %w", err)
	}
	for _, name := range w.names() {
		if info, err := os.Stat(name); err == nil {
			w.seen[name] = info
		}
	}
	return w, nil
}

func (w *Watch) names() [3]string { return [3]string{w.path, w.path + "-wal", w.path + "-shm"} }

// Loop looks at the files until stop.
func (w *Watch) Loop() {
	defer close(w.done)
	ticker := time.NewTicker(watchInterval)
	defer ticker.Stop()
	for {
		select {
		case <-w.quit:
			return
		case <-ticker.C:
		}
		w.inspect()
		_ = w.look()
	}
}

func (w *Watch) Stop() {
	close(w.quit)
	<-w.done
}

// Close closes the files, after all connections.
func (w *Watch) Close() error { return errors.Join(w.wal.Close(), w.file.Close()) }

// Err returns what is known to be wrong, or nil.
func (w *Watch) Err() error {
	if w == nil {
		return nil
	}
	if l := w.state.Load(); l != nil {
		return l
	}
	return nil
}

// LookAgain is look after a transaction: at once if a file that has it was deleted or emptied, and now and then in any
// case.
func (w *Watch) LookAgain() error {
	if w == nil {
		return nil
	}
	w.looking.Lock()
	defer w.looking.Unlock()
	names, _ := NamesAndSize(w.wal)
	more, size := NamesAndSize(w.file)
	if now := time.Now(); names == 0 || more == 0 || size == 0 || now.Sub(w.looked) >= writeInterval {
		w.looked = now
		return w.LookInside()
	}
	return w.Err()
}

// look compares the files with those that were opened, and returns what is wrong, or nil.
func (w *Watch) look() error {
	if w == nil {
		return nil
	}
	found := w.damage.Load()
	if found == nil {
		found = w.missing()
	}
	if known := w.state.Load(); known == found || known != nil && found != nil && *known == *found {
		return w.Err()
	}
	w.change(found)
	return w.Err()
}

// change sets the state and logs it.
func (w *Watch) change(now *loss) {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.state.Swap(now)
	switch {
	case now != nil && (before == nil || *before != *now):
		w.log.Error("store lost, events are refused", "reason", now.what, "hint", now.hint)
	case now == nil && before != nil:
		w.log.Info("store found again, events are accepted")
	}
}

// missing returns which file is not the one that was opened, or nil.
func (w *Watch) missing() *loss {
	for _, name := range w.names() {
		opened, known := w.seen[name]
		if !known {
			continue
		}
		now, err := os.Stat(name)
		if err == nil && os.SameFile(opened, now) {
			continue
		}
		l := &loss{what: name + " was replaced by another file", hint: HintLog, kept: name != w.path}
		if err != nil {
			l.what = name + " was deleted or moved"
			if !errors.Is(err, os.ErrNotExist) {
				l.what = "the store cannot be reached: " + err.Error()
			}
		}
		if !l.kept {
			l.hint = HintRestore
		}
		return l
	}
	return nil
}

// Damaged keeps an error that says that the file is damaged.
func (w *Watch) Damaged(err error) { w.setDamage(fmt.Sprintf("%s is damaged: %v", w.path, err)) }

func (w *Watch) setDamage(what string) {
	w.damage.CompareAndSwap(nil, &loss{what: what, hint: HintRecover, kept: true})
	_ = w.look()
}

// inspect notes damage when the file does not begin like a database twice in a row: something was written over it, or it
// was emptied.
func (w *Watch) inspect() {
	if w.IsDatabase() {
		w.strange = 0
		return
	}
	if w.strange++; w.strange >= 2 {
		w.setDamage(w.path + " was overwritten or cut")
	}
}

// IsDatabase checks those parts of the file's header that never change (sqlite.org/fileformat2.html, 1.3). Its size says
// nothing: a checkpoint writes the first page, which counts the others, before them.
func (w *Watch) IsDatabase() bool {
	header := make([]byte, 18)
	if _, err := w.file.ReadAt(header, 0); err != nil {
		return !errors.Is(err, io.EOF) // another failure says nothing about the content
	}
	return string(header[:16]) == "SQLite format 3\x00" && int(binary.BigEndian.Uint16(header[16:])) == w.pageSize
}

// LookInside notes damage at once if the file is empty: a connection that opens an empty database deletes the log.
func (w *Watch) LookInside() error {
	if _, size := NamesAndSize(w.file); size == 0 {
		w.setDamage(w.path + " was overwritten or cut")
	}
	return w.look()
}

// Replaced reports whether the path leads to another database than the one that is open, or to none.
func (w *Watch) Replaced() bool {
	l := w.state.Load()
	return l != nil && !l.kept
}
