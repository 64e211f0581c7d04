package storetest

import (
	"testing"
	"time"

	"qaserelay/relay/store"
)

// TestMemoryDoesAsTheEnginesDo runs the parts of the conformance suite that hold for a store in memory.
func TestMemoryDoesAsTheEnginesDo(t *testing.T) {
	memory := func(_ *testing.T, now func() time.Time) func() store.Store {
		m := NewMemory()
		m.Clock = now
		return func() store.Store { return m }
	}
	t.Run("fallback", func(t *testing.T) { runCases(t, fallbackCases(), memory) })
	t.Run("slots", func(t *testing.T) { runCases(t, slotCases(), memory) })
}
