package relay

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/pgtest"
	"qaserelay/relay/store/postgres"
	"qaserelay/relay/store/sqlite"
	"qaserelay/rules/flow"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/silence"
)

// almanac is a store with a clock that a test sets, and the engines on it.
type almanac struct {
	t       *testing.T
	at      atomic.Int64 // Unix milliseconds
	open    func() store.Store
	engines []*Engine
	stops   []func()
	got     dispatchtest.Arrivals
}

// onBothStores runs a test on a store of each engine.
func onBothStores(t *testing.T, test func(a *almanac)) {
	for name, open := range map[string]func(t *testing.T, now func() time.Time) func() (store.Store, error){
		"sqlite": func(t *testing.T, now func() time.Time) func() (store.Store, error) {
			path := filepath.Join(t.TempDir(), "relay.db")
			return func() (store.Store, error) { return sqlite.Open(t.Context(), path, sqlite.Options{Now: now}) }
		},
		"postgres": func(t *testing.T, now func() time.Time) func() (store.Store, error) {
			url := pgtest.New(t, "fsync=off").Schema(t, "summaries")
			return func() (store.Store, error) { return postgres.Open(t.Context(), url, postgres.Options{Now: now}) }
		},
	} {
		t.Run(name, func(t *testing.T) {
			a := &almanac{t: t}
			opens := open(t, a.now)
			a.open = func() store.Store {
				s, err := opens()
				if err != nil {
					t.Fatal(err)
				}
				return s
			}
			t.Cleanup(a.stop)
			test(a)
		})
	}
}

func (a *almanac) now() time.Time { return time.UnixMilli(a.at.Load()).UTC() }

// set sets the clock to a time in Berlin, and has the slots looked at.
func (a *almanac) set(text string) {
	a.t.Helper()
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		a.t.Fatal(err)
	}
	at, err := time.ParseInLocation("2006-01-02 15:04", text, berlin)
	if err != nil {
		a.t.Fatal(err)
	}
	a.at.Store(at.UnixMilli())
	for _, e := range a.engines {
		e.waker.look()
	}
}

// config returns the rules with these entries of summaries.
func (a *almanac) config(summaries string) *config.Config {
	c := dispatchtest.Config(dispatchtest.Senders{"ops": a.got.Always(nil)})
	file := rulefiletest.Parse(a.t, `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: ops, type: chat, channel: "#a"}]
rules: [{name: other, when: event_name == "run.aborted", notify: [ops]}]
summaries: [`+summaries+"]\n")
	c.Rules, c.Sources, c.Settings = file.Rules, file.Sources, file.Settings
	return c
}

// start starts a relay and waits until its slots are armed.
func (a *almanac) start(summaries string) *Engine {
	a.t.Helper()
	s := a.open()
	e := New(Options{Store: s, Config: a.config(summaries), Now: a.now, Rand: func() float64 { return 1 }})
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	a.engines = append(a.engines, e)
	a.stops = append(a.stops, func() {
		cancel()
		if err := <-ended; err != nil {
			a.t.Error(err)
		}
		if err := s.Close(); err != nil {
			a.t.Error(err)
		}
	})
	a.await("the slots are armed", func() bool { return !strings.Contains(a.dues(), "not armed") })
	return e
}

func (a *almanac) stop() {
	for _, stop := range a.stops {
		stop()
	}
	a.engines, a.stops = nil, nil
}

func (a *almanac) await(what string, done func() bool) {
	a.t.Helper()
	for end := time.Now().Add(time.Minute); !done(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			a.t.Fatalf("not in time: %s; sent were %q, due are %s", what, a.got.Titles(), a.dues())
		}
	}
}

// dues lists when the slots of summaries are due, as "name day time" in Berlin.
func (a *almanac) dues() string {
	berlin, _ := time.LoadLocation("Europe/Berlin")
	var all []string
	for _, c := range a.engines[0].Config().Rules.Armed(a.now(), false) {
		slot, err := a.engines[0].Store.OpenSlot(a.t.Context(), c.Key, 0)
		name, _ := flow.Parse(c.Key)
		if err != nil {
			all = append(all, "not armed")
			continue
		}
		all = append(all, strings.TrimSuffix(name.Owner, "-summary")+" "+slot.Due.In(berlin).Format("02 15:04"))
	}
	slices.Sort(all)
	return strings.Join(all, ", ")
}

// sends waits until so many messages were sent and the slots are due then, and checks that no more are.
func (a *almanac) sends(n int, dues string) {
	a.t.Helper()
	a.await(fmt.Sprintf("%d messages, and then due %s", n, dues),
		func() bool { return len(a.got.Titles()) >= n && a.dues() == dues })
	if titles := a.got.Titles(); len(titles) != n {
		a.t.Errorf("sent were %q, want %d messages", titles, n)
	}
}

const (
	daily  = `{name: day, at: "09:00", project: WEB, notify: [ops], always: true}`
	weekly = `{name: week, at: "mon 02:30", project: WEB, notify: [ops], always: true}`
)

