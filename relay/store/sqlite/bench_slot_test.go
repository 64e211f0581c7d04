package sqlite

import (
	"path/filepath"
	"testing"

	"qaserelay/relay/store"
	"qaserelay/relay/store/storetest/slotbench"
)

// BenchmarkSlots measures a store with many open slots. For a million of them:
//
//	QASE_RELAY_BENCH_SLOTS=1000000 go test ./relay/store/sqlite -run '^$' -bench Slots -benchtime 3x -timeout 30m
func BenchmarkSlots(b *testing.B) {
	path := filepath.Join(b.TempDir(), "relay.db")
	slotbench.Run(b, func() store.Store { return openTest(b, path, nil) }, nil)
}
