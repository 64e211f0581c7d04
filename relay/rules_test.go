package relay

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
	"qaserelay/rules/event"
)

// scene is engines with real rules, on one store of their own engine, and with a clock that tests move.
type scene struct {
	*testing.T
	open    func() store.Store
	clock   atomic.Int64 // Unix milliseconds
	got     dispatchtest.Arrivals
	refuses atomic.Pointer[string] // messages whose titles contain it fail for now; nil means none
	engines []*stagedEngine
}

// stagedEngine is an engine of a scene.
type stagedEngine struct {
	*Engine
	logs *dispatchtest.Logs
	stop func()
}

// TestSlotsOfRules plays each scene on both kinds of stores, and those of several relays on PostgreSQL.
func TestSlotsOfRules(t *testing.T) {
	alone := map[string]func(*scene){
		"a digest of a rule that is disabled is cancelled":         disabledRule,
		"an event at the opening joins the summary":                eventAtOpening,
		"a digest that fails delays no message of its runs":        failingDigest,
		"an event that comes again after a day is no second alarm": eventAfterADay,
		"waits of an outage that end in time are not told":         waitsOfAnOutage,
		"replays of a grouped rule are one digest":                 replaysOfAGroup,
	}
	together := map[string]func(*scene){
		"a wait that is due and ends at once is told and resolved, or neither": dueAndEnded,
		"a relay with older rules leaves the slots of a new rule":              olderRules,
		"a dry relay beside real ones fires its own slots only":                dryRelay,
		"a digest that two relays flush at once is sent once":                  flushedTwice,
	}
	t.Run("sqlite", func(t *testing.T) {
		for name, play := range alone {
			t.Run(name, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "relay.db")
				play(newScene(t, func(s *scene) (store.Store, error) {
					return sqlite.Open(t.Context(), path, sqlite.Options{Now: s.now})
				}))
			})
		}
	})
	t.Run("postgres", func(t *testing.T) {
		db, schemas := pgtest.New(t, "fsync=off"), 0
		maps.Copy(together, alone)
		for name, play := range together {
			t.Run(name, func(t *testing.T) {
				schemas++
				url := db.Schema(t, fmt.Sprintf("scene%d", schemas))
				play(newScene(t, func(s *scene) (store.Store, error) {
					return postgres.Open(t.Context(), url, postgres.Options{Now: s.now})
				}))
			})
		}
	})
}

func newScene(t *testing.T, open func(*scene) (store.Store, error)) *scene {
	s := &scene{T: t}
	s.clock.Store(time.Date(2026, 3, 2, 18, 30, 0, 0, time.UTC).UnixMilli()) // a Monday
	s.open = func() store.Store {
		st, err := open(s)
		if err != nil {
			t.Fatal(err)
		}
		return st
	}
	return s
}

func (s *scene) now() time.Time { return time.UnixMilli(s.clock.Load()).UTC() }

// advance moves the clock, and lets the engines look at what is due.
func (s *scene) advance(d time.Duration) {
	s.clock.Add(d.Milliseconds())
	for _, e := range s.engines {
		e.waker.look()
	}
}

