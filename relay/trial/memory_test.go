//go:build !race

package trial_test

import (
	"testing"
	"time"

	"qaserelay/relay/trial"
)

// With the race detector the program of the test ends in a way of its own when it gets no more memory.
func TestAProcessEndsAtItsLimitOfMemory(t *testing.T) {
	endsAt(t, "hungry", 10*time.Minute, trial.ErrMemory)
}