// TestSummariesAreSentOnceAtEachTime covers the end of summer time: the night to Sunday, 25 October 2026, has 25 hours.
func TestSummariesAreSentOnceAtEachTime(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		a.set("2026-10-24 10:00")
		a.start(daily + ", " + weekly)
		a.sends(0, "day 25 09:00, week 26 02:30")
		a.set("2026-10-25 08:59")
		a.sends(0, "day 25 09:00, week 26 02:30")
		a.set("2026-10-25 09:00")
		a.sends(1, "day 26 09:00, week 26 02:30")
		a.set("2026-10-26 02:30")
		a.sends(2, "day 26 09:00, week 02 02:30")
		a.set("2026-10-26 09:01")
		a.sends(3, "day 27 09:00, week 02 02:30")
	})
}

// TestATimeThatDoesNotExistIsTheFirstAfterIt covers the begin of summer time: 02:30 on 29 March 2026 does not exist.
func TestATimeThatDoesNotExistIsTheFirstAfterIt(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		a.set("2026-03-28 10:00")
		a.start(`{name: night, at: "02:30", project: WEB, notify: [ops], always: true}`)
		a.sends(0, "night 29 03:00")
		a.set("2026-03-29 03:00")
		a.sends(1, "night 30 02:30")
	})
}

func TestASummaryThatWasMissedIsSentOnceAfterTheStart(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		a.set("2026-11-24 10:00")
		a.start(daily)
		a.sends(0, "day 25 09:00")
		a.stop()
		a.set("2026-11-28 12:00") // four times have passed
		a.start(daily)
		a.sends(1, "day 29 09:00")
	})
}

func TestAReloadRenamesAndRemovesSummaries(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		t := a.t
		a.set("2026-11-24 10:00")
		e := a.start(daily + ", " + weekly)
		a.sends(0, "day 25 09:00, week 30 02:30")
		e.Reload(a.config(strings.Replace(daily, "name: day", "name: morning", 1)))
		a.sends(0, "morning 25 09:00")
		a.set("2026-11-25 09:00") // the slot of the old name is left for some minutes, and ends without a message
		a.sends(1, "morning 26 09:00")
		a.set("2026-12-01 10:00")
		a.sends(2, "morning 02 09:00")
		a.await("the old slots are gone", func() bool {
			open, _, err := e.Store.OpenSlots(t.Context(), store.SlotFilter{Limit: 10})
			return err == nil && len(open) == 1
		})
	})
}

func TestASilencedSummaryIsNotSentLater(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		t := a.t
		a.set("2026-11-24 10:00")
		e := a.start(daily)
		a.sends(0, "day 25 09:00")
		s, err := silence.New(silence.Spec{Matchers: []string{"notifier=ops"}, EndsAt: a.now().Add(24 * time.Hour)}, a.now(), 0)
		if err == nil {
			err = e.Silences().Add(t.Context(), s)
		}
		if err != nil {
			t.Fatal(err)
		}
		a.set("2026-11-25 09:00")
		a.sends(0, "day 26 09:00")
		a.set("2026-11-26 09:00")
		a.sends(1, "day 27 09:00")
	})
}

func TestOfTwoRelaysOneSendsASummary(t *testing.T) {
	url := pgtest.New(t, "fsync=off").Schema(t, "summaries")
	a := &almanac{t: t}
	a.open = func() store.Store {
		s, err := postgres.Open(t.Context(), url, postgres.Options{Now: a.now})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	t.Cleanup(a.stop)
	a.set("2026-11-24 10:00")
	a.start(daily)
	a.start(daily)
	for day := range 3 {
		a.set(fmt.Sprintf("2026-11-%d 09:00", 25+day))
		a.sends(day+1, fmt.Sprintf("day %d 09:00", 26+day))
	}
}

func TestASummaryThatWasDroppedOrCannotBeReadIsArmedAtOnce(t *testing.T) {
	onBothStores(t, func(a *almanac) {
		t := a.t
		a.set("2026-11-24 10:00")
		e := a.start(daily)
		a.sends(0, "day 25 09:00")
		key := e.Config().Rules.Armed(a.now(), false)[0].Key
		a.set("2026-11-24 11:00")
		if _, err := e.FireNow(t.Context(), Ask{Key: key, Drop: true}); err != nil {
			t.Fatal(err)
		}
		a.sends(0, "day 25 09:00")
		slot, err := e.Store.OpenSlot(t.Context(), key, 0)
		if err != nil {
			t.Fatal(err)
		}
		broken := store.Change{Key: key, Value: []byte("{"), Due: a.now()}
		if swapped, err := e.Store.SwapSlot(t.Context(), slot.Value, broken); err != nil || !swapped {
			t.Fatal(swapped, err)
		}
		e.waker.look()
		a.sends(0, "day 25 09:00")
		a.set("2026-11-25 09:00")
		a.sends(1, "day 26 09:00")
	})
}
