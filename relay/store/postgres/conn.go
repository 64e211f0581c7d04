package postgres

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
	minPool = 5
	// connectTimeout is how long one try to connect may take.
	connectTimeout = 5 * time.Second
)

// newPool prepares connections to the database and opens none yet: of several hosts, to the one that can write, or for
// sessions that cannot write to any of them. Its errors never show the URL, which may hold a password.
func newPool(ctx context.Context, where string, readOnly bool) (*pgxpool.Pool, error) {
	cfg, err := poolConfig(where)
	if err != nil {
		return nil, err
	}
	if c := cfg.ConnConfig; c.ValidateConnect == nil && !readOnly {
		c.ValidateConnect = pgconn.ValidateConnectTargetSessionAttrsReadWrite
	}
	cfg.AfterConnect = func(ctx context.Context, c *pgx.Conn) error {
		err := prepareSession(ctx, c)
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

// advise adds what to check if there is no connection. The answer of a server says more than the attempts without one,
// such as that with TLS before.
func advise(err error) error {
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

// remedy says what to do about an error that does not go away by itself, after a semicolon, or nothing.
func remedy(err error) string {
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

// prepareSession makes the settings of every connection. A commit is confirmed when it is on disk; a relay that was
// stopped in the middle of a transaction delays others only briefly; and each query is planned for the tables as they
// are now.
func prepareSession(ctx context.Context, c *pgx.Conn) error {
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

// isLost reports whether a call failed because of the connection or the server, not because of the call itself.
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

// noteData adds store.ErrData to the error of a transaction whose data the database cannot keep: a value or an index
// entry that is too large (class 54), of a wrong form (22), or against a constraint (23).
func noteData(err error) error {
	var e *pgconn.PgError
	if errors.As(err, &e) && slices.Contains([]string{"22", "23", "54"}, e.Code[:2]) {
		return fmt.Errorf("%w: %w", store.ErrData, err)
	}
	return err
}

// isConflict reports whether a transaction conflicted with another one, so that it is worth another try.
func isConflict(err error) bool {
	var e *pgconn.PgError
	return errors.As(err, &e) && (e.Code == "40P01" || e.Code == "40001" || e.Code == "55P03")
}

// lockKind is the kind of thing that is locked. Every transaction locks keys first, then slots, then streams, and within
// a kind in the order of the numbers, so that transactions do not deadlock. Keys are locked in two rounds: those that
// events announce, and then those that follow from their values, which are other ones. The numbers of the kinds are the
// same in every release, since relays of two releases may use a store.
type lockKind uint64

const (
	lockSchema lockKind = iota + 1
	lockPurge
	lockNodes
	lockKeys
	lockStreams
	lockSlots
	lockWake
)

// locksPerSlot divides the database's table of locks: each relay has two writers, of which one takes two kinds of
// locks. Slots, and all that the writer of slots locks, have a quarter of such a share.
const locksPerSlot = 6

// lock queues the locking of keys or streams by name, until the end of the transaction. The database has room for a
// limited number of locks, so a transaction with many takes the lock of the whole kind instead. A transaction with few
// shares that lock, so that it waits for one with many.
func (t *tx) lock(kind lockKind, names []string) {
	if len(names) == 0 {
		return
	}
	all := t.store.lockName(kind, "")
	ids := make([]int64, len(names))
	for i, name := range names {
		ids[i] = t.store.lockName(kind, "/"+name)
	}
	slices.Sort(ids)
	ids = slices.Compact(ids)
	most := t.store.maxLocks()
	if kind == lockSlots || t.slot == slotWake {
		most = t.store.maxSlots()
	}
	if len(ids) > most {
		t.queue("SELECT pg_advisory_xact_lock($1)", all)
		return
	}
	t.queue("SELECT pg_advisory_xact_lock_shared($1)", all)
	t.queue("SELECT count(pg_advisory_xact_lock(id)) FROM unnest($1::bigint[]) id", ids)
}

// maxLocks is how many names of one kind a transaction may lock separately.
func (s *Store) maxLocks() int {
	return int(min(1000, max(8, s.slots/(locksPerSlot*max(1, s.self.others.Load()+1)))))
}

// maxSlots is how many slots a transaction may lock separately.
func (s *Store) maxSlots() int { return max(8, s.maxLocks()/4) }

// lockName returns the number of a lock. The lock of a whole kind has no name.
func (s *Store) lockName(kind lockKind, name string) int64 {
	return int64(hashText(s.seed+uint64(kind), "qase-relay"+name))
}

// hashText is FNV-1a from a given start. It is the same in every process.
func hashText(start uint64, text string) uint64 {
	const offset, prime = 14695981039346656037, 1099511628211
	h := offset ^ start
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * prime
	}
	return h
}
