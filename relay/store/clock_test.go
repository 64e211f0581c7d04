package store

import (
	"testing"
	"time"
)

func TestTheClockGoesOnWhenItIsSetBackAndFollowsWhenItIsSetForward(t *testing.T) {
	start := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	var elapsed, off time.Duration
	now := steady(func() time.Time { return start.Add(elapsed + off) }, func(anchor time.Time) time.Duration {
		return elapsed - anchor.Sub(start)
	})
	for _, step := range []struct {
		elapsed, off, want time.Duration
	}{
		{time.Second, 0, time.Second},
		{2 * time.Second, -time.Hour, 2 * time.Second},
		{3 * time.Second, -time.Hour, 3 * time.Second},
		{4 * time.Second, 0, 4 * time.Second},
	} {
		elapsed, off = step.elapsed, step.off
		if got := now().Sub(start); got != step.want {
			t.Errorf("after %v, %v off, it is %v", step.elapsed, step.off, got)
		}
	}
	off = time.Hour
	if got := now().Sub(start); got != time.Hour+4*time.Second {
		t.Errorf("set forward, it is %v", got)
	}
}
