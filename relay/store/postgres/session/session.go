// Package session connects to PostgreSQL, prepares the sessions for a store, and sorts what goes wrong with them.
package session

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

const (
	// poolSize is how many connections one relay opens at most, when the URL does not say pool_max_conns.
	poolSize = 10
	// minPool lets the writers, the listener and a purge work beside one reader.
	minPool = 6
	// connectTimeout is how long one try to connect may take.
	connectTimeout = 5 * time.Second
)

// NewPool prepares connections to the database and opens none yet: of several hosts, to the one that can write, or for
// sessions that cannot write to any of them. Its errors never show the URL, which may hold a password.
func NewPool(ctx context.Context, where string, readOnly bool) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(where)
	if err != nil {
		return nil, err
	}
	if c := cfg.ConnConfig; c.ValidateConnect == nil && !readOnly {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		err := prepare(ctx, c)
		if err == nil && readOnly {
			_, err = c.Exec(ctx, "SET default_transaction_read_only = on")
			err = engine.Wrap(err, "preparing a session")
		}
		return err
	}
	pool, err := pgxpool.NewWithConfig(ctx, cfg)
	return pool, engine.Wrap(err, "preparing connections")
}

// poolConfig reads the address, and sets what it leaves open.
func poolConfig(where string) (*pgxpool.Config, error) {
	cfg, err := pgxpool.ParseConfig(where)
	if err != nil {
		return nil, fmt.Errorf("store %s: the address cannot be read%s; want postgres://USER:PASSWORD@HOST:5432/DATABASE",
			store.Redact(where), because(err))
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

// because returns the reason why an address cannot be read, if that does not show the address.
func because(err error) string {
	var parse *url.Error
	if cause := errors.Unwrap(err); cause != nil && !errors.As(err, &parse) {
		return " (" + cause.Error() + ")"
	}
	return ""
}

// Advise adds what to check if there is no connection. The answer of a server says more than the attempts without one,
// such as that with TLS before.
func Advise(err error) error {
	var none *pgconn.ConnectError
	if !errors.As(err, &none) {
		return err
	}
	var answer *pgconn.PgError
	if errors.As(err, &answer) {
		switch answer.Code {
		case "28P01", "28000": // invalid_password, invalid_authorization_specification
			return fmt.Errorf("the server refuses the login: check user and password of the address, and pg_hba.conf of the "+
				"server: %w", answer)
		case "3D000": // invalid_catalog_name
			return fmt.Errorf("the database does not exist: create it, or correct its name in the address: %w", answer)
		case "53300": // too_many_connections
			return fmt.Errorf("the server has no connection left: raise its max_connections: %w", answer)
		case "57P03": // cannot_connect_now
			return fmt.Errorf("the server is starting or stopping: try again: %w", answer)
		}
	}
	return fmt.Errorf("no connection: is the server up, and are host, port, user, password and database of the address "+
		"right? %w", err)
}

// Remedy says what to do about an error that does not go away by itself, after a semicolon, or nothing.
func Remedy(err error) string {
	var e *pgconn.PgError
	switch {
	case strings.Contains(err.Error(), "read only connection"):
	case !errors.As(err, &e):
		return ""
	case e.Code == "3D000": // invalid_catalog_name
		return "; the database is gone: restore its last backup"
	case e.Code == "42P01", e.Code == "3F000": // undefined_table, invalid_schema_name
		return "; the tables are gone: stop the relays, restore the last backup of the database, and start them again"
	case e.Code == "53100": // disk_full
		return "; the disk of the database is full: make room on it"
	case e.Code != "25006": // read_only_sql_transaction
		return ""
	}
	return "; the database takes no writes: it is a standby, or default_transaction_read_only is on. Name all hosts of the " +
		"cluster in --store, or let it take writes"
}

// prepare makes the settings of every connection. A commit is confirmed when it is on disk; a relay that was
// stopped in the middle of a transaction delays others only briefly; and each query is planned for the tables as they
// are now.
func prepare(ctx context.Context, c *pgx.Conn) error {
	const q = `SELECT set_config('synchronous_commit', 'on', false)
			WHERE current_setting('synchronous_commit') IN ('off', 'local');
		SET idle_in_transaction_session_timeout = '5s';
		SET statement_timeout = '15s';
		SET lock_timeout = '8s';
		SET jit = off;
		SET plan_cache_mode = force_custom_plan;
		SET enable_seqscan = off;
		SET enable_hashjoin = off;
		SET enable_mergejoin = off`
	_, err := c.PgConn().Exec(ctx, q).ReadAll()
	return engine.Wrap(err, "preparing a session")
}

// IsLost reports whether a call failed because of the connection or the server, not because of the call itself.
func IsLost(err error) bool {
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

// NoteData adds store.ErrData to the error of a transaction whose data the database cannot keep: a value or an index
// entry that is too large (class 54), of a wrong form (22), or against a constraint (23).
func NoteData(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && slices.Contains([]string{"22", "23", "54"}, e.Code[:2]) {
		return fmt.Errorf("%w: %w", store.ErrData, err)
	}
	return err
}

// IsConflict reports whether a transaction conflicted with another one, so that it is worth another try.
func IsConflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001" || e.Code == "55P03")
}
