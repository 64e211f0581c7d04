package console_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/performance"
	"github.com/chromedp/chromedp"
)

// visitCost is what one visit of a page costs the browser, in milliseconds.
type visitCost struct {
	Paint float64 // until the first content is painted
	Task  float64 // the longest task; under 50 ms it is not reported, and 0
	CPU   map[string]float64
}

// cpuParts are the parts of the processor time of the page's thread.
var cpuParts = []string{"TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration"}

// TestPagesArePaintedSoon prints, for some pages, when the first content is painted, the longest task, and the
// processor time of the page's thread: medians of five first visits. The budget on a quiet machine is 250 ms and no task
// over 50 ms; what is far off fails also on a busy one.
//
//	go test ./relay/console -run TestPagesArePaintedSoon -v
func TestPagesArePaintedSoon(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	for i := range 55 {
		g.post(event("run.started", i+100, fmt.Sprintf(`"title":"Nightly regression of the web shop, part %d"`, i)))
	}
	for _, path := range []string{"/events", "/", "/events/" + ids["completed"]} {
		var visits []visitCost
		for range 5 {
			visits = append(visits, firstVisit(t, g.Admin, path))
		}
		paint := median(visits, func(v visitCost) float64 { return v.Paint })
		text := ""
		for _, part := range cpuParts {
			text += fmt.Sprintf(", %s %.0f ms", part, median(visits, func(v visitCost) float64 { return v.CPU[part] }))
		}
		t.Logf("%s: first paint of content after %.0f ms, longest task %.0f ms; processor time%s", path, paint,
			median(visits, func(v visitCost) float64 { return v.Task }), text)
		if took := time.Duration(paint * float64(time.Millisecond)); took <= 0 || took > slowest {
			t.Errorf("%s: content is painted after %v", path, took)
		}
	}
}

func median(visits []visitCost, of func(visitCost) float64) float64 {
	var all []float64
	for _, v := range visits {
		all = append(all, of(v))
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// firstVisit opens a page in a browser without cache and cookies.
func firstVisit(t *testing.T, url, path string) (v visitCost) {
	t.Helper()
	b := newTab(t, url)
	b.do(call(performance.Enable, performance.EnableParams{TimeDomain: "threadTicks"}))
	b.visit(path)
	v.Paint = eval[float64](b, `new Promise((done) => new PerformanceObserver((l) => l.getEntries().forEach((e) =>
		e.name === "first-contentful-paint" && done(e.startTime))).observe({type: "paint", buffered: true}))`)
	v.Task = eval[float64](b, `new Promise((done) => { let longest = 0;
		new PerformanceObserver((l) => l.getEntries().forEach((e) => longest = Math.max(longest, e.duration))).observe({type: "longtask", buffered: true});
		requestAnimationFrame(() => setTimeout(() => done(longest), 50)) })`)
	got, err := chromedp.Run(b.ctx, func(ctx context.Context, t *chromedp.Target) (performance.GetMetricsResult, error) {
		return cdp.Call(ctx, t, performance.GetMetrics, cdp.Empty{})
	})
	if err != nil {
		t.Fatal(err)
	}
	v.CPU = map[string]float64{}
	for _, m := range got.Metrics {
		v.CPU[m.Name] = m.Value * 1000
	}
	return v
}
