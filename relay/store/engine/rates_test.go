package engine

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"qaserelay/relay/store"
)

func TestRatesForgetKeysThatAreFree(t *testing.T) {
	var x Rates
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	r := store.Rate{Messages: 1, Per: time.Second}
	for i := range 100_000 {
		now = now.Add(10 * time.Millisecond)
		x.Reserve(fmt.Sprint(i), r, time.Hour, now)
		if len(x.next) > 2*minRates {
			t.Fatalf("%d keys after %d, of which 100 are in use", len(x.next), i)
		}
	}
	busy := rand.IntN(1000)
	for i := range 1000 {
		x.Reserve(fmt.Sprint("busy ", i), r, time.Hour, now)
	}
	if wait := x.Reserve(fmt.Sprint("busy ", busy), r, 0, now); wait != time.Second {
		t.Errorf("a key in use was forgotten: its wait is %v", wait)
	}
}
