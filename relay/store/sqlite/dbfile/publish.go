package dbfile

import (
	"errors"
	"os"
	"path/filepath"
)

// Publish gives a finished file its name, which survives a power loss. Without replace it fails if the name is taken.
func Publish(part, file string, replace bool) error {
	if replace {
		release, err := reserve(file)
		if err != nil {
			return err
		}
		defer release()
		for _, tail := range []string{"-wal", "-shm"} { // they belong to the file that is replaced
			if err := os.Remove(file + tail); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		if err := os.Rename(part, file); err != nil {
			return err
		}
	} else if err := os.Link(part, file); errors.Is(err, os.ErrExist) {
		return err
	} else if err != nil { // the file system has no links
		if err := os.Rename(part, file); err != nil {
			return err
		}
	}
	return SyncDir(filepath.Dir(file))
}

// reserve makes sure that no relay uses a file that may be a store.
func reserve(file string) (release func(), err error) {
	if _, err := os.Stat(file + ".lock"); err != nil {
		return func() {}, nil // no relay has ever used it
	}
	lock, err := Reserve(file)
	if err != nil {
		return nil, err
	}
	return func() { _ = lock.Release() }, nil // nothing was written to it
}

// SyncFile writes a file and the entry of its folder to the disk.
func SyncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close(), SyncDir(filepath.Dir(path)))
}
