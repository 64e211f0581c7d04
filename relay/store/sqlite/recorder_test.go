package sqlite

import (
	"math/rand/v2"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
	"unsafe"

	"modernc.org/libc"
	sqlite3 "modernc.org/sqlite/lib"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// change is one thing that was done to a file, in the order in which it was done.
type change struct {
	file    string
	data    []byte // written at offset
	offset  int64
	cut     bool // cut off at offset
	gone    bool // deleted
	covered int  // for a sync that has returned: what was done before this one is on disk
}

// recorder stands between SQLite and its files and records what is written, and when the disk had confirmed it. It is a
// VFS (sqlite.org/vfs.html) that calls the one that was there.
type recorder struct {
	tls   *libc.TLS
	below *sqlite3.Tsqlite3_vfs
	vfs   *sqlite3.Tsqlite3_vfs

	delay  time.Duration // added to each sync
	forget bool          // nothing is recorded

	mu      sync.Mutex
	changes []change
	folder  int // when the folder was synced the last time
	files   map[uintptr]*opened
	methods map[uintptr]*sqlite3.Tsqlite3_io_methods // ours, by those of the VFS below

	// What SQLite calls. It has their addresses, so they have to stay here.
	open  func(tls *libc.TLS, vfs, name, file uintptr, flags int32, out uintptr) int32
	write func(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32
	cut   func(tls *libc.TLS, file uintptr, size int64) int32
	sync  func(tls *libc.TLS, file uintptr, flags int32) int32
	drop  func(tls *libc.TLS, vfs, name uintptr, sync int32) int32
}

// opened is an open file: its name, and how the VFS below works on it.
type opened struct {
	name  string
	below *sqlite3.Tsqlite3_io_methods
}

// startRecorder makes SQLite use a recorder for all that it opens, until stop.
func startRecorder(t testing.TB) *recorder {
	t.Helper()
	r := &recorder{tls: libc.NewTLS(), files: map[uintptr]*opened{},
		methods: map[uintptr]*sqlite3.Tsqlite3_io_methods{}}
	below := sqlite3.Xsqlite3_vfs_find(r.tls, 0)
	r.below = at[sqlite3.Tsqlite3_vfs](below)
	r.open, r.write, r.cut, r.sync, r.drop = r.onOpen, r.onWrite, r.onCut, r.onSync, r.onDrop

	name, err := libc.CString("recorder")
	if err != nil {
		t.Fatal(err)
	}
	r.vfs = allocate[sqlite3.Tsqlite3_vfs](r.tls)
	*r.vfs = *r.below
	r.vfs.FzName, r.vfs.FxOpen, r.vfs.FxDelete = name, address(&r.open), address(&r.drop)
	if rc := sqlite3.Xsqlite3_vfs_register(r.tls, address(&r.vfs), 1); rc != 0 {
		t.Fatalf("registering the recorder: %d", rc)
	}
	return r
}

// stop gives SQLite its files back. Nothing may be open.
func (r *recorder) stop(t testing.TB) {
	t.Helper()
	if rc := sqlite3.Xsqlite3_vfs_unregister(r.tls, address(&r.vfs)); rc != 0 {
		t.Fatalf("unregistering the recorder: %d", rc)
	}
	if rc := sqlite3.Xsqlite3_vfs_register(r.tls, address(&r.below), 1); rc != 0 {
		t.Fatalf("registering the VFS below: %d", rc)
	}
	libc.Xfree(r.tls, r.vfs.FzName)
	libc.Xfree(r.tls, address(&r.vfs))
	for _, m := range r.methods {
		libc.Xfree(r.tls, address(&m))
	}
	r.tls.Close()
}

// now is the place in the record up to which things have happened.
func (r *recorder) now() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.changes)
}

// folderSynced records that the folder was synced by others than SQLite.
func (r *recorder) folderSynced() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.folder = len(r.changes)
}

// add records a change to a file, and returns how the VFS below makes it.
func (r *recorder) add(file uintptr, c change) *sqlite3.Tsqlite3_io_methods {
	r.mu.Lock()
	defer r.mu.Unlock()
	f := r.files[file]
	c.file = f.name
	if !r.forget {
		r.changes = append(r.changes, c)
	}
	return f.below
}

