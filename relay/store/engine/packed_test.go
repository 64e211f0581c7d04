package engine

import (
	"slices"
	"testing"

	"qaserelay/relay/store"
)

func TestPackedIDsAreASet(t *testing.T) {
	s := PackedIDs(nil).With(map[store.ID]int{7: 1, 1 << 60: 1, 9: 0})
	s = s.With(map[store.ID]int{7: -1, 8: 1}).With(nil)
	if got := slices.Sorted(s.All()); !slices.Equal(got, []store.ID{8, 1 << 60}) {
		t.Errorf("got %v", got)
	}
	if got := slices.Collect(PackedIDs("short").All()); got != nil {
		t.Errorf("half an id is %v", got)
	}
}
