// Package pgtest runs a PostgreSQL server for tests. Only tests use it.
package pgtest
