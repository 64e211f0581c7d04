package console_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
	"qaserelay/relay/store/storetest/seed"
	"qaserelay/relay/store/transfer"
)

const (
	// rowsVariable is how many events the store of the measurements has, such as 1000000.
	rowsVariable = "QASE_RELAY_CONSOLE_ROWS"
	// keptVariable is a folder in which the stores of the measurements are kept, so that the next run need not fill them.
	keptVariable = "QASE_RELAY_CONSOLE_KEPT"
	// onlyVariable is a regular expression of the addresses that are measured.
	onlyVariable = "QASE_RELAY_CONSOLE_ONLY"
	// rateVariable is how many events arrive each second while the pages are measured.
	rateVariable = "QASE_RELAY_CONSOLE_RATE"
	usualRows    = 10_000
	// slowest is what a page may take in the median on a machine that is busy, and with the race detector. The budget on a
	// quiet one is 100 ms.
	slowest = 30 * time.Second
)

// TestEveryPageIsFastWithManyEvents measures each page, and the lists with each filter and each pair of filters, on both
// stores. It prints the times; the budget is 100 ms for a million events.
func TestEveryPageIsFastWithManyEvents(t *testing.T) {
	if testing.Short() {
		t.Skip("takes long")
	}
	rows, rounds := usualRows, 3
	if text := os.Getenv(rowsVariable); text != "" {
		var err error
		rounds = 21
		if rows, err = strconv.Atoi(text); err != nil || rows < seed.RareEvents {
			t.Fatalf("%s is %q, want a number of events", rowsVariable, text)
		}
	}
	for name, open := range map[string]func(testing.TB, string) (string, openTarget){"sqlite": inFile, "postgres": inSchema} {
		t.Run(name, func(t *testing.T) {
			dir := keptFolder(t, fmt.Sprintf("%s-%d", name, rows))
			address, target := open(t, dir)
			began := time.Now()
			g := seeded(t, dir, address, target, seed.Seed{Events: rows, Days: 30, Until: time.Now().Add(-time.Minute)})
			t.Logf("%d events after %.0f s", rows, time.Since(began).Seconds())
			g.awaitIndex()
			t.Logf("indexed after %.0f s", time.Since(began).Seconds())
			defer g.arrive()()
			g.measure(g.addresses(), rounds)
		})
	}
}

