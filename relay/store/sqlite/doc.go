// Package sqlite keeps the store in a file of SQLite.
package sqlite
