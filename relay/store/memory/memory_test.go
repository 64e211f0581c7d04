package memory_test

import (
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/relay/store/storetest"
)

// TestMemoryDoesAsTheEnginesDo runs the parts of the conformance suite that hold for a store in memory.
func TestMemoryDoesAsTheEnginesDo(t *testing.T) {
	storetest.Run(t, func(_ *testing.T, now func() time.Time) func() store.Store {
		m := memory.New()
		m.Clock = now
		return func() store.Store { return m }
	}, "fallback", "slots", "open slots", "history")
}
