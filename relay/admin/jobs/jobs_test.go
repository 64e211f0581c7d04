package jobs

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
)

// rig is a store with deliveries, whose clock the test moves, and the jobs of a relay on it.
type rig struct {
	*testing.T
	store.Store
	open     func() store.Store
	clock    *atomic.Int64
	ids      *store.IDs
	crashed  *atomic.Bool // from then on nothing more is stored
	register *Register
	stop     func()

	mu      sync.Mutex
	changed map[store.ID]int       // how often each delivery was retried or cancelled
	behind  func(pages int)        // called behind each page that was changed
	refuse  func(store.ID) error   // of a rerender
	failing func() error           // of a retry
	busy    atomic.Pointer[string] // why no more may become due
	pages   int
}

// crash is a store that keeps nothing once it has crashed.
type crash struct {
	store.Store
	crashed *atomic.Bool
}

func (c crash) Swap(ctx context.Context, key string, old []byte, ch store.Change) (bool, error) {
	if c.crashed.Load() {
		return false, errors.New("crashed")
	}
	return c.Store.Swap(ctx, key, old, ch)
}

// newRig opens a store.
func newRig(t *testing.T, open func(now func() time.Time) store.Store) *rig {
	g := &rig{T: t, clock: &atomic.Int64{}, ids: store.NewIDs(1), crashed: &atomic.Bool{}, changed: map[store.ID]int{},
		behind: func(int) {}, refuse: func(store.ID) error { return nil }, failing: func() error { return nil }}
	g.clock.Store(time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).UnixMilli())
	g.open = func() store.Store { return open(func() time.Time { return time.UnixMilli(g.clock.Load()).UTC() }) }
	g.Store = g.open()
	t.Cleanup(func() { _ = g.Store.Close() })
	return g
}