func (r *recorder) onOpen(tls *libc.TLS, _, name, file uintptr, flags int32, out uintptr) int32 {
	rc := call(&r.below.FxOpen, r.open)(tls, address(&r.below), name, file, flags, out)
	if f := at[sqlite3.Tsqlite3_file](file); rc == 0 && f.FpMethods != 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.files[file] = &opened{filepath.Base(libc.GoString(name)), at[sqlite3.Tsqlite3_io_methods](f.FpMethods)}
		f.FpMethods = r.instead(tls, f.FpMethods)
	}
	return rc
}

// instead returns the address of the methods to use in place of some of the VFS below.
func (r *recorder) instead(tls *libc.TLS, below uintptr) uintptr {
	m := r.methods[below]
	if m == nil {
		m = allocate[sqlite3.Tsqlite3_io_methods](tls)
		*m = *at[sqlite3.Tsqlite3_io_methods](below)
		m.FxWrite, m.FxTruncate, m.FxSync = address(&r.write), address(&r.cut), address(&r.sync)
		r.methods[below] = m
	}
	return address(&m)
}

func (r *recorder) onWrite(tls *libc.TLS, file, data uintptr, n int32, offset int64) int32 {
	c := change{offset: offset}
	if !r.forget {
		c.data = slices.Clone(unsafe.Slice(at[byte](data), n))
	}
	below := r.add(file, c)
	return call(&below.FxWrite, r.write)(tls, file, data, n, offset)
}

func (r *recorder) onCut(tls *libc.TLS, file uintptr, size int64) int32 {
	below := r.add(file, change{cut: true, offset: size})
	return call(&below.FxTruncate, r.cut)(tls, file, size)
}

// onSync records a sync when it begins, which confirms nothing, and when it has returned.
func (r *recorder) onSync(tls *libc.TLS, file uintptr, flags int32) int32 {
	before := r.now()
	below := r.add(file, change{})
	rc := call(&below.FxSync, r.sync)(tls, file, flags)
	time.Sleep(r.delay)
	if rc == 0 {
		r.add(file, change{covered: before})
	}
	return rc
}

// onDrop records that a file was deleted, which a sync of its folder has to confirm.
func (r *recorder) onDrop(tls *libc.TLS, _, name uintptr, sync int32) int32 {
	rc := call(&r.below.FxDelete, r.drop)(tls, address(&r.below), name, sync)
	if rc == 0 {
		r.mu.Lock()
		defer r.mu.Unlock()
		file := filepath.Base(libc.GoString(name))
		r.changes = append(r.changes, change{file: file, gone: true})
		if sync != 0 {
			r.folder = len(r.changes)
		}
	}
	return rc
}

// after returns the files as a disk may hold them when the power fails at a place in the record: with all that it had
// confirmed, and of the rest those sectors that keep says.
func (r *recorder) after(place int, keep func() bool) map[string][]byte {
	confirmed := map[string]int{}
	for _, c := range r.changes[:place] {
		confirmed[c.file] = max(confirmed[c.file], c.covered)
	}
	files := map[string][]byte{}
	for i, c := range r.changes[:place] {
		sure := i < confirmed[c.file] || c.gone && i < r.folder
		if (c.cut || c.gone) && (sure || keep()) {
			files[c.file] = resize(files[c.file], c.offset)
		}
		if c.gone && len(files[c.file]) == 0 {
			delete(files, c.file)
		}
		for part := range slices.Chunk(c.data, sector) {
			if sure || keep() {
				files[c.file] = resize(files[c.file], max(int64(len(files[c.file])), c.offset+int64(len(part))))
				copy(files[c.file][c.offset:], part)
			}
			c.offset += int64(len(part))
		}
	}
	return files
}

func resize(b []byte, size int64) []byte {
	if size <= int64(len(b)) {
		return b[:size]
	}
	return append(b, make([]byte, size-int64(len(b)))...)
}

// nothing is kept of what was not confirmed.
func nothing() bool { return false }

// half keeps about half of it.
func half() bool { return rand.IntN(2) == 0 }

// at gives what is at an address of SQLite's.
func at[T any](p uintptr) *T { return *(**T)(unsafe.Pointer(&p)) }

// address is the number in a pointer or a function, as SQLite's memory holds it.
func address[T any](p *T) uintptr { return *(*uintptr)(unsafe.Pointer(p)) }

// call gives the function of the type of like that is at an address.
func call[F any](p *uintptr, _ F) F { return *(*F)(unsafe.Pointer(p)) }

// allocate takes memory that is not moved or freed by the garbage collector.
func allocate[T any](tls *libc.TLS) *T {
	return at[T](libc.Xmalloc(tls, libc.Tsize_t(unsafe.Sizeof(*new(T)))))
}