// load loads rules, all of which send to ops.
func (s *scene) load(text string) *config.Config {
	s.Helper()
	name := filepath.Join(s.TempDir(), "rules.yaml")
	text = "settings: {catch_up: 0s}\nsources: [{name: qase, secrets: [s]}]\n" +
		"notifiers: [{name: ops, type: http, url: \"http://127.0.0.1:1\", allow_private: true}]\nrules:\n" + text
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		s.Fatal(err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	if errs := problems.Errors(); len(errs) > 0 {
		s.Fatal(errs)
	}
	ops := cfg.Notifiers["ops"]
	ops.Notifier = dispatchtest.Sender(func(_ context.Context, m *notifiers.Message) (notifiers.Receipt, error) {
		if text := s.refuses.Load(); text != nil && strings.Contains(m.Title, *text) {
			return notifiers.Receipt{}, errors.New("not now")
		}
		s.got.Add(m.Title)
		return notifiers.Receipt{}, nil
	})
	cfg.Notifiers["ops"] = ops
	return cfg
}

// start starts an engine, which runs until the end of the test or until stop is called.
func (s *scene) start(cfg *config.Config, adjust ...func(*Engine)) *stagedEngine {
	s.Helper()
	st, logs := s.open(), &dispatchtest.Logs{}
	e := &stagedEngine{logs: logs, Engine: New(Options{Store: st, Config: cfg,
		Logger: slog.New(slog.NewTextHandler(logs, nil)), Rand: func() float64 { return 1 }})}
	for _, f := range adjust {
		f(e.Engine)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	e.stop = sync.OnceFunc(func() {
		cancel()
		if err := errors.Join(<-ended, st.Close()); err != nil {
			s.Error(err)
		}
		s.engines = slices.DeleteFunc(s.engines, func(other *stagedEngine) bool { return other == e })
	})
	s.Cleanup(e.stop)
	s.engines = append(s.engines, e)
	s.until("the engine takes events", e.inbox.Accepting)
	return e
}

// blind makes an engine leave all slots alone.
func blind(e *Engine) { e.waker.rules = nil }

func dry(e *Engine) { e.DryRun = true }

// until waits until a condition holds.
func (s *scene) until(what string, holds func() bool) {
	s.Helper()
	for end := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.Fatalf("not in a minute: %s; arrived %q", what, s.got.Titles())
		}
	}
}

// arrive waits until these messages have arrived, in any order, and no others.
func (s *scene) arrive(want ...string) {
	s.Helper()
	slices.Sort(want)
	s.until(fmt.Sprintf("%q", want), func() bool {
		return slices.Equal(slices.Sorted(slices.Values(s.got.Titles())), want)
	})
}

// send accepts an event about a run.
func (s *scene) send(e *stagedEngine, name string, run int) Receipt {
	s.Helper()
	return s.sendAt(e, name, run, s.now())
}

func (s *scene) sendAt(e *stagedEngine, name string, run int, timestamp time.Time) Receipt {
	s.Helper()
	body := fmt.Sprintf(`{"event_name":"run.%s","timestamp":%d,"project_code":"WEB","payload":{"id":%d,"title":"T"}}`,
		name, timestamp.Unix(), run)
	ev, err := event.Parse("qase", []byte(body), s.now())
	if err != nil {
		s.Fatal(err)
	}
	receipt, err := e.Accept(s.Context(), ev)
	if err != nil {
		s.Fatal(err)
	}
	return receipt
}

// waiting returns the keys of the slots that wait.
func (s *scene) waiting(e *stagedEngine) []string {
	s.Helper()
	list, _, err := e.Store.OpenSlots(s.Context(), store.SlotFilter{Dry: e.DryRun, Limit: 1000})
	if err != nil {
		s.Fatal(err)
	}
	var keys []string
	for _, slot := range list {
		keys = append(keys, slot.Key)
	}
	return keys
}

const gathering = `
  - name: gathers
    when: event_name == "run.completed"
    group: {wait: 1m}
    title: "{{ .payload.id }}"
    notify: [ops]
`

func disabledRule(s *scene) {
	e := s.start(s.load(gathering))
	s.send(e, "completed", 1)
	s.send(e, "completed", 2)
	e.stop() // a reload could come in the middle of a turn, which goes on with the rules that it began with
	e = s.start(s.load(strings.Replace(gathering, "- name: gathers", "- name: gathers\n    enabled: false", 1)))
	s.advance(time.Minute)
	var ds []store.Delivery
	s.until("a delivery", func() bool {
		var err error
		if ds, _, err = e.Store.Deliveries(s.Context(), store.DeliveryFilter{Limit: 10}); err != nil {
			s.Fatal(err)
		}
		return len(ds) > 0
	})
	if d := ds[0]; len(ds) != 1 || d.State != store.Cancelled || !strings.Contains(d.Error, "disabled") {
		s.Errorf("got %d deliveries, the first %s: %s", len(ds), d.State, d.Error)
	}
	s.arrive()
}

