package ingest

import (
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/event"
)

func TestMemoryIsGivenBack(t *testing.T) {
	m := newMemory(1000)
	for _, size := range []int64{1, 100, 70_000, 1 << 40} {
		c, ok := m.take(t.Context(), size)
		if !ok {
			t.Fatalf("no memory for %d", size)
		}
		c.shrink(0)
		c.release()
	}
	if !m.small.TryAcquire(m.small.size) || !m.large.TryAcquire(m.large.size) {
		t.Error("memory is missing")
	}
	if _, ok := m.take(canceled(), 1); ok {
		t.Error("a caller that has left got memory")
	}
}

func TestLargeEventsWaitForTheMemoryThatTheyTake(t *testing.T) {
	m := newMemory(8 << 20)
	costly := []byte("[" + strings.Repeat(`{"a":1},`, 125_000) + "1]")
	take := func(t *testing.T, body []byte) (c claim, ok bool) {
		t.Helper()
		if c, ok = m.take(t.Context(), int64(len(body))); !ok {
			t.Fatal("no memory to read a body")
		}
		return c, m.grow(canceled(), &c, body)
	}
	one, ok := take(t, costly)
	two, also := take(t, costly)
	if !ok || !also {
		t.Fatal("two costly events have no place")
	}
	three, ok := take(t, costly)
	if ok {
		t.Error("a third costly event has a place")
	}
	for name, body := range map[string][]byte{"small": []byte("{}"), "of 64 KiB": costly[:smallBody]} {
		c, ok := take(t, body)
		if !ok {
			t.Errorf("an event %s has to wait", name)
		}
		c.release()
	}
	for _, c := range []claim{one, two, three} {
		c.release()
	}
	for _, s := range []share{m.small, m.large, m.parsed} {
		if !s.TryAcquire(s.size) {
			t.Error("memory is missing")
		}
	}
}

// TestTheEstimateCoversAParsedEvent compares the estimate with the memory that parsed events hold.
func TestTheEstimateCoversAParsedEvent(t *testing.T) {
	list := func(item string, n int) string { return "[" + strings.Repeat(item+",", n) + "0]" }
	var keys strings.Builder
	for i := range 85_000 {
		fmt.Fprintf(&keys, `"k%05d":1,`, i)
	}
	for name, value := range map[string]string{
		"objects of one key": list(`{"a":1}`, 125_000),
		"empty objects":      list("{}", 330_000),
		"empty lists":        list("[]", 330_000),
		"numbers":            list("1", 500_000),
		"empty texts":        list(`""`, 330_000),
		"many keys":          "{" + keys.String() + `"z":0}`,
		"nested objects":     list(`{"a":{"b":{"c":{}}}}`, 48_000),
		"one long text":      `"` + strings.Repeat("y", 1_000_000) + `"`,
		"texts":              list(`"some words of an ordinary title"`, 30_000),
	} {
		body := []byte(`{"event_name":"run.completed","payload":{"id":1,"x":` + value + `}}`)
		held, events := heap(), make([]*event.Event, 3)
		for i := range events {
			ev, err := event.Parse("qase", body, time.Now())
			if err != nil {
				t.Fatal(err)
			}
			events[i] = ev
		}
		each := (heap() - held) / int64(len(events))
		if estimate := parsedSize(body); each > estimate || estimate > 10*each {
			t.Errorf("%s: %d KiB are held, %d KiB estimated", name, each>>10, estimate>>10)
		}
		runtime.KeepAlive(events)
	}
}

// heap returns the bytes that are in use after a collection.
func heap() int64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
