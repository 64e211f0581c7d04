package dbfile

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock reports whether f was free and is now ours. It locks one byte far behind the text, because nobody else can
// read what is locked.
func tryLock(f *os.File) (bool, error) {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	at := &windows.Overlapped{Offset: 1 << 20}
	switch err := windows.LockFileEx(windows.Handle(f.Fd()), flags, 0, 1, 0, at); {
	case errors.Is(err, windows.ERROR_LOCK_VIOLATION):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("locking %s: %w", f.Name(), err)
	}
	return true, nil
}

// SyncDir does nothing: the file system makes names durable by itself.
func SyncDir(string) error { return nil }