func eventAtOpening(s *scene) {
	cfg := s.load(`
  - name: office
    when: event_name == "run.completed"
    active: {hours: "09:00-18:00", timezone: UTC}
    notify: [ops]
`)
	e := s.start(cfg, blind)
	s.send(e, "completed", 1)
	s.advance(14*time.Hour + 30*time.Minute) // 09:00, and the summary has not left
	s.send(e, "completed", 2)
	s.arrive()
	e.stop()
	s.start(cfg)
	s.arrive("2 × office in WEB")
}

func failingDigest(s *scene) {
	e := s.start(s.load(gathering + `
  - {name: starts, when: event_name == "run.started", title: "started {{ .payload.id }}", notify: [ops]}
`))
	digest := "2 × gathers in WEB"
	s.refuses.Store(&digest)
	s.send(e, "completed", 1)
	s.send(e, "completed", 2)
	s.advance(time.Minute)
	s.until("an attempt failed", func() bool { return strings.Contains(e.logs.String(), "not now") })
	s.send(e, "started", 1)
	s.arrive("started 1")
	s.refuses.Store(nil)
	s.until("the digest is sent", func() bool { s.advance(time.Minute); return len(s.got.Titles()) == 2 })
	s.arrive("started 1", digest)
}

const waits = `
  - name: hangs
    when: event_name == "run.started"
    after: {wait: 1h, resolved: true}
    unless: event_name == "run.completed"
    title: "{{ .payload.id }} {{ .event_action }}"
    notify: [ops]
`

func dueAndEnded(s *scene) {
	const runs = 40
	cfg := s.load(waits)
	a, b := s.start(cfg), s.start(cfg)
	for run := range runs {
		s.send(a, "started", run)
	}
	s.clock.Add(time.Hour.Milliseconds())
	var ends sync.WaitGroup
	for run := range runs {
		ends.Go(func() { s.send([]*stagedEngine{a, b}[run%2], "completed", run) })
		if run == runs/4 {
			a.waker.look()
			b.waker.look()
		}
	}
	ends.Wait()
	s.until("nothing waits", func() bool { return len(s.waiting(a)) == 0 })
	s.until("all are delivered", func() bool {
		backlog, err := a.Store.Backlog(s.Context())
		return err == nil && !slices.ContainsFunc(backlog, func(b store.Backlog) bool { return b.Pending > 0 })
	})
	told := map[string]int{}
	for _, title := range s.got.Titles() {
		_, end, isEnd := strings.Cut(title, ": ") // "Resolved after 1 h: 7 completed"
		if isEnd {
			title = end
		}
		told[title]++
	}
	for run := range runs {
		first, over := told[fmt.Sprint(run, " started")], told[fmt.Sprint(run, " completed")]
		if first != over || first > 1 {
			s.Errorf("run %d: told %d times, resolved %d times", run, first, over)
		}
	}
}

func eventAfterADay(s *scene) {
	e, start := s.start(s.load(waits)), s.now()
	s.sendAt(e, "started", 7, start)
	s.advance(time.Hour)
	s.arrive("7 started")
	s.advance(25 * time.Hour)
	if again := s.sendAt(e, "started", 7, start); again.Duplicate {
		s.Error("it is a duplicate still")
	}
	if left := s.waiting(e); len(left) > 0 {
		s.Errorf("waits: %v", left)
	}
	s.send(e, "started", 8) // another run, to see that time passes
	s.advance(time.Hour)
	s.arrive("7 started", "8 started")
}

func waitsOfAnOutage(s *scene) {
	const runs, ended = 50, 45
	cfg := s.load(waits)
	cfg.Settings.CatchUp = 90 * time.Second // less than what counts as a jump of the clock
	e := s.start(cfg)
	for run := range runs {
		s.send(e, "started", run)
	}
	gap := store.Gap{From: s.now()}
	e.stop()
	s.advance(6 * time.Hour)
	gap.To = s.now()
	e = s.start(cfg, func(e *Engine) {
		c := gap.Change()
		old, err := e.Store.Get(s.Context(), c.Key)
		if err == nil {
			_, err = e.Store.Swap(s.Context(), c.Key, old, c)
		}
		if err != nil {
			s.Fatal(err)
		}
	})
	for run := range ended {
		s.send(e, "completed", run)
	}
	s.advance(80 * time.Second)
	s.send(e, "started", 1000)
	s.arrive()
	s.advance(10 * time.Second)
	var want []string
	for run := ended; run < runs; run++ {
		want = append(want, fmt.Sprint(run, " started"))
	}
	s.arrive(want...)
}

