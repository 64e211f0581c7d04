package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"qaserelay/relay/store/engine"
	"qaserelay/relay/store/postgres/tables"
)

// migrate brings the tables to the version that this program knows, one relay at a time, in one transaction.
func (s *Store) migrate(ctx context.Context) error {
	return pgx.BeginFunc(ctx, s.pool, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SELECT pg_advisory_xact_lock($1)", s.lockName(lockSchema, "")); err != nil {
			return fmt.Errorf("waiting for another relay to migrate: %w", err)
		}
		steps := tables.Migrations()
		version, err := schemaVersion(ctx, tx, len(steps))
		if err != nil {
			return err
		}
		for i, step := range steps[version:] {
			if _, err := tx.Conn().PgConn().Exec(ctx, step).ReadAll(); err != nil {
				return migrationError(err, version+i+1)
			}
		}
		_, err = tx.Exec(ctx, "UPDATE qase_relay SET version = $1 WHERE version <> $1", len(steps))
		return engine.Wrap(err, "noting the version of the tables")
	})
}

// schemaVersion returns the version of the tables, 0 when there are none. It refuses those of a newer release.
func schemaVersion(ctx context.Context, tx pgx.Tx, known int) (version int, err error) {
	const make = `CREATE TABLE IF NOT EXISTS qase_relay (version integer NOT NULL);
		INSERT INTO qase_relay SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM qase_relay)`
	var exists bool
	if err := tx.QueryRow(ctx, "SELECT to_regclass('qase_relay') IS NOT NULL").Scan(&exists); err != nil {
		return 0, fmt.Errorf("looking for tables: %w", err)
	}
	if !exists {
		if _, err := tx.Conn().PgConn().Exec(ctx, make).ReadAll(); err != nil {
			return 0, migrationError(err, 1)
		}
	}
	if err := tx.QueryRow(ctx, "SELECT version FROM qase_relay").Scan(&version); err != nil {
		return 0, fmt.Errorf("reading the version of the tables: %w", err)
	}
	if version > known {
		return 0, fmt.Errorf("the tables have version %d, and this program knows versions up to %d; start the newer release "+
			"that made them, or restore a backup from before the upgrade", version, known)
	}
	return version, nil
}

// migrationError adds what to do about a step that failed.
func migrationError(err error, version int) error {
	var e *pgconn.PgError
	if errors.As(err, &e) {
		switch e.Code {
		case "42P07": // duplicate_table
			return fmt.Errorf("the schema has tables of another program (%s); give the relay a database of its own, or a "+
				"schema with ?search_path=NAME", e.Message)
		case "42501": // insufficient_privilege
			return fmt.Errorf("the user of the store may not make tables (%s); let it own the database or a schema, named with "+
				"?search_path=NAME", e.Message)
		}
	}
	return fmt.Errorf("migrating the tables to version %d: %w", version, err)
}