// keptFolder returns the folder of a store that is kept, or "" if no store is.
func keptFolder(t testing.TB, name string) string {
	kept := os.Getenv(keptVariable)
	if kept == "" {
		return ""
	}
	dir, err := filepath.Abs(filepath.Join(kept, name))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// seeded runs a relay on a store, which it fills if that was not done before.
func seeded(t *testing.T, dir, address string, target openTarget, made seed.Seed) *rig {
	done := filepath.Join(dir, "seeded")
	if _, err := os.Stat(done); dir != "" && err == nil {
		return start(t, rigOptions{Store: address})
	}
	w, err := target()
	if err != nil {
		t.Fatalf("%v; a store that is filled in part has to be deleted", err)
	}
	if err := errors.Join(made.Write(t.Context(), w), w.Close()); err != nil {
		t.Fatal(err)
	}
	if dir != "" {
		if err := os.WriteFile(done, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return start(t, rigOptions{Store: address})
}

// awaitIndex waits until the words of all events are indexed.
func (g *rig) awaitIndex() {
	g.t.Helper()
	for began := time.Now(); ; time.Sleep(10 * time.Millisecond) {
		state, err := g.relay.Store().IndexState(g.t.Context())
		if err != nil {
			g.t.Fatal(err)
		}
		if state.On && !state.More {
			return
		}
		if time.Since(began) > time.Hour {
			g.t.Fatalf("not indexed after an hour: %+v", state)
		}
	}
}

// arrive has events arrive at the rate that a variable says, until stop is called.
func (g *rig) arrive() (stop func()) {
	rate, _ := strconv.Atoi(os.Getenv(rateVariable))
	if rate <= 0 {
		return func() {}
	}
	ctx, cancel := context.WithCancel(g.t.Context())
	var poster sync.WaitGroup
	poster.Go(func() {
		for tick := time.Tick(time.Second / time.Duration(rate)); ctx.Err() == nil; {
			id := <-tick
			fields := `"title":"Nightly regression","cases":14,"failed":3`
			body := event("run.completed", int(id.UnixMicro()%1_000_000_000), fields)
			req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.relay.WebhookURL("qase"), strings.NewReader(body))
			if err != nil {
				g.t.Error(err)
				return
			}
			req.Header.Set("X-Qase-Secret", "s3cret-of-source")
			if resp, err := http.DefaultClient.Do(req); err == nil {
				_ = resp.Body.Close()
			}
		}
	})
	return func() { cancel(); poster.Wait() }
}

// openTarget opens an empty store to be filled.
type openTarget func() (transfer.Writer, error)

func inFile(t testing.TB, dir string) (string, openTarget) {
	if dir == "" {
		dir = t.TempDir()
	}
	path := filepath.Join(dir, "relay.db")
	return "sqlite:" + path, func() (transfer.Writer, error) { return sqlite.OpenTarget(path) }
}

func inSchema(t testing.TB, dir string) (string, openTarget) {
	var server *pgtest.Cluster
	if dir == "" {
		server = pgtest.New(t, "fsync=off")
	} else {
		server = pgtest.In(t, filepath.Join(dir, "postgres"), "fsync=off")
	}
	server.Exec(t, "CREATE SCHEMA IF NOT EXISTS console")
	address := server.URL("console")
	return address, func() (transfer.Writer, error) { return postgres.OpenTarget(t.Context(), address) }
}

// inNavigation finds the sections that the navigation links to.
var inNavigation = regexp.MustCompile(`<nav id="nav".*?</nav>`)

var links = regexp.MustCompile(`href="([^"#]+)"`)

// addresses returns the pages, with one event and one delivery, and the lists with each filter and each pair of filters.
func (g *rig) addresses() (all []string) {
	g.t.Helper()
	all = g.sectionPaths()
	event := g.first("/api/v1/events?limit=1")
	_, text := g.get("/api/v1/events/" + event)
	if key := regexp.MustCompile(`"entity":"([^"]+)"`).FindStringSubmatch(text); key != nil {
		all = append(all, "/entities/"+key[1])
	}
	all = append(all, "/events/"+event, "/events/"+event+"/compare",
		"/deliveries/"+g.first("/api/v1/deliveries?state=dead"), "/why?q=WEB+run+7", "/why?q=run+77", "/why?q=WEB+run+999999999",
		"/why?q=regression+4711", "/why?q=nightly", "/rules/failed-run", "/rules/failed-run?window=7d", "/?window=1h", "/?window=7d",
		"/?window=30d", "/notifiers/mail", "/notifiers/"+seed.SeldomNotifier, "/silences/new?project=WEB")
	day := time.Now().AddDate(0, 0, -20).UTC().Format(time.RFC3339)
	filters := map[string]map[string]string{
		"/events": {"project": seed.RareProject, "event": "defect.created", "rule": seed.RareRule, "notifier": "mail",
			"outcome": "matched", "state": "dead", "since": "24h", "until": day, "source": "none", "q": "nightly", "entity": "run/77"},
		"/deliveries": {"project": seed.RareProject, "event": "defect.created", "rule": seed.RareRule, "notifier": "mail",
			"state": "dead", "since": "24h", "until": day, "q": "nightly", "entity": "run/77"},
		"/dead": {"project": seed.RareProject, "event": "defect.created", "rule": seed.RareRule, "notifier": "mail",
			"since": "24h", "until": day, "reason": "client"},
	}
	for path, of := range filters {
		for a, x := range of {
			all = append(all, path+"?"+url.Values{a: {x}}.Encode())
			for b, y := range of {
				if a < b {
					all = append(all, path+"?"+url.Values{a: {x}, b: {y}}.Encode())
				}
			}
		}
		if path == "/dead" {
			continue
		}
		for _, words := range []string{"regression 4711", "staging", "night*", "nowhere", "staging WEB", "RARE nightly"} {
			all = append(all, path+"?"+url.Values{"q": {words}}.Encode())
		}
		all = append(all, path+"?notifier="+seed.SeldomNotifier, path+"?state=sending", path+"?state=pending",
			path+".csv?project="+seed.RareProject, path+"?project=NONE",
			path+"?rule=no-such-rule", path+"?project=WEB&rule=failed-run&state=dead")
	}
	slices.Sort(all)
	only := regexp.MustCompile(os.Getenv(onlyVariable))
	return slices.DeleteFunc(slices.Compact(all), func(path string) bool { return !only.MatchString(path) })
}

// measure asks for each address some times, and prints the times, the slowest first.
func (g *rig) measure(all []string, rounds int) {
	g.t.Helper()
	type timed struct {
		path     string
		p50, p95 time.Duration
		size     int
	}
	var list []timed
	for _, path := range all {
		var took []time.Duration
		size := 0
		for range rounds {
			began := time.Now()
			resp, text := g.page("GET", path, nil)
			took, size = append(took, time.Since(began)), len(text)
			if resp.StatusCode != 200 && resp.StatusCode != 303 {
				g.t.Errorf("%s: %s", path, resp.Status)
			}
		}
		slices.Sort(took)
		list = append(list, timed{path, took[rounds/2], took[rounds*95/100], size})
		if took[rounds/2] > slowest {
			g.t.Errorf("%s takes %v", path, took[rounds/2])
		}
	}
	slices.SortFunc(list, func(a, b timed) int { return int(b.p95 - a.p95) })
	for _, one := range list {
		g.t.Logf("%8.1f ms p50 %8.1f ms p95 %7d bytes  %s", ms(one.p50), ms(one.p95), one.size, one.path)
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