func olderRules(s *scene) {
	older := `
  - {name: starts, when: event_name == "run.started", group: {wait: 1m}, title: "started", notify: [ops]}
`
	current := s.load(older + gathering)
	a := s.start(current)
	s.send(a, "completed", 1)
	s.send(a, "started", 2)
	a.stop()
	b := s.start(s.load(older))
	s.advance(5 * time.Minute)
	s.arrive("started") // so the other relay has looked
	if left := s.waiting(b); len(left) != 1 {
		s.Fatalf("waits: %v", left)
	}
	s.start(current)
	s.arrive("started", "1")
}

func dryRelay(s *scene) {
	cfg := s.load(gathering)
	a := s.start(cfg, blind)
	b := s.start(cfg, dry)
	s.send(a, "completed", 1)
	s.send(b, "completed", 2)
	s.advance(time.Minute)
	s.until("the dry relay has fired its slot", func() bool { return len(s.waiting(b)) == 0 })
	if left := s.waiting(a); len(left) != 1 {
		s.Fatalf("waits: %v", left)
	}
	a.stop()
	s.start(cfg)
	s.arrive("1")
}

func replaysOfAGroup(s *scene) {
	const runs = 300
	e := s.start(s.load(strings.Replace(gathering, "wait: 1m", "wait: 1h", 1)))
	var ids []store.ID
	for run := range runs {
		ids = append(ids, s.send(e, "completed", run).ID)
	}
	digest := fmt.Sprintf("%d × gathers in WEB", runs)
	for _, r := range e.Replay(s.Context(), ids, ReplayOptions{}) {
		if r.Err != nil {
			s.Fatal(r.Err)
		}
	}
	s.advance(30 * time.Second)
	s.arrive(digest) // that of the replays
	s.advance(time.Hour)
	s.arrive(digest, digest)
}

func TestABackupThatIsRestoredFiresItsSlots(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "relay.db")
	s := newScene(t, func(s *scene) (store.Store, error) {
		return sqlite.Open(t.Context(), path, sqlite.Options{Now: s.now})
	})
	cfg := s.load(gathering)
	e := s.start(cfg)
	s.send(e, "completed", 1)
	s.send(e, "completed", 2)
	backup := filepath.Join(dir, "backup.db")
	if _, err := sqlite.Backup(t.Context(), path, backup); err != nil {
		t.Fatal(err)
	}
	s.advance(time.Minute)
	s.arrive("2 × gathers in WEB")
	e.stop()
	path = backup
	s.advance(time.Hour)
	s.start(cfg)
	s.arrive("2 × gathers in WEB", "2 × gathers in WEB")
}

func flushedTwice(s *scene) {
	const times, callers = 10, 3
	cfg := s.load(gathering)
	relays := []*stagedEngine{s.start(cfg), s.start(cfg)}
	for n := range times {
		s.send(relays[0], "completed", 2*n)
		s.send(relays[1], "completed", 2*n+1)
		key := s.waiting(relays[0])[0]
		var sent atomic.Int64
		var asking sync.WaitGroup
		for i := range callers * len(relays) {
			asking.Go(func() {
				a, err := relays[i%2].FireNow(s.Context(), Ask{Key: key, Author: "bob"})
				switch {
				case err == nil && len(a.Messages) == 1:
					sent.Add(1)
				case !errors.Is(err, store.ErrNotFound):
					s.Errorf("got %+v, %v", a, err)
				}
			})
		}
		if asking.Wait(); sent.Load() != 1 {
			s.Errorf("%d requests have sent it", sent.Load())
		}
	}
	s.arrive(slices.Repeat([]string{"2 × gathers in WEB"}, times)...)
}
