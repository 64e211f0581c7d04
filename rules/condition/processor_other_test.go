//go:build !unix

package condition_test

import (
	"testing"
	"time"
)

// processorTime is the time of the wall clock, where we do not know how long this process has been computing.
func processorTime(*testing.T) time.Duration { return time.Duration(time.Now().UnixNano()) }
