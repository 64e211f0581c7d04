package conn

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"modernc.org/libc"
	lib "modernc.org/sqlite/lib"

	"qaserelay/relay/store"
)

// handle is an open database of SQLite's C interface (sqlite.org/c3ref). The library's driver for database/sql locks a
// mutex at each call and copies each value to memory of its own, which costs small statements as much as their work.
// One goroutine at a time uses a handle; only interrupt may be called beside it.
type handle struct {
	tls    *libc.TLS
	db     uintptr
	values buffer // of the statement that runs
	out    uintptr
}

// statement is prepared once and executed often.
type statement struct {
	p      uintptr
	params int
	row    Row // the values of the row that was read last
}

// Error is an error of SQLite.
type Error struct {
	code int
	text string
}

func (e *Error) Error() string { return e.text }

// Code returns the extended result code (sqlite.org/rescode.html).
func (e *Error) Code() int { return e.code }

// openHandle opens a file whose name is a URI.
func openHandle(uri string) (*handle, error) {
	const flags = lib.SQLITE_OPEN_READWRITE | lib.SQLITE_OPEN_CREATE | lib.SQLITE_OPEN_NOMUTEX | lib.SQLITE_OPEN_URI
	h := &handle{tls: libc.NewTLS()}
	h.out = libc.Xmalloc(h.tls, 16)
	name, err := libc.CString(uri)
	if err != nil || h.out == 0 {
		return nil, errors.Join(errMemory, h.close())
	}
	defer libc.Xfree(h.tls, name)
	rc := lib.Xsqlite3_open_v2(h.tls, name, h.out, flags, 0)
	h.db = h.pointer()
	if rc != lib.SQLITE_OK {
		return nil, errors.Join(h.err(rc), h.close())
	}
	lib.Xsqlite3_extended_result_codes(h.tls, h.db, 1)
	lib.Xsqlite3_busy_timeout(h.tls, h.db, busyTimeout)
	// A text in double quotes is a name.
	err = errors.Join(h.set(lib.SQLITE_DBCONFIG_DQS_DML, false), h.set(lib.SQLITE_DBCONFIG_DQS_DDL, false))
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// set switches a setting of the connection.
func (h *handle) set(setting int32, on bool) error {
	value := int32(0)
	if on {
		value = 1
	}
	args := libc.NewVaList(value, uintptr(0))
	defer libc.Xfree(h.tls, args)
	return h.check(lib.Xsqlite3_db_config(h.tls, h.db, setting, args))
}

var errMemory = errors.New("no memory is left for SQLite")

// pointer returns the pointer that the last call has written to out.
func (h *handle) pointer() uintptr {
	return pointerAt(h.out)
}

func (h *handle) close() (err error) {
	if h.db != 0 {
		err = h.check(lib.Xsqlite3_close_v2(h.tls, h.db))
	}
	h.values.free(h.tls)
	libc.Xfree(h.tls, h.out)
	h.tls.Close()
	return err
}

func (h *handle) check(rc int32) error {
	if rc == lib.SQLITE_OK {
		return nil
	}
	return h.err(rc)
}

// err returns the error of a result code.
func (h *handle) err(rc int32) error {
	text := libc.GoString(lib.Xsqlite3_errstr(h.tls, rc))
	if h.db != 0 {
		if details := libc.GoString(lib.Xsqlite3_errmsg(h.tls, h.db)); details != text {
			text += ": " + details
		}
	}
	return &Error{int(rc), fmt.Sprintf("%s (%d)", text, rc)}
}

// script executes statements without arguments.
func (h *handle) script(text string) error {
	p, err := libc.CString(text)
	if err != nil {
		return errMemory
	}
	defer libc.Xfree(h.tls, p)
	return h.check(lib.Xsqlite3_exec(h.tls, h.db, p, 0, 0, 0))
}

func (h *handle) prepare(query string) (*statement, error) {
	p, err := libc.CString(query)
	if err != nil {
		return nil, errMemory
	}
	defer libc.Xfree(h.tls, p)
	if rc := lib.Xsqlite3_prepare_v3(h.tls, h.db, p, -1, lib.SQLITE_PREPARE_PERSISTENT, h.out, 0); rc != lib.SQLITE_OK {
		return nil, h.err(rc)
	}
	s := &statement{p: h.pointer()}
	s.params = int(lib.Xsqlite3_bind_parameter_count(h.tls, s.p))
	s.row = make(Row, lib.Xsqlite3_column_count(h.tls, s.p))
	return s, nil
}

func (h *handle) finalize(s *statement) { lib.Xsqlite3_finalize(h.tls, s.p) }

// bind sets all parameters of a statement. Texts and blobs stay valid until the next call.
func (h *handle) bind(s *statement, args []any) error {
	if len(args) != s.params {
		return fmt.Errorf("the statement has %d parameters, not %d", s.params, len(args))
	}
	size := 1 // so that an empty text has an address
	for _, a := range args {
		n := lengthOf(a)
		if n > mostBytes {
			return h.err(lib.SQLITE_TOOBIG)
		}
		size += n
	}
	if !h.values.reset(h.tls, size) {
		return errMemory
	}
	for i, a := range args {
		switch rc := h.bindOne(s.p, int32(i+1), a); rc {
		case lib.SQLITE_OK:
		case noValue:
			return fmt.Errorf("argument %d is a %T, which is no value of SQLite", i+1, a)
		default:
			return h.err(rc)
		}
	}
	return nil
}

func (h *handle) bindOne(p uintptr, i int32, arg any) int32 {
	switch v := arg.(type) {
	case nil:
		return lib.Xsqlite3_bind_null(h.tls, p, i)
	case bool:
		if !v {
			return lib.Xsqlite3_bind_int64(h.tls, p, i, 0)
		}
		return lib.Xsqlite3_bind_int64(h.tls, p, i, 1)
	case int:
		return lib.Xsqlite3_bind_int64(h.tls, p, i, int64(v))
	case int64:
		return lib.Xsqlite3_bind_int64(h.tls, p, i, v)
	case store.ID:
		return lib.Xsqlite3_bind_int64(h.tls, p, i, int64(v))
	case Optional:
		if v == 0 {
			return lib.Xsqlite3_bind_null(h.tls, p, i)
		}
		return lib.Xsqlite3_bind_int64(h.tls, p, i, int64(v))
	case float64:
		return lib.Xsqlite3_bind_double(h.tls, p, i, v)
	case string:
		return lib.Xsqlite3_bind_text(h.tls, p, i, put(&h.values, v), int32(len(v)), lib.SQLITE_STATIC)
	case store.State:
		return lib.Xsqlite3_bind_text(h.tls, p, i, put(&h.values, string(v)), int32(len(v)), lib.SQLITE_STATIC)
	case []byte:
		if v == nil {
			return lib.Xsqlite3_bind_null(h.tls, p, i)
		}
		return lib.Xsqlite3_bind_blob(h.tls, p, i, put(&h.values, v), int32(len(v)), lib.SQLITE_STATIC)
	}
	return noValue
}

// mostBytes is how long a text or blob may be: SQLite's own limit.
const mostBytes = 1_000_000_000

// noValue is the result of an argument of another type.
const noValue = -1

// step reads the next row into s.row, if there is one.
func (h *handle) step(s *statement) (more bool, err error) {
	switch rc := lib.Xsqlite3_step(h.tls, s.p); rc {
	case lib.SQLITE_DONE:
		return false, nil
	case lib.SQLITE_ROW:
		for i := range s.row {
			s.row[i] = h.column(s.p, int32(i))
		}
		return true, nil
	default:
		return false, h.err(rc)
	}
}

// column returns a value of the current row in memory of its own.
func (h *handle) column(p uintptr, i int32) any {
	switch lib.Xsqlite3_column_type(h.tls, p, i) {
	case lib.SQLITE_INTEGER:
		return lib.Xsqlite3_column_int64(h.tls, p, i)
	case lib.SQLITE_FLOAT:
		return lib.Xsqlite3_column_double(h.tls, p, i)
	case lib.SQLITE_TEXT:
		from := lib.Xsqlite3_column_text(h.tls, p, i)
		return string(h.bytes(from, p, i))
	case lib.SQLITE_BLOB:
		from := lib.Xsqlite3_column_blob(h.tls, p, i)
		return append([]byte(nil), h.bytes(from, p, i)...)
	}
	return nil
}

// bytes returns the memory of a text or blob, which the next call may change.
func (h *handle) bytes(from, p uintptr, i int32) []byte {
	n := lib.Xsqlite3_column_bytes(h.tls, p, i)
	if from == 0 || n == 0 {
		return nil
	}
	return libc.GoBytes(from, int(n))
}

// reset ends an execution of a statement. It repeats an error of step.
func (h *handle) reset(s *statement) { lib.Xsqlite3_reset(h.tls, s.p) }

// changes returns how many rows the last statement has changed.
func (h *handle) changes() int64 { return lib.Xsqlite3_changes64(h.tls, h.db) }

// pagesWritten returns how many pages were written since it was called last.
func (h *handle) pagesWritten() (int, error) {
	rc := lib.Xsqlite3_db_status(h.tls, h.db, lib.SQLITE_DBSTATUS_CACHE_WRITE, h.out, h.out+8, 1)
	return int(binary.NativeEndian.Uint32(libc.GoBytes(h.out, 4))), h.check(rc)
}

// until interrupts what runs when ctx ends. The function that it returns has to be called before anything else runs.
func (h *handle) until(ctx context.Context) (release func()) {
	if ctx.Done() == nil {
		return func() {}
	}
	released, over := make(chan struct{}), make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(over)
		const again = 10 * time.Millisecond // the first step of a statement forgets an interrupt from before
		for {
			lib.Xsqlite3_interrupt(h.tls, h.db)
			select {
			case <-released:
				return
			case <-time.After(again):
			}
		}
	})
	return func() {
		close(released)
		if !stop() {
			<-over
		}
	}
}

// buffer is memory outside of Go's heap, from which SQLite reads values.
type buffer struct {
	p          uintptr
	size, used int
}

// reset empties the buffer and makes it large enough. It keeps no very large one.
func (b *buffer) reset(tls *libc.TLS, size int) bool {
	const most = 1 << 20
	if b.used = 0; size <= b.size && (b.size <= most || size > most) {
		return true
	}
	b.free(tls)
	size = max(size, 4<<10)
	if b.p = libc.Xmalloc(tls, libc.Tsize_t(size)); b.p != 0 {
		b.size = size
	}
	return b.p != 0
}

func (b *buffer) free(tls *libc.TLS) {
	if b.p != 0 {
		libc.Xfree(tls, b.p)
	}
	*b = buffer{}
}

// put copies a value into a buffer, which has space for it, and returns its address.
func put[T string | []byte](b *buffer, value T) uintptr {
	p := b.p + uintptr(b.used)
	b.used += copy(libc.GoBytes(p, len(value)), value)
	return p
}
