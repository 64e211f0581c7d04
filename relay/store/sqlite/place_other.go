//go:build !linux

package sqlite

// fileSystemOf knows file systems on Linux only.
func fileSystemOf(string) string { return "" }
