package tables

import (
	"fmt"

	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/sqlite/conn"
)

// Migrate brings the file to the version that this program knows, in one transaction, so that a crash leaves the old
// version or the new one.
func Migrate(c *conn.Conn, path string) error {
	steps := Migrations()
	version, err := Version(c, path)
	if err != nil || version == len(steps) {
		return err
	}
	err = c.Transact(func() error {
		for i, step := range steps[version:] {
			if err := c.Run(step); err != nil {
				return fmt.Errorf("to version %d: %w", version+i+1, err)
			}
		}
		return c.Run(fmt.Sprintf("PRAGMA application_id = %d; PRAGMA user_version = %d", ApplicationID, len(steps)))
	})
	return engine.Wrap(err, "migrating "+path)
}

// Version returns the version of the file, 0 when it is empty. It refuses a file of another program or of a newer
// release, before anything in it is changed.
func Version(c *conn.Conn, path string) (int, error) {
	var app, version, objects int64
	known := int64(len(Migrations()))
	const q = `SELECT a.application_id, v.user_version, (SELECT count(*) FROM sqlite_schema)
		FROM pragma_application_id a, pragma_user_version v`
	err := c.Each(q, nil, func(r conn.Row) {
		app, version, objects = r.Int(0), r.Int(1), r.Int(2)
	})
	switch {
	case conn.ResultCode(err) == conn.CodeNotADatabase:
		return 0, fmt.Errorf("%s is not a SQLite database; give another --store, or move the file away", path)
	case err != nil:
		return 0, fmt.Errorf("reading the version of %s: %w", path, err)
	case app == 0 && version == 0 && objects == 0:
		return 0, nil
	case app != ApplicationID:
		return 0, fmt.Errorf("%s is a database of another program; give another --store", path)
	case version > known:
		return 0, fmt.Errorf("%s has version %d, and this program knows versions up to %d; start the newer release that "+
			"wrote it, or restore a backup from before the upgrade", path, version, known)
	}
	return int(version), nil
}
