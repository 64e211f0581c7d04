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
	if isPostgres(url) {
		return OpenPostgres(ctx, url, PostgresOptions{Logger: logger})
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return OpenSQLite(ctx, path, SQLiteOptions{Logger: logger})
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:")
}

// sqlitePath returns the file that url names.
func sqlitePath(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", fmt.Errorf("store %q: unknown kind of store; supported is sqlite:FILE, such as sqlite:data/relay.db or sqlite:///var/lib/qase-relay/relay.db, and postgres://USER:PASSWORD@HOST:5432/DATABASE", redact(url))
	}
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.ContainsAny(path, "?#\x00") {
		return "", fmt.Errorf("store %q: want sqlite:FILE, such as sqlite:data/relay.db", url)
	}
	return path, nil
}

// redact keeps the scheme only: the rest may hold a password.
func redact(url string) string {
	if scheme, _, ok := strings.Cut(url, "://"); ok {
		return scheme + "://…"
	}
	return url
}
