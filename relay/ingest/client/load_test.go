package client

import (
	"testing"
	"time"
)

func TestPercentilesAreOfTheNearestRank(t *testing.T) {
	var took []time.Duration
	for n := range 100 {
		took = append(took, time.Duration(n+1)*time.Millisecond)
	}
	for percent, want := range map[int]float64{50: 50, 90: 90, 99: 99, 100: 100} {
		if got := quantile(took, percent); got != want {
			t.Errorf("p%d = %v, want %v", percent, got, want)
		}
	}
	if got := quantile(nil, 99); got != 0 {
		t.Errorf("of nothing: %v", got)
	}
}
