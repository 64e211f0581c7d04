package event_test

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/event"
)

// TestALargeEventIsCheapToDecode holds the memory that an event of 1 MB takes, in all and for as long as it is decided.
// The limits are about twice what it takes.
func TestALargeEventIsCheapToDecode(t *testing.T) {
	for name, c := range map[string]struct {
		x                string
		total, remaining uint64 // in MB
	}{
		"empty lists":       {"[" + strings.Repeat("[],", 340_000) + "[]]", 30, 16},
		"empty objects":     {"[" + strings.Repeat("{},", 340_000) + "{}]", 30, 16},
		"lists of one":      {"[" + strings.Repeat("[1],", 250_000) + "[]]", 50, 30},
		"numbers":           {"[" + strings.Repeat("1234,", 200_000) + "1]", 30, 16},
		"keys":              {"{" + keys(110_000) + `"z":1}`, 40, 24},
		"objects of one":    {"[" + strings.Repeat(`{"a":1},`, 120_000) + "1]", 90, 80},
		"short texts":       {"[" + strings.Repeat(`"a",`, 250_000) + `"a"]`, 40, 24},
		"one text":          {`"` + strings.Repeat("a", 1_000_000) + `"`, 10, 6},
		"one escaped text":  {`"` + strings.Repeat(`\n`, 500_000) + `"`, 20, 6},
		"lists within them": {strings.Repeat("["+strings.Repeat("[", 30)+strings.Repeat("]", 30)+"],", 1) + "1", 2, 2},
	} {
		body := []byte(`{"event_name":"run.completed","payload":{"id":1,"x":[` + c.x + `]}}`)
		var before, after, kept runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		ev, err := event.Parse("qase", body, time.Unix(0, 0))
		runtime.ReadMemStats(&after)
		runtime.GC()
		runtime.ReadMemStats(&kept)
		if err != nil {
			t.Fatal(err)
		}
		total := (after.TotalAlloc - before.TotalAlloc) >> 20
		remaining := uint64(max(0, int64(kept.HeapAlloc)-int64(before.HeapAlloc))) >> 20
		t.Logf("%s: %d MB in all, %d MB remain", name, total, remaining)
		if total > c.total || remaining > c.remaining {
			t.Errorf("%s: %d MB in all, %d MB remain", name, total, remaining)
		}
		runtime.KeepAlive(ev)
		runtime.KeepAlive(body)
	}
}

// keys returns n fields of an object.
func keys(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, `"%05x":1,`, i)
	}
	return b.String()
}
