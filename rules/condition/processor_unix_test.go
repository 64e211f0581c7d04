//go:build unix

package condition_test

import (
	"syscall"
	"testing"
	"time"
)

// processorTime is how long this process has been computing, which does not grow while a busy machine lets it wait.
func processorTime(t *testing.T) time.Duration {
	t.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		t.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
