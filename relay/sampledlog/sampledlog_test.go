package sampledlog

import (
	"fmt"
	"testing"
	"time"
)

func TestTheLogSaysHowManyLinesItLeftOut(t *testing.T) {
	var q Log
	start := time.Now()
	for i, want := range []string{"[id 0] true", "[] false", "[] false", "[id 3 more_like_this 2] true", "[] false"} {
		args, due := q.Admit(Line{"x", 10 * time.Second}, start.Add(time.Duration(i)*4*time.Second), "id", i)
		if got := fmt.Sprint(args, due); got != want {
			t.Errorf("line %d: got %s, want %s", i, got, want)
		}
	}
	if args, due := q.Admit(Line{"y", time.Second}, start); len(args) > 0 || !due {
		t.Errorf("another kind: %v, %v", args, due)
	}
}
