package console_test

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
)

// TestPagesAreLight compares what a first visit loads with the budget, and prints when the page is painted.
func TestPagesAreLight(t *testing.T) {
	g := start(t, rigOptions{})
	for i := range 55 {
		g.post(event("run.started", i+1, fmt.Sprintf(`"title":"Nightly regression of the web shop, part %d"`, i)))
	}
	b := newTab(t, g.Admin)
	b.show(looks()[0])
	b.visit("/events")
	for name, limit := range map[string]float64{
		`performance.getEntriesByType("resource").length + 1`: 5,
		`performance.getEntriesByType("resource").concat(performance.getEntriesByType("navigation")).reduce((n, e) => n + e.decodedBodySize, 0)`: 150_000,
		`performance.getEntriesByType("navigation")[0].decodedBodySize`:                                                                          60_000,
		`performance.getEntriesByType("navigation")[0].encodedBodySize`:                                                                          12_000,
	} {
		got := eval[float64](b, name)
		t.Logf("%s = %.0f", name, got)
		if got > limit {
			t.Errorf("%s is %.0f, more than %.0f", name, got, limit)
		}
	}
	t.Logf("first contentful paint after %.0f ms", eval[float64](b, `performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? -1`))
	if shift := eval[float64](b, `new Promise((done) => { let sum = 0; new PerformanceObserver((l) => l.getEntries().forEach((e) => sum += e.value))
		.observe({type: "layout-shift", buffered: true}); requestAnimationFrame(() => setTimeout(() => done(sum), 50)) })`); shift > 0.01 {
		t.Errorf("the page shifts by %f", shift)
	}
}

// TestPagesAreCompressed compares the compressed page with the plain one.
func TestPagesAreCompressed(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("run.started", 1, `"title":"Nightly"`))
	_, plain := g.page("GET", "/status", nil, "Accept-Encoding", "identity")
	resp := g.do("GET", "/status", nil, "Accept", html, "Accept-Encoding", "br, gzip;q=0.8")
	defer resp.Body.Close()
	z, err := gzip.NewReader(resp.Body)
	if err != nil {
		t.Fatalf("%v, %v", err, resp.Header)
	}
	text, err := io.ReadAll(z)
	if err != nil || !bytes.HasPrefix(text, []byte("<!doctype html>")) || len(text) < len(plain)-200 {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}

// TestWhatIsGoneIsSaidToBeGone asks for an event that was deleted.
func TestWhatIsGoneIsSaidToBeGone(t *testing.T) {
	g := start(t, rigOptions{})
	id := store.FirstID(time.Now().Add(-100 * 24 * time.Hour)).String()
	for _, path := range []string{"/events/" + id, "/find?q=" + id} {
		if resp, text := g.page("GET", path, nil); resp.StatusCode != 404 || !strings.Contains(text, "Events are deleted after 30 d") {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	if resp, _ := g.page("GET", "/events/seven", nil); resp.StatusCode != 404 {
		t.Errorf("a wrong id: %s", resp.Status)
	}
}

// TestAStoreThatFailsLeavesTheFrame closes the store under a running console.
func TestAStoreThatFailsLeavesTheFrame(t *testing.T) {
	g := start(t, rigOptions{})
	id := g.post(event("run.started", 1, `"title":"Nightly"`))
	if err := g.relay.Store().Close(); err != nil {
		t.Fatal(err)
	}
	g.storeClosed = true
	for _, path := range []string{"/events", "/events/" + id, "/audit", "/events.csv"} {
		resp, text := g.page("GET", path, nil)
		if resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" ||
			!strings.Contains(text, "The store does not answer") || !strings.Contains(text, `<nav id="nav"`) {
			t.Errorf("%s: %s %s", path, resp.Status, text)
		}
	}
	if resp, _ := g.page("GET", "/healthz", nil); resp.StatusCode != 200 {
		t.Errorf("health: %s", resp.Status)
	}
}

// TestRulesThatDoNotLoadAreOnEachPage breaks the rules file of a running relay.
func TestRulesThatDoNotLoadAreOnEachPage(t *testing.T) {
	g := start(t, rigOptions{})
	if err := os.WriteFile(g.rules, []byte("rules: [{name: x}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if resp, text := g.page("POST", "/-/reload", nil); resp.StatusCode != 422 {
		t.Fatalf("reloading: %s %s", resp.Status, text)
	}
	for _, path := range []string{"/events", "/audit", "/status"} {
		if _, text := g.page("GET", path, nil); !strings.Contains(text, "The rules files have errors, so the rules loaded before them apply: ") ||
			!strings.Contains(text, "rules.yaml:1:") {
			t.Errorf("%s: %s", path, text)
		}
	}
}
