package sqlite

import (
	"errors"
	"fmt"
	"maps"

	"qaserelay/relay/store"
	"qaserelay/relay/store/listing"
)

// OpenReader opens a file for reading only. It takes no lock but those of SQLite, by which readers and the writer of a log do not wait for
// each other, in whichever processes they are.
func OpenReader(path string) (_ store.ReadCloser, err error) {
	open := func() (*conn, error) {
		c, err := connectAs(path, "ro")
		if err == nil {
			err = c.prepareToRead(path)
		}
		if err != nil && c != nil {
			err = errors.Join(err, c.close())
		}
		return c, err
	}
	c, err := open()
	if err != nil {
		return nil, err
	}
	s := &Store{Path: path, now: store.Clock(), readers: newReaders(open), sending: newSending()}
	s.counts, err = loadCounts(c)
	s.close = s.readers.close
	if err = errors.Join(err, c.close()); err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// prepareToRead makes sure that the file is one that this program can read as it is.
func (c *conn) prepareToRead(path string) error {
	known := len(migrations())
	version, err := fileVersion(c, path, known)
	if err == nil {
		err = store.CheckVersion(path, version, known)
	}
	if err == nil {
		err = checkLibrary(c)
	}
	if err == nil {
		err = configure(c, pragmas(forReading()))
	}
	return adviseReader(path, err)
}

// adviseReader says what to do where SQLite cannot make the files by which readers and writers agree.
func adviseReader(path string, err error) error {
	if resultCode(err) == codeReadOnlyDir {
		return fmt.Errorf("%s: %w; SQLite keeps files beside it, so read it as the user that the relay runs as", path, err)
	}
	return err
}

// ofState tells what is being sent from what is pending, which are the same on disk.
func ofState(w *listing.Where, s store.State, sending flying) {
	const ids = "IN (SELECT value FROM json_each(?))"
	switch s {
	case store.Pending:
		w.Add("id NOT "+ids, idList(maps.Keys(sending)))
	case store.Sending:
		w.Add("id "+ids, idList(maps.Keys(sending)))
	}
}
