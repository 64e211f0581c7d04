package store

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
)

// Open opens the store that url names: sqlite:FILE or sqlite://FILE, where FILE is relative to the working folder
// unless it begins with a slash (sqlite:///var/lib/qase-relay/relay.db), or postgres://USER:PASSWORD@HOST:PORT/DATABASE, with the
// parameters of libpq (sslmode, search_path, …; what is missing comes from PGHOST and its like) and pool_max_conns.
func Open(ctx context.Context, url string, logger *slog.Logger) (Store, error) {
	scheme, path, ok := strings.Cut(url, ":")
	if ok && (scheme == "postgres" || scheme == "postgresql") {
		return OpenPostgres(ctx, url, PostgresOptions{Logger: logger})
	}
	if !ok || scheme != "sqlite" {
		return nil, fmt.Errorf("store %q: unknown kind of store; supported is sqlite:FILE, such as sqlite:data/relay.db or sqlite:///var/lib/qase-relay/relay.db, and postgres://USER:PASSWORD@HOST:5432/DATABASE", redact(url))
	}
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.ContainsAny(path, "?#\x00") {
		return nil, fmt.Errorf("store %q: want sqlite:FILE, such as sqlite:data/relay.db", url)
	}
	return OpenSQLite(ctx, path, SQLiteOptions{Logger: logger})
}

// redact keeps the scheme only: the rest may hold a password.
func redact(url string) string {
	if scheme, _, ok := strings.Cut(url, "://"); ok {
		return scheme + "://…"
	}
	return url
}
