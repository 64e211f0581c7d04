package storetest

import (
	"testing"
	"time"

	"qaserelay/relay/store"
)

// TestMemoryMakesFallbacksAsTheEnginesDo runs the part of the conformance suite that holds for a store in memory.
func TestMemoryMakesFallbacksAsTheEnginesDo(t *testing.T) {
	runCases(t, fallbackCases(), func(_ *testing.T, now func() time.Time) func() store.Store {
		m := NewMemory()
		m.Now = now
		return func() store.Store { return m }
	})
}
