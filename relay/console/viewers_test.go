//go:build unix

package console_test

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// TestALongLiveListStaysSmall watches the list while many events come, and compares the number of nodes and the memory of
// the page: neither may grow with the events. It also prints the longest tasks of the page.
func TestALongLiveListStaysSmall(t *testing.T) {
	g := start(t, rigOptions{})
	for i := range 60 {
		g.post(event("case.created", i+1, `"title":"Before"`))
	}
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.await(`document.getElementById("live").classList.contains("on")`)
	eval[any](b, `window.tasks = [], window.shift = 0,
		new PerformanceObserver((l) => l.getEntries().forEach((e) => tasks.push(e.duration))).observe({type: "longtask", buffered: true}),
		new PerformanceObserver((l) => l.getEntries().forEach((e) => shift += e.hadRecentInput ? 0 : e.value)).observe({type: "layout-shift", buffered: true}), 1`)
	const nodes = `document.querySelectorAll("*").length`
	// The first of them are shown at once, and those beyond are counted, which adds a button.
	grow := func(from, n int) int {
		for i := range n {
			g.post(event("case.created", from+i, `"title":"Live"`))
		}
		last := g.post(event("case.created", from+n, `"title":"The last one"`))
		b.await(`(document.querySelector("#live .newer:not([hidden])")?.click(), document.getElementById("e-` + last + `"))`)
		return eval[int](b, nodes)
	}
	first := grow(1000, 100)
	for round := range 4 {
		if now := grow(2000+1000*round, 150); now > first+first/10 {
			t.Errorf("after %d more events the page has %d elements, and had %d", 150*(round+1), now, first)
		}
	}
	t.Logf("%d elements; tasks over 50 ms: %v; layout shift %.4f", first, eval[[]float64](b, "tasks.map(Math.round)"), eval[float64](b, "shift"))
	b.check("after many events")
}

// TestTwentyViewersCostLittle opens twenty streams of different views while events come. It prints the CPU time that the
// process takes for them in each second; the budget is a tenth of a core. On a busy machine only what is far off fails.
//
//	go test ./relay/console -run TestTwentyViewersCostLittle -v
func TestTwentyViewersCostLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("takes some seconds")
	}
	g := start(t, rigOptions{})
	for i := range 300 {
		g.post(event("case.created", i+1, fmt.Sprintf(`"title":"Case %d of the shop"`, i)))
	}
	const seconds = 5
	used := func() time.Duration {
		began := processTime(t)
		for i := range seconds {
			g.post(event("case.created", 9000+i, `"title":"Live"`))
			time.Sleep(time.Second) // what is measured is the CPU time of some seconds, not when something happens
		}
		return processTime(t) - began
	}
	alone := used()
	before := liveHeap()
	ctx, stop := context.WithCancel(t.Context())
	var viewers, ready sync.WaitGroup
	ready.Add(20)
	for i := range 20 {
		viewers.Go(func() {
			g.view(ctx, fmt.Sprintf("/events?live=1&project=WEB&until=2099-01-%02dT00:00:00Z", i%28+1), ready.Done)
		})
	}
	ready.Wait()
	watched := used()
	heap := liveHeap() - before
	stop()
	viewers.Wait()
	share := (watched - alone).Seconds() / seconds
	t.Logf("20 viewers of 20 views take %.1f %% of a core and %.1f MiB (with the test's own reading)", 100*share, float64(heap)/(1<<20))
	if share > 0.8 || heap > 100<<20 {
		t.Errorf("20 viewers take %.0f %% of a core and %d MiB", 100*share, heap>>20)
	}
}

// view reads a stream until ctx is done, and calls ready once its first page has come.
func (g *rig) view(ctx context.Context, path string, ready func()) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, g.Admin+path, nil)
	if err != nil {
		g.t.Error(err)
	}
	req.Header.Set("Accept", "text/event-stream")
	once := sync.OnceFunc(ready)
	defer once()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Errorf("%s: %v", path, err)
		return
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	lines.Buffer(nil, 1<<20)
	found := false
	for lines.Scan() {
		if strings.HasPrefix(lines.Text(), "event: main") || strings.HasPrefix(lines.Text(), "event: row") {
			found = true
			once()
		}
	}
	if !found {
		g.t.Errorf("%s: %s, and no page came", path, resp.Status)
	}
}

// processTime returns the CPU time that this process has taken.
func processTime(t *testing.T) time.Duration {
	t.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		t.Skip(os.Args[0], "cannot measure its CPU time:", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// liveHeap returns the bytes that are in use.
func liveHeap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}
