package conn

import (
	"encoding/binary"
	"errors"
	"sync"
	"unsafe"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"
)

// Log is the write-ahead log of a connection that commits [ForGroups]: its transactions are in the log when they are
// committed, and on disk once Sync has returned, with all that were committed before.
type Log struct {
	tls  *libc.TLS
	file uintptr // a sqlite3_file
	sync func(tls *libc.TLS, file uintptr, flags int32) int32

	mu     sync.Mutex
	failed error
}

// Log returns the log of a connection, which can be used until that is closed.
func (c *Conn) Log() (*Log, error) {
	name, err := libc.CString("main")
	if err != nil {
		return nil, errMemory
	}
	defer libc.Xfree(c.tls, name)
	rc := lib.Xsqlite3_file_control(c.tls, c.db, name, lib.SQLITE_FCNTL_JOURNAL_POINTER, c.out)
	if rc != lib.SQLITE_OK {
		return nil, c.err(rc)
	}
	l := &Log{file: c.pointer()}
	methods := pointerAt(l.file + unsafe.Offsetof(lib.Tsqlite3_file{}.FpMethods))
	if methods == 0 {
		return nil, errors.New("the database has no write-ahead log")
	}
	method := pointerAt(methods + unsafe.Offsetof(lib.Tsqlite3_io_methods{}.FxSync))
	// A function of the library is the address of what a function value of Go points to.
	l.sync = *(*func(*libc.TLS, uintptr, int32) int32)(unsafe.Pointer(&method))
	l.tls, c.log = libc.NewTLS(), l
	return l, nil
}

func pointerAt(p uintptr) uintptr { return uintptr(binary.NativeEndian.Uint64(libc.GoBytes(p, 8))) }

// Sync waits until the disk has what was committed before. It may be called beside the use of the connection. Once it has
// failed it always fails, since the operating system forgets what the disk did not take.
func (l *Log) Sync() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed != nil {
		return l.failed
	}
	if rc := l.sync(l.tls, l.file, lib.SQLITE_SYNC_FULL); rc != lib.SQLITE_OK {
		l.failed = &Error{int(rc), "the disk did not confirm what was written to the log of the database"}
	}
	return l.failed
}
