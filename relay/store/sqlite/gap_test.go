package sqlite

import (
	"testing"
	"time"

	"qaserelay/relay/store"
)

func TestALongTimeWithoutARelayIsAGap(t *testing.T) {
	f := newFixture(t)
	gap := func() store.Gap { t.Helper(); return store.ParseGap(f.Value(store.GapKey)) }
	f.Advance(time.Hour)
	f.Reopen()
	f.Equal("of a store that was never used", gap(), store.Gap{})
	f.Put("")
	f.Advance(time.Minute)
	last := f.Now() // what was counted is written when the store closes
	f.Reopen()
	f.Equal("a minute", gap(), store.Gap{})
	f.Advance(time.Hour)
	f.Reopen()
	f.Equal("an hour", gap(), store.Gap{From: last, To: f.Now()})
	f.Equal("has", []bool{gap().Has(last), gap().Has(last.Add(1)), gap().Has(f.Now()), gap().Has(f.Now().Add(1))},
		[]bool{false, true, true, false})
	f.Put("")
	f.Advance(time.Minute)
	f.Put("") // writes the mark again
	f.Advance(2 * time.Minute)
	kept := gap()
	f.Reopen()
	f.Equal("after a short one", gap(), kept)
	f.Advance(25 * time.Hour)
	f.Equal("after a day", gap(), store.Gap{})
}
