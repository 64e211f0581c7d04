package app

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"qaserelay/relay/store"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
)

// OpenStore opens the store of a URL: sqlite:FILE or sqlite://FILE, where FILE is relative to the working folder unless
// it begins with a slash (sqlite:///var/lib/qase-relay/relay.db), or postgres://USER:PASSWORD@HOST:PORT/DATABASE. Its
// parameters are those of libpq (sslmode, search_path, …) and pool_max_conns; missing parts come from PGHOST and the
// like.
func OpenStore(ctx context.Context, url string, logger *slog.Logger) (store.Store, error) {
	if isPostgres(url) {
		return postgres.Open(ctx, url, postgres.Options{Logger: logger})
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return sqlite.Open(ctx, path, sqlite.Options{Logger: logger})
}

func isPostgres(url string) bool {
	return strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:")
}

// sqlitePath returns the file of a URL.
func sqlitePath(url string) (string, error) {
	path, ok := strings.CutPrefix(url, "sqlite:")
	if !ok {
		return "", fmt.Errorf("store %q: unknown kind of store; supported is sqlite:FILE, such as sqlite:data/relay.db or "+
			"sqlite:///var/lib/qase-relay/relay.db, and postgres://USER:PASSWORD@HOST:5432/DATABASE", store.Redact(url))
	}
	path = strings.TrimPrefix(path, "//")
	if path == "" || strings.ContainsAny(path, "?#\x00") {
		return "", fmt.Errorf("store %q: want sqlite:FILE, such as sqlite:data/relay.db", store.Redact(url))
	}
	return path, nil
}

// OpenStoreToRead opens an existing store and changes nothing in it: relays that use it are not disturbed. It fails if
// the store does not exist, or if another release made its tables.
func OpenStoreToRead(ctx context.Context, url string) (store.ReadCloser, error) {
	if isPostgres(url) {
		return postgres.OpenReader(ctx, url)
	}
	path, err := sqlitePath(url)
	if err != nil {
		return nil, err
	}
	return sqlite.OpenReader(path)
}
