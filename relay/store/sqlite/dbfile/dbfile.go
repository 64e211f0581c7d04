// Package dbfile reserves the file of a database for one process, notices that it is lost, gives a finished one its name,
// and knows the file system that it is on.
package dbfile

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// Claim locks the database, and creates an empty one if it does not exist, for its owner only.
func Claim(path string) (*Lock, error) {
	dir := filepath.Dir(path)
	if err := makeFolder(dir); err != nil {
		return nil, fmt.Errorf("creating the directory of the store: %w", err)
	}
	lock, err := Reserve(path)
	if err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err == nil {
		err = f.Close()
	} else if errors.Is(err, os.ErrExist) {
		err = nil
	}
	if err == nil {
		err = SyncDir(dir)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("creating the store: %w", err), lock.Release())
	}
	return lock, nil
}

// makeFolder is os.MkdirAll whose names survive a power loss.
func makeFolder(dir string) error {
	info, err := os.Stat(dir)
	switch {
	case err == nil && !info.IsDir():
		return fmt.Errorf("%s is not a folder", dir)
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	parent := filepath.Dir(dir)
	if err := makeFolder(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// Lock reserves a database for one process. The lock is on a file beside it, since closing any descriptor of the
// database itself would drop the locks of SQLite. The operating system releases it when the process ends. The text in
// the file is for people. The file stays, since removing it would race with another process.
type Lock struct{ f *os.File }

// Reserve locks the database, which exists.
func Reserve(path string) (*Lock, error) {
	f, err := os.OpenFile(path+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock file: %w", err)
	}
	free, err := tryLock(f)
	if err == nil && !free {
		err = fmt.Errorf("%s is in use%s; stop it, or give this one another --store", path, holder(f))
	} else if err == nil {
		err = sign(f)
	}
	if err != nil {
		_ = f.Close()
		return nil, err
	}
	return &Lock{f}, nil
}

// Release frees the database.
func (l *Lock) Release() error {
	if err := l.f.Close(); err != nil {
		return fmt.Errorf("releasing the lock: %w", err)
	}
	return nil
}

// sign writes which process holds the lock. It needs no fsync, since it is useless after a power loss.
func sign(f *os.File) error {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	text := fmt.Sprintf("process %d on host %s since %s\n", os.Getpid(), host, time.Now().Format(time.RFC3339))
	if err := f.Truncate(0); err != nil {
		return fmt.Errorf("emptying %s: %w", f.Name(), err)
	}
	if _, err := f.WriteAt([]byte(text), 0); err != nil {
		return fmt.Errorf("writing %s: %w", f.Name(), err)
	}
	return nil
}

// holder returns " by process 123 on host X since T", or nothing if the file does not tell.
func holder(f *os.File) string {
	b, err := io.ReadAll(io.NewSectionReader(f, 0, 1<<10))
	if err != nil || !strings.HasPrefix(string(b), "process ") {
		return ""
	}
	return " by " + strings.TrimSpace(string(b))
}

// NetworkName returns the name of a file system of Linux whose locks or confirmed writes depend on another
// machine or a helper process, by its number in linux/magic.h, or nothing.
func NetworkName(magic uint32) string {
	return map[uint32]string{
		0x6969: "NFS", 0x517B: "SMB", 0xFF534D42: "SMB", 0xFE534D42: "SMB", 0x01021997: "9p", 0x65735546: "FUSE",
		0x00C36400: "Ceph", 0x5346414F: "AFS", 0x6B414653: "AFS", 0x73757245: "Coda", 0x0BD00BD0: "Lustre",
		0x786F4256: "vboxsf",
	}[magic]
}
