package sampledlog

import (
	"testing"
	"time"
)

func TestALimitLetsSoManyLinesThroughEachSecond(t *testing.T) {
	l, now := Limit{PerSecond: 3}, time.Unix(1000, 0)
	admitted := func(n int, at time.Time) (lines, leftOut int) {
		for range n {
			if before, due := l.Admit(at); due {
				lines, leftOut = lines+1, leftOut+before
			}
		}
		return lines, leftOut
	}
	for i, c := range []struct {
		n              int
		after          time.Duration
		lines, leftOut int
	}{
		{3, 0, 3, 0},                       // as many as there may be
		{5, 500 * time.Millisecond, 0, 0},  // five more in the same second
		{2, time.Second, 2, 5},             // the next second tells of them
		{4, 1999 * time.Millisecond, 1, 0}, // one more, and three are left out
		{1, time.Hour, 1, 3},
	} {
		if lines, leftOut := admitted(c.n, now.Add(c.after)); lines != c.lines || leftOut != c.leftOut {
			t.Errorf("%d: %d lines, %d left out; want %d and %d", i, lines, leftOut, c.lines, c.leftOut)
		}
	}
	now = now.Add(2 * time.Hour)
	admitted(5, now)
	if n := l.Flush(now); n != 0 {
		t.Errorf("in the same second, %d are flushed", n)
	}
	if n, again := l.Flush(now.Add(time.Second)), l.Flush(now.Add(time.Second)); n != 2 || again != 0 {
		t.Errorf("flushed %d, and then %d", n, again)
	}
}
