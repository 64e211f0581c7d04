package postgres

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
)

const (
	// poolSize is how many connections one relay opens at most, when the URL does not say pool_max_conns.
	poolSize = 10
	// minPool lets the writers, the listener and a purge work beside one reader.
	minPool = 5
	// connectTimeout is how long one try to connect may take.
	connectTimeout = 5 * time.Second
)

// newPool prepares connections to the database and opens none yet. Its errors never show the URL, which may hold a password.
func newPool(ctx context.Context, where string) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(where)
	if err != nil {
		return nil, err
	}
	if c := cfg.ConnConfig; c.ValidateConnect == nil { // of several hosts, the one that can write
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	cfg.AfterConnect = prepareSession
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	return pool, store.Wrap(err, "preparing connections")
}

// newReadPool is newPool for sessions that cannot write, on any of several hosts.
func newReadPool(ctx context.Context, where string) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(where)
	if err != nil {
		return nil, err
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		if err := prepareSession(ctx, c); err != nil {
			return err
		}
		_, err := c.Exec(ctx, "SET default_transaction_read_only = on")
		return store.Wrap(err, "preparing a session")
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	return pool, store.Wrap(err, "preparing connections")
}

// poolConfig reads the address, and sets what it leaves open.
func poolConfig(where string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(where)
	if err != nil {
		return nil, fmt.Errorf("store %s: the address cannot be read%s; want postgres://USER:PASSWORD@HOST:5432/DATABASE", store.Redact(where), because(err))
	}
	if u, err := url.Parse(where); err == nil && !u.Query().Has("pool_max_conns") {
		cfg.MaxConns = poolSize
	}
	cfg.MaxConns = max(cfg.MaxConns, minPool)
	c := cfg.ConnConfig
	if c.ConnectTimeout == 0 || c.ConnectTimeout > time.Minute {
		c.ConnectTimeout = connectTimeout
	}
	if c.RuntimeParams["application_name"] == "" {
		c.RuntimeParams["application_name"] = "qase-relay"
	}
	return cfg, nil
}

// because says what is wrong with an address, where that shows nothing of it.
func because(err error) string {
	var parse *url.Error
	if cause := errors.Unwrap(err); cause != nil && !errors.As(err, &parse) {
		return " (" + cause.Error() + ")"
	}
	return ""
}

// advise says what to look at when there is no connection.
func advise(err error) error {
	var none *pgconn.ConnectError
	if !errors.As(err, &none) {
		return err
	}
	return fmt.Errorf("no connection: is the server up, and are host, port, user, password and database of the address right? %w", err)
}

// prepareSession sets what every connection needs. Confirmed means on disk; a relay that was stopped in the middle of a
// transaction holds nobody up for long; and a plan suits the tables as they are, not as they were when it was made first.
func prepareSession(ctx context.Context, c *pgx.Conn) error {
	const q = `SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') IN ('off', 'local');
		SET idle_in_transaction_session_timeout = '5s';
		SET statement_timeout = '15s';
		SET lock_timeout = '8s';
		SET jit = off;
		SET plan_cache_mode = force_custom_plan;
		SET enable_seqscan = off;
		SET enable_hashjoin = off;
		SET enable_mergejoin = off`
	_, err := c.PgConn().Exec(ctx, q).ReadAll()
	return store.Wrap(err, "preparing a session")
}

// isLost reports whether a call failed because the database could not be asked, rather than because of what it was asked.
func isLost(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) {
		return true
	}
	switch e.Code {
	case "25006", // read_only_sql_transaction: it has become a standby
		"53300", // too_many_connections
		"25P03": // idle_in_transaction_session_timeout
		return true
	}
	return e.Code[:2] == "08" || e.Code[:2] == "57" // connection exception, operator intervention
}

// isConflict reports whether two relays got into each other's way, so that another try will do.
func isConflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001" || e.Code == "55P03")
}
