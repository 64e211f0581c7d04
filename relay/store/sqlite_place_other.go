//go:build !linux

package store

// fileSystemOf knows file systems on Linux only.
func fileSystemOf(string) string { return "" }
