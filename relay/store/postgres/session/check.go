package session

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store/engine"
)

// ErrPooled is the error of a pooler that gives each transaction or statement another session.
var ErrPooled = errors.New("a connection pooler (such as PgBouncer with pool_mode=transaction) gives each transaction or statement " +
	"another session of the database, which the relay cannot work with: pool by session (pool_mode=session), or connect " +
	"to PostgreSQL itself")

const (
	// rivals is how many other connections hold a transaction while one is checked, so that a pooler with a few idle
	// sessions gives them the one that the first connection had.
	rivals = 3
	// sessionTime bounds the check. A pooler without a free session lets the first connection wait forever.
	sessionTime = 5 * time.Second
)

// Check returns ErrPooled unless a connection keeps its session between two statements, also while others are busy.
func Check(ctx context.Context, pool *pgxpool.Pool) error {
	ctx, cancel := context.WithTimeout(ctx, sessionTime)
	defer cancel()
	first, err := pool.Acquire(ctx)
	if err != nil {
		return engine.Wrap(err, "checking the sessions of the database")
	}
	defer first.Release()
	before, err := sessionOf(ctx, first)
	if err != nil {
		return err
	}
	for range rivals {
		other, err := pool.Acquire(ctx)
		if err != nil {
			return engine.Wrap(err, "checking the sessions of the database")
		}
		defer other.Release()
		if _, err := other.Exec(ctx, "BEGIN"); refusesTransactions(err) {
			return ErrPooled
		} else if err != nil {
			return engine.Wrap(err, "checking the sessions of the database")
		}
		defer func() { _, _ = other.Exec(context.WithoutCancel(ctx), "ROLLBACK") }() // the pool drops it if it fails
		switch after, err := sessionOf(ctx, first); {
		case errors.Is(err, context.DeadlineExceeded), err == nil && after != before:
			return ErrPooled
		case err != nil:
			return err
		}
	}
	return nil
}

// refusesTransactions reports whether an error is that of a pooler of statements.
func refusesTransactions(err error) bool {
	var refused *pgconn.PgError
	return errors.As(err, &refused) && refused.Code == "08P01" // protocol violation
}

// sessionOf returns the number of the server process behind a connection. The simple protocol needs no prepared
// statement, which a pooler may have left in another session.
func sessionOf(ctx context.Context, c *pgxpool.Conn) (string, error) {
	results, err := c.Conn().PgConn().Exec(ctx, "SELECT pg_backend_pid()").ReadAll()
	if err != nil {
		return "", engine.Wrap(err, "checking the sessions of the database")
	}
	return string(results[0].Rows[0][0]), nil
}