func onFile(t *testing.T) *rig {
	path := filepath.Join(t.TempDir(), "relay.db")
	return newRig(t, func(now func() time.Time) store.Store {
		s, err := sqlite.Open(t.Context(), path, sqlite.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

// onEach runs a test on each engine.
func onEach(t *testing.T, test func(g *rig)) {
	t.Run("sqlite", func(t *testing.T) { test(onFile(t)) })
	t.Run("postgres", func(t *testing.T) {
		url := pgtest.New(t, "fsync=off").Schema(t, "jobs")
		test(newRig(t, func(now func() time.Time) store.Store {
			s, err := postgres.Open(t.Context(), url, postgres.Options{Now: now})
			if err != nil {
				t.Fatal(err)
			}
			return s
		}))
	})
}

func (g *rig) no(err error) {
	g.Helper()
	if err != nil {
		g.Fatal(err)
	}
}

// run runs the jobs of a relay until the end of the test, or until stop is called.
func (g *rig) run() {
	g.register = g.newRegister()
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { g.register.Run(ctx) })
	g.stop = func() { cancel(); running.Wait() }
	g.Cleanup(g.stop)
}

func (g *rig) newRegister() *Register {
	r := New(Options{Store: crash{g.Store, g.crashed}, Logger: slog.New(slog.DiscardHandler),
		NewID: func(now time.Time) string { return g.ids.Next(now).String() },
		Retry: func(ctx context.Context, ids []store.ID) (int, error) {
			if err := g.failing(); err != nil {
				return 0, err
			}
			n, err := g.Store.Retry(ctx, ids)
			g.note(ids)
			return n, err
		},
		Cancel: func(ctx context.Context, list []store.Delivery) (int, error) {
			var ids []store.ID
			for _, d := range list {
				ids = append(ids, d.ID)
			}
			n, err := g.Store.Cancel(ctx, ids, "cancelled by a person")
			g.note(ids)
			return n, err
		},
		Rerender: func(ctx context.Context, id store.ID) (bool, error) {
			if err := g.refuse(id); err != nil {
				return false, err
			}
			g.note([]store.ID{id})
			return g.Store.Rewrite(ctx, store.Rewrite{ID: id, Title: "again", Message: []byte(`{"m":2}`)})
		},
		Refused: func(err error) string {
			if err != nil && strings.HasPrefix(err.Error(), "refused") {
				return err.Error()
			}
			return ""
		},
		Busy: func() string {
			if why := g.busy.Load(); why != nil {
				return *why
			}
			return ""
		}})
	r.rest = func(int) time.Duration { return time.Millisecond }
	return r
}

func (g *rig) note(ids []store.ID) {
	g.mu.Lock()
	for _, id := range ids {
		g.changed[id]++
	}
	g.pages++
	pages, behind := g.pages, g.behind
	g.mu.Unlock()
	g.clock.Add(1000)
	behind(pages)
}

// fill stores dead deliveries to two notifiers, and returns their number.
func (g *rig) fill(n int) {
	g.Helper()
	g.accept(n, func(i int) string { return []string{"slack", "mail"}[i%2] })
	g.kill("slack", "no answer from 10.0.0.7:443")
	g.kill("mail", "550 no such user")
	g.clock.Add(1000)
}

func (g *rig) accept(n int, notifier func(i int) string) {
	g.Helper()
	for from := 0; from < n; from += 500 {
		var plan store.Plan
		for i := from; i < min(n, from+500); i++ {
			plan.Deliveries = append(plan.Deliveries, store.NewDelivery{ID: g.ids.Next(g.Store.Now()), Rule: "r",
				Notifier: notifier(i), Title: "t", Message: []byte(`{"m":1}`)})
		}
		ev := store.Event{ID: g.ids.Next(g.Store.Now()), Source: "qase", Name: "run.completed", Project: "WEB",
			Hash: [32]byte{byte(from), byte(from >> 8), 1}, Body: []byte(`{}`), ReceivedAt: g.Store.Now()}
		_, err := g.Store.Accept(g.Context(), []store.Event{ev},
			func(int, func(string) ([]byte, error)) (store.Plan, error) { return plan, nil })
		g.no(err)
	}
}

// kill lets the deliveries of a notifier that are due fail permanently.
func (g *rig) kill(notifier, why string) {
	g.Helper()
	for {
		claimed, err := g.Store.Claim(context.Background(), notifier, 500)
		g.no(err)
		if len(claimed) == 0 {
			return
		}
		var outcomes []store.Outcome
		for _, d := range claimed {
			outcomes = append(outcomes, store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Dead,
				Attempt: &store.Attempt{At: g.Store.Now(), Error: why, Reason: "x"}})
		}
		g.no(g.Store.Finish(context.Background(), outcomes))
	}
}

// ask starts a job as the desk does.
func (g *rig) ask(verb Verb, c Choice) Job {
	g.Helper()
	ctx := store.WithAudit(g.Context(), store.AuditEntry{Who: "ana", How: "token", Verb: verb.AuditVerb(), Outcome: "ok",
		Details: "started"})
	j, err := g.register.Start(ctx, Request{Verb: verb, Choice: c, Who: "ana", How: "token", Peer: "::1"})
	g.no(err)
	return j
}

// end waits until a job has ended.
func (g *rig) end(id string) Job {
	g.Helper()
	return g.until(id, func(j Job) bool { return j.State.Ended() })
}

func (g *rig) until(id string, is func(Job) bool) Job {
	g.Helper()
	for end := time.Now().Add(time.Minute); ; time.Sleep(2 * time.Millisecond) {
		j, err := g.register.Get(g.Context(), id)
		g.no(err)
		if is(j) {
			return j
		}
		if time.Now().After(end) {
			g.Fatalf("after a minute the job is %+v", j)
		}
	}
}

// trail returns the audit entries about an object, the oldest first.
func (g *rig) trail(object string) (lines []string) {
	g.Helper()
	list, _, err := g.Store.Audit(g.Context(), store.AuditFilter{Object: object, OldestFirst: true, Limit: 1000})
	g.no(err)
	for _, e := range list {
		if e.Who != "ana" || e.How != "token" {
			g.Errorf("an entry by %s, %s", e.Who, e.How)
		}
		what, _, _ := strings.Cut(e.Details, ",")
		lines = append(lines, e.Verb+" "+what)
	}
	return lines
}

func (g *rig) count(state store.State) (n int) {
	g.Helper()
	for before := store.ID(0); ; {
		list, next, err := g.Store.Deliveries(g.Context(), store.DeliveryFilter{State: state, Before: before, Limit: 1000})
		g.no(err)
		n += len(list)
		if before = next; next == 0 {
			return n
		}
	}
}

// once fails unless so many deliveries were changed, each of them once.
func (g *rig) once(n int) {
	g.Helper()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.changed) != n {
		g.Errorf("%d deliveries were changed, want %d", len(g.changed), n)
	}
	if most := slices.Max(slices.Collect(maps.Values(g.changed))); most != 1 {
		g.Errorf("one was changed %d times", most)
	}
}

func TestDeadDeliveriesAreRetriedOnceAcrossAStopAndACrash(t *testing.T) {
	onEach(t, func(g *rig) {
		g.fill(5000)
		first := ""
		g.behind = func(pages int) {
			if pages == 2 {
				_, err := g.register.Stop(g.Context(), first)
				g.no(err)
			}
		}
		g.mu.Lock() // so that no page ends before the id of the job is known
		g.run()
		first = g.ask(Retry, Choice{State: store.Dead}).ID
		g.mu.Unlock()
		j := g.end(first)
		if j.State != Stopped || j.Total != 5000 || j.Done != 2000 || j.Touched["slack"] != 1000 || !j.Counted {
			t.Errorf("the stopped job is %+v", j)
		}
		g.once(2000)
		if got := strings.Join(g.trail(first), "; "); got != "retry-many started; retry-many 1000 deliveries; "+
			"retry-many 1000 deliveries; job-end stopped: 2000 done" {
			t.Errorf("the trail of the stopped job is %s", got)
		}

		g.behind = func(pages int) {
			if pages == 4 { // the page is changed, and the relay is killed before it stores that
				g.crashed.Store(true)
				g.kill("slack", "again")
			}
		}
		second := g.ask(Retry, Choice{State: store.Dead}).ID
		for end := time.Now().Add(time.Minute); !g.crashed.Load(); time.Sleep(time.Millisecond) {
			if time.Now().After(end) {
				t.Fatal("the job does not reach its second page")
			}
		}
		g.stop()
		g.no(g.Store.Close())
		g.crashed.Store(false)
		g.clock.Add(2 * leaseFor.Milliseconds())
		g.Store = g.open()
		g.behind = func(int) {}
		g.run()
		j = g.end(second)
		if j.State != Done || j.Total != 3000 || j.Done != 3000 || j.Skipped != 0 || j.Touched["mail"] != 1500 {
			t.Errorf("the job that went on is %+v", j)
		}
		g.once(5000)
		if got := strings.Join(g.trail(second), "; "); got != "retry-many started; retry-many 1000 deliveries; "+
			"retry-many 1000 deliveries; retry-many 1000 deliveries; job-end done: 3000 done" {
			t.Errorf("the trail is %s", got)
		}
		if n := g.count(store.Dead); n != 2000 { // those to Slack of four pages
			t.Errorf("%d failed again", n)
		}
	})
}

func TestJobsRunOneAfterAnother(t *testing.T) {
	onEach(t, func(g *rig) {
		g.fill(6)
		g.register = g.newRegister()
		one := g.ask(Retry, Choice{State: store.Dead, Notifier: "slack"})
		two := g.ask(Cancel, Choice{State: store.Dead})
		three := g.ask(Retry, Choice{State: store.Dead})
		if stopped, err := g.register.Stop(t.Context(), three.ID); err != nil || stopped.State != Stopped {
			t.Errorf("stopping one that waits: %+v, %v", stopped, err)
		}
		if _, err := g.register.Stop(t.Context(), three.ID); !errors.Is(err, ErrEnded) {
			t.Errorf("stopping it again: %v", err)
		}
		if _, err := g.register.Stop(t.Context(), "none"); !errors.Is(err, ErrNotFound) {
			t.Errorf("stopping none: %v", err)
		}
		g.run()
		if a, b := g.end(one.ID), g.end(two.ID); a.Done != 3 || b.Done != 3 || a.EndedAt.After(b.StartedAt) {
			t.Errorf("%+v, then %+v", a, b)
		}
		if n, m := g.count(store.Pending), g.count(store.Cancelled); n != 3 || m != 3 {
			t.Errorf("%d wait and %d are cancelled", n, m)
		}
		list, err := g.register.List(t.Context())
		if err != nil || len(list) != 3 || list[0].ID != three.ID || list[2].ID != one.ID {
			t.Errorf("listed: %+v, %v", list, err)
		}
	})
}

func TestAnotherRelayGoesOnWithTheJob(t *testing.T) {
	url := pgtest.New(t, "fsync=off").Schema(t, "jobs")
	g := newRig(t, func(now func() time.Time) store.Store {
		s, err := postgres.Open(t.Context(), url, postgres.Options{Now: now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
	g.fill(2500)
	reached, hold := make(chan bool, 10), make(chan bool)
	g.behind = func(pages int) {
		if pages == 1 {
			g.crashed.Store(true)
			reached <- true
			<-hold
		}
	}
	g.run()
	id := g.ask(Retry, Choice{State: store.Dead}).ID
	<-reached
	first, crashed := g.stop, g.crashed
	g.crashed = &atomic.Bool{}
	other := g.newRegister()
	if j, err := other.claim(t.Context(), true); j != nil || err != nil {
		t.Errorf("another relay took the job before its lease ended: %+v, %v", j, err)
	}
	g.clock.Add(leaseFor.Milliseconds() + 1)
	g.run()
	if j := g.end(id); j.State != Done || j.Done != 2500 {
		t.Errorf("the job is %+v", j)
	}
	crashed.Store(false)
	close(hold)
	first() // it finds that the job is another relay's, and changes nothing
	g.once(2500)
}

func TestADeliveryThatIsRefusedHasFailed(t *testing.T) {
	g := onFile(t)
	g.fill(250)
	n := 0
	g.refuse = func(id store.ID) error {
		if n++; n%50 == 0 {
			return fmt.Errorf("refused: the rule does not send it any more")
		}
		return nil
	}
	g.run()
	j := g.end(g.ask(Rerender, Choice{State: store.Dead}).ID)
	if j.State != Done || j.Total != 250 || j.Done != 245 || j.Failed != 5 || len(j.Problems) != 5 ||
		!strings.Contains(j.Problems[0].Error, "does not send it") {
		t.Errorf("the job is %+v", j)
	}
	g.once(245)
	if n := g.count(store.Pending); n != 245 {
		t.Errorf("%d wait", n)
	}
}

func TestAJobIsAboutWhatItsChoiceSelects(t *testing.T) {
	for name, c := range map[string]struct {
		choice func(g *rig, list []store.Delivery) Choice
		want   int
	}{
		"a notifier": {func(*rig, []store.Delivery) Choice { return Choice{State: store.Dead, Notifier: "mail"} }, 5},
		"an error": {func(*rig, []store.Delivery) Choice {
			return Choice{State: store.Dead, Error: "no answer from …"}
		}, 5},
		"ids": {func(_ *rig, l []store.Delivery) Choice {
			return Choice{IDs: []store.ID{l[0].ID, l[3].ID, l[3].ID, 7}}
		}, 2},
		"a time":  {func(g *rig, _ []store.Delivery) Choice { return Choice{State: store.Dead, Since: g.Store.Now()} }, 0},
		"a state": {func(*rig, []store.Delivery) Choice { return Choice{State: store.Pending} }, 0},
		"an event": {func(_ *rig, l []store.Delivery) Choice {
			return Choice{State: store.Dead, EventID: l[0].EventID, Project: "WEB", Rule: "r", Event: "run.completed"}
		}, 10},
	} {
		t.Run(name, func(t *testing.T) {
			g := onFile(t)
			g.fill(10)
			list, _, err := g.Store.Deliveries(t.Context(), store.DeliveryFilter{})
			g.no(err)
			g.run()
			choice := c.choice(g, list)
			seen, err := Look(t.Context(), g.Store, choice, func(*store.Delivery) (string, time.Duration) { return "", 0 })
			if err != nil || seen.Total != c.want {
				t.Errorf("the preview finds %d: %v", seen.Total, err)
			}
			if j := g.end(g.ask(Cancel, choice).ID); j.State != Done || j.Done != c.want || j.Total != c.want {
				t.Errorf("the job is %+v, want %d", j, c.want)
			}
			if n := g.count(store.Cancelled); n != c.want {
				t.Errorf("%d are cancelled, want %d", n, c.want)
			}
		})
	}
}

func TestAJobWaitsForCapacity(t *testing.T) {
	g := onFile(t)
	g.fill(2)
	why := "too much waits"
	g.busy.Store(&why)
	g.run()
	id := g.ask(Retry, Choice{State: store.Dead}).ID
	g.until(id, func(j Job) bool { return j.Waits == why && j.Done == 0 })
	g.busy.Store(nil)
	if j := g.end(id); j.Done != 2 || j.Waits != "" {
		t.Errorf("the job is %+v", j)
	}
	g.busy.Store(&why)
	id = g.ask(Retry, Choice{State: store.Pending}).ID
	g.until(id, func(j Job) bool { return j.Waits == why })
	_, err := g.register.Stop(t.Context(), id)
	g.no(err)
	if j := g.end(id); j.State != Stopped || j.Done != 0 {
		t.Errorf("stopped while it waited: %+v", j)
	}
}

func TestAJobTriesAgainAndGivesUpInTheEnd(t *testing.T) {
	g := onFile(t)
	g.fill(4)
	left := maxFailures - 1
	g.failing = func() error {
		if left--; left >= 0 {
			return errors.New("disk full")
		}
		return nil
	}
	g.run()
	if j := g.end(g.ask(Retry, Choice{State: store.Dead, Notifier: "mail"}).ID); j.State != Done || j.Done != 2 {
		t.Errorf("a job behind %d failures is %+v", maxFailures-1, j)
	}
	g.failing = func() error { return errors.New("disk full") }
	if j := g.end(g.ask(Retry, Choice{State: store.Dead}).ID); j.State != Failed || j.Error == "" || j.Done != 0 {
		t.Errorf("a job that always fails is %+v", j)
	}
	g.failing = func() error { return nil }
	if j := g.end(g.ask(Retry, Choice{State: store.Dead}).ID); j.State != Done || j.Done != 2 {
		t.Errorf("the next job is %+v", j)
	}
}

func TestOldJobsAreForgotten(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	var list []*Job
	var err error
	for i := range maxKept + 5 {
		list, err = add(list, &Job{ID: fmt.Sprint(i), State: Done, EndedAt: now}, now)
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(list) != maxKept || list[0].ID != "5" {
		t.Errorf("%d are kept, from %s on", len(list), list[0].ID)
	}
	if list, err = add(list, &Job{ID: "new"}, now.Add(keptFor+1)); len(list) != 1 || err != nil {
		t.Errorf("after a month %d are kept: %v", len(list), err)
	}
	list = nil
	for range maxKept {
		list = append(list, &Job{State: Queued})
	}
	if _, err := add(list, &Job{}, now); !errors.Is(err, ErrTooMany) {
		t.Errorf("one too many: %v", err)
	}
}

func TestErrorsOfOneKindAreOneGroup(t *testing.T) {
	for _, same := range [][]string{
		{`Post "https://hooks.example.com/a/1": dial tcp 10.0.0.1:443: connect: connection refused`,
			`Post "http://other.example.org:8080/b?c=2": dial tcp [2001:db8::1]:80: connect: connection refused`},
		{"lookup hooks.example.com: no such host", "lookup a.b.example.net: no such host"},
		{"550 5.1.1 <ana@example.com> no such user", "550 5.1.1 <bob@example.org> no such user"},
		{"404 Not Found: no channel C024BE7LH", "404 Not Found: no channel C9999"},
		{"request 06bq1rk2tv8c0 failed after 31 ms", "request 06bq1rk2tv8c1 failed after 7 ms"},
		{"id 123e4567-e89b-12d3-a456-426614174000 is gone", "id 00000000-e89b-12d3-a456-426614174fff is gone"},
	} {
		if a, b := Fold(same[0]), Fold(same[1]); a != b {
			t.Errorf("%q and %q are %q and %q", same[0], same[1], a, b)
		}
	}
	for _, other := range [][]string{
		{"404 Not Found", "410 Gone"}, {"503 Service Unavailable", "504 Service Unavailable"},
		{"channel_not_found", "invalid_auth"},
	} {
		if a, b := Fold(other[0]), Fold(other[1]); a == b {
			t.Errorf("%q and %q are both %q", other[0], other[1], a)
		}
	}
	if got := Fold("404 Not Found: no such hook"); got != "404 Not Found: no such hook" {
		t.Errorf("folded to %q", got)
	}
	long := Fold(strings.Repeat("ä ", 500))
	if n := len([]rune(long)); n != maxGroup || Fold(long) != long {
		t.Errorf("a long one has %d characters: %q", n, Fold(long))
	}
}

func TestASurveySaysHowLongItTakes(t *testing.T) {
	g := onFile(t)
	g.fill(100)
	s, err := Look(t.Context(), g.Store, Choice{State: store.Dead}, func(d *store.Delivery) (string, time.Duration) {
		if d.Notifier == "mail" {
			return "", 0
		}
		return fmt.Sprint("slack/", d.ID%2), time.Second
	})
	if err != nil || s.Total != 100 || s.More || len(s.Shares) != 2 || len(s.Groups) != 2 || s.Oldest.IsZero() {
		t.Fatalf("%+v, %v", s, err)
	}
	for _, n := range s.Shares {
		if limited := n.Takes > 0; n.Count != 50 || limited != (n.Notifier == "slack") || n.Takes > time.Minute {
			t.Errorf("%+v", n)
		}
	}
	if s.Groups[0].Error != "550 no such user" || s.Groups[0].Count != 50 || s.Groups[1].Error != "no answer from …" {
		t.Errorf("groups: %+v", s.Groups)
	}
}
