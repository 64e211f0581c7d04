// Package postgres keeps the store in PostgreSQL.
package postgres
