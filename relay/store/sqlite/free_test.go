package sqlite

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

func TestTheFreeSpaceIsThatOfTheFileSystemOfTheStore(t *testing.T) {
	if runtime.GOOS != "linux" && runtime.GOOS != "darwin" {
		return // not known there
	}
	dir := t.TempDir()
	s := openTest(t, filepath.Join(dir, "relay.db"), nil)
	defer func() { _ = s.Close() }()
	free, err := s.FreeDisk()
	if err != nil || free <= 0 {
		t.Fatalf("%d bytes, %v", free, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := s.FreeDisk(); err == nil {
		t.Error("a folder that has gone has free space")
	}
}
