package postgres

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/jackc/pgx/v5"

	"qaserelay/relay/store"
)

// OpenReader connects in sessions that cannot write, and joins no relays.
func OpenReader(ctx context.Context, url string) (_ store.ReadCloser, err error) {
	s := &Store{log: slog.New(slog.DiscardHandler)}
	if s.Pool, err = newReadPool(ctx, url); err != nil {
		return nil, err
	}
	s.close = func() error { s.closed.Store(true); s.Pool.Close(); return nil }
	if err := s.checkTables(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("store %s: %w", store.Redact(url), advise(err)), s.close())
	}
	return s, nil
}

// checkTables makes sure that there are tables that this program can read as they are.
func (s *Store) checkTables(ctx context.Context) error {
	var exists bool
	if err := s.Pool.QueryRow(ctx, "SELECT to_regclass('qase_relay') IS NOT NULL").Scan(&exists); err != nil {
		return fmt.Errorf("looking for tables: %w", err)
	}
	version, known := 0, len(migrations())
	if exists {
		err := pgx.BeginFunc(ctx, s.Pool, func(tx pgx.Tx) (err error) {
			version, err = schemaVersion(ctx, tx, known)
			return err
		})
		if err != nil {
			return err
		}
	}
	return store.CheckVersion("the database", version, known)
}
