package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/dispatch/dispatchtest"
	"qaserelay/relay/store"
	"qaserelay/relay/store/memory"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	entities "qaserelay/rules/memory"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile/rulefiletest"
)

// slowAPI answers late. Its fields may be set before the engine runs.
type slowAPI struct {
	takes    time.Duration
	deaf     bool // answers though the question is not open any more
	complete int  // the round from which on the results are complete; 0 is never

	then atomic.Pointer[asks] // answers in its place, once it is set

	mu     sync.Mutex
	rounds map[any]int // by title
}

func (a *slowAPI) Names(ctx context.Context, ev *event.Event) (entity, member map[string]any) {
	if then := a.then.Load(); then != nil {
		return then.Names(ctx, ev)
	}
	return map[string]any{"title": "Nightly"}, nil
}

func (a *slowAPI) Results(ctx context.Context, ev *event.Event) (*failures.Run, map[string]any, time.Duration) {
	if then := a.then.Load(); then != nil {
		return then.Results(ctx, ev)
	}
	if a.deaf {
		time.Sleep(a.takes)
	}
	select {
	case <-ctx.Done():
		return &failures.Run{Error: "no answer in time"}, nil, time.Second
	case <-time.After(a.takes):
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.rounds == nil {
		a.rounds = map[any]int{}
	}
	a.rounds[ev.Payload["title"]]++
	n := a.rounds[ev.Payload["title"]]
	run := &failures.Run{Known: true, Complete: a.complete != 0 && n >= a.complete, Results: make([]failures.Result, n)}
	return run, nil, time.Second
}

// awaitRules are two rules: now decides at once, and names waits for the names of the failing tests.
func awaitRules(_ *rules.Set, ev *event.Event, st rules.State) (d rules.Decision) {
	title, _ := ev.Payload["title"].(string)
	send := func(rule, title string) {
		d.Results = append(d.Results, rules.Result{Rule: rule, Outcome: rules.Matched})
		d.Notifications = append(d.Notifications, rules.Notification{Message: message.Message{Rule: rule, Title: title},
			Notifier: "ops", EntityKey: ev.EntityKey()})
	}
	if st.Resume == nil {
		send("now", title)
	}
	if st.Await {
		d.Results = append(d.Results, rules.Result{Rule: "names", Outcome: rules.Awaiting})
		d.Awaiting = []string{"names"}
		return d
	}
	names := "no names"
	switch f := st.Facts; {
	case f == nil || f.Run == nil:
	case !f.Run.Known:
		names += ", " + f.Run.Error
	default:
		names = fmt.Sprintf("%d names, complete: %t", len(f.Run.Results), f.Run.Complete)
	}
	send("names", title+": "+names)
	d.Changes = []rules.Change{{Key: "decided", Value: []byte(ev.EntityID())}}
	return d
}

// awaitConfig has a source with a token whose rules read which tests failed.
func awaitConfig(t *testing.T, c *config.Config) {
	t.Helper()
	file := rulefiletest.Parse(t, `
sources: [{name: qase, secrets: [s], api_token: t0ken, api_url: "http://127.0.0.1:1/v1"}]
notifiers: [{name: ops, type: chat, channel: "#a"}]
rules: [{name: names, when: event_type == "run", notify: [ops]}]
`)
	c.Rules, c.Sources = file.Rules, file.Sources
}

// newAwaiting starts an engine whose rules wait for the results of runs, for 20 s.
func newAwaiting(t *testing.T, api *slowAPI, adjust ...func(*Options)) (*rig, *dispatchtest.Arrivals) {
	t.Helper()
	got := &dispatchtest.Arrivals{}
	adjust = append(adjust, func(o *Options) { awaitConfig(t, o.Config) })
	r := newRigWith(t, dispatchtest.Senders{"ops": got.Always(nil)}, func(r *rig) {
		r.decide, r.waker.rules, r.asker.API = awaitRules, ownSlotRules(), api
	}, adjust...)
	return r, got
}

// runEnded returns the end of a run with failing tests.
func runEnded(t *testing.T, name, id, title string, failed int) *event.Event {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":%q,"project_code":"WEB","payload":{"id":%q,"title":%q,"failed":%d}}`, name, id,
		title, failed)
	ev, err := event.Parse("qase", []byte(body), time.Now())
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// end accepts the end of a run, which is acknowledged at once.
func (r *rig) end(t *testing.T, id, title string) store.ID {
	t.Helper()
	start := time.Now()
	receipt, err := r.Accept(t.Context(), runEnded(t, "run.completed", id, title, 3))
	if took := time.Since(start); err != nil || took > 0 {
		t.Fatalf("accepted after %s: %v", took, err)
	}
	return receipt.ID
}

// stored returns how the decision and the facts of an event are stored: the outcomes, and what they were decided by.
func (r *rig) stored(t *testing.T, id store.ID) string {
	t.Helper()
	ev, err := r.memory.Event(t.Context(), id)
	if err != nil {
		t.Fatal(err)
	}
	var d rules.Decision
	if err := json.Unmarshal(ev.Decisions, &d); err != nil {
		t.Fatal(err)
	}
	var words []string
	for _, one := range d.Results {
		words = append(words, one.Rule+" "+string(one.Outcome))
	}
	if d.Waits {
		words = append(words, "waits")
	}
	if f := failures.ReadFacts(ev.Facts); f != nil && f.Run != nil {
		words = append(words, fmt.Sprintf("%d results", len(f.Run.Results)))
	}
	return strings.Join(words, ", ")
}

func TestAnEventWaitsForTheNamesOfItsFailingTests(t *testing.T) {
	for name, c := range map[string]struct {
		api   *slowAPI
		after time.Duration
		title string
		kept  string
	}{
		"until they are complete": {&slowAPI{takes: time.Second, complete: 2}, 3 * time.Second,
			"a: 2 names, complete: true", "now matched, names matched, 2 results"},
		"no longer than until the deadline, with those that are known": {&slowAPI{takes: 3 * time.Second}, 19 * time.Second,
			"a: 4 names, complete: false", "now matched, names matched, 4 results"},
		"and goes without them if Qase does not answer": {&slowAPI{takes: time.Hour}, 20 * time.Second,
			"a: no names, no answer in time",
			"now matched, names matched, 0 results"},
		"and does not wait for an answer that is late": {&slowAPI{takes: 25 * time.Second, deaf: true}, 20 * time.Second,
			"a: no names, the Qase API did not answer in 20 s", "now matched, names matched, 0 results"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, got := newAwaiting(t, c.api)
				id := r.end(t, "7", "a")
				arrived(t, got, "a") // the rule that does not read them
				if kept := r.stored(t, id); kept != "now matched, names awaiting, waits" {
					t.Errorf("first kept: %s", kept)
				}
				time.Sleep(c.after - 10*time.Millisecond)
				arrived(t, got, "a")
				time.Sleep(20 * time.Millisecond)
				arrived(t, got, "a", c.title)
				if kept := r.stored(t, id); kept != c.kept {
					t.Errorf("kept: %s, want %s", kept, c.kept)
				}
				if next, _ := r.memory.NextWake(t.Context(), time.Time{}, false); !next.IsZero() {
					t.Errorf("a slot is left for %s", next)
				}
				if n, _ := r.asker.Waiting(); n != 0 {
					t.Errorf("%d questions are left", n)
				}
				if value, _ := r.memory.Get(t.Context(), "decided"); string(value) != "7" {
					t.Errorf("changes: %q", value)
				}
			})
		})
	}
}

func TestEventsOfAnEntityKeepTheirOrderBehindOneThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got := newAwaiting(t, &slowAPI{takes: 2 * time.Second, complete: 1})
		r.end(t, "7", "a")
		if _, err := r.Accept(t.Context(), runEnded(t, "run.deleted", "7", "b", 0)); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Accept(t.Context(), runEnded(t, "run.deleted", "8", "other", 0)); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		first := slices.Sorted(slices.Values(got.Titles()))
		if fmt.Sprint(first) != "[a other other: no names]" {
			t.Errorf("first arrived %s", first)
		}
		r.end(t, "7", "c") // again the end of that run
		time.Sleep(2*time.Second + 100*time.Millisecond)
		synctest.Wait()
		then := fmt.Sprint(got.Titles()[3:])
		if then != "[a: 1 names, complete: true b b: no names c c: 1 names, complete: true]" {
			t.Errorf("then arrived %s", then)
		}
		if next, _ := r.memory.NextWake(t.Context(), time.Time{}, false); !next.IsZero() {
			t.Errorf("a slot is left for %s", next)
		}
	})
}

func TestAnotherRelayTakesOverWhatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory.New()
		first, got := newAwaiting(t, &slowAPI{takes: time.Hour}, func(o *Options) { o.Store = shared })
		first.end(t, "7", "a")
		arrived(t, got, "a")
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		second, then := newAwaiting(t, &slowAPI{takes: time.Second, complete: 1}, func(o *Options) { o.Store = shared })
		second.memory = shared
		time.Sleep(askLease + 2*time.Second)
		arrived(t, then, "a: 1 names, complete: true")
	})
}

func TestAfterTheDeadlineAnEventIsDecidedAtTheStartAndSaysWhatIsNotKnown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory.New()
		first, _ := newAwaiting(t, &slowAPI{takes: time.Hour}, func(o *Options) { o.Store = shared })
		id := first.end(t, "7", "a")
		if err := first.stop(); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		second, then := newAwaiting(t, &slowAPI{takes: time.Hour}, func(o *Options) { o.Store = shared })
		second.memory = shared
		time.Sleep(time.Second)
		synctest.Wait()
		if titles := then.Titles(); !slices.Contains(titles, "a: no names, the Qase API did not answer in 20 s") {
			t.Errorf("arrived %q", titles)
		}
		stored, _ := shared.Event(t.Context(), id)
		if f := failures.ReadFacts(stored.Facts); f == nil || f.Run.Failed != 3 ||
			f.Run.Error != "the Qase API did not answer in 20 s" {
			t.Errorf("facts: %s", stored.Facts)
		}
	})
}

func TestAGreenRunOfAnUnknownSeriesIsAskedAboutToo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got := newAwaiting(t, &slowAPI{takes: time.Second, complete: 1})
		ev := runEnded(t, "run.completed", "7", "", 0)
		delete(ev.Payload, "title")
		receipt, err := r.Accept(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(2 * time.Second)
		arrived(t, got, "", ": 1 names, complete: true")
		if kept := r.stored(t, receipt.ID); kept != "now matched, names matched, 1 results" {
			t.Errorf("kept: %s", kept)
		}
		ev = runEnded(t, "run.completed", "8", "Nightly", 0)
		start := store.Change{Key: entities.EntityPrefix + ev.EntityKey(), Value: []byte(`{"fields":{},"started_at":1}`)}
		if _, err := r.memory.Swap(t.Context(), start.Key, nil, start); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Accept(t.Context(), ev); err != nil {
			t.Fatal(err)
		}
		arrived(t, got, "", ": 1 names, complete: true", "Nightly", "Nightly: no names") // a series that was never red
	})
}

func TestTheTitleOfAnEntityIsWaitedForBriefly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got := newAwaiting(t, &slowAPI{takes: 3 * time.Second, complete: 1})
		ev := runEnded(t, "run.completed", "7", "", 3)
		delete(ev.Payload, "title")
		receipt, err := r.Accept(t.Context(), ev)
		if err != nil {
			t.Fatal(err)
		}
		arrived(t, got, "") // the names are known at once
		if kept := r.stored(t, receipt.ID); kept != "now matched, names awaiting, waits" {
			t.Errorf("kept: %s", kept)
		}
		time.Sleep(4 * time.Second)
		stored, _ := r.memory.Event(t.Context(), receipt.ID)
		if f := failures.ReadFacts(stored.Facts); f == nil || f.Entity["title"] != "Nightly" || !f.Run.Complete {
			t.Errorf("facts: %s", stored.Facts)
		}
	})
}

func TestAPersonDecidesAnEventThatWaits(t *testing.T) {
	for _, drop := range []bool{false, true} {
		synctest.Test(t, func(t *testing.T) {
			r, got := newAwaiting(t, &slowAPI{takes: time.Hour})
			id := r.end(t, "7", "a")
			arrived(t, got, "a")
			open, _, err := r.memory.OpenSlots(t.Context(), store.SlotFilter{Limit: 10})
			if err != nil || len(open) != 1 {
				t.Fatal(open, err)
			}
			o, ok := flow.ReadOpen(open[0].Key, open[0].Value, open[0].Due)
			if !ok || o.Kind != "event" || o.Event != id.String() ||
				o.Title != "run 7 in WEB" {
				t.Errorf("shown as %+v", o)
			}
			if _, err := r.Accept(t.Context(), runEnded(t, "run.deleted", "7", "behind it", 0)); err != nil {
				t.Fatal(err)
			}
			answer, err := r.FireNow(t.Context(), Ask{Key: open[0].Key, Drop: drop})
			if err != nil || answer.Event != id {
				t.Fatalf("answer %+v, %v", answer, err)
			}
			if n, _ := r.asker.Waiting(); n != 0 {
				t.Errorf("%d questions are left", n)
			}
			if drop {
				arrived(t, got, "a", "behind it", "behind it: no names")
				if kept := r.stored(t, id); kept != "now matched, names dropped, 0 results" {
					t.Errorf("kept: %s", kept)
				}
				return
			}
			arrived(t, got, "a", "a: no names, the event was decided before Qase had answered", "behind it",
				"behind it: no names")
		})
	}
}

func TestNoEventWaitsForASourceThatDoesNotAsk(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"failures: off": func(c *config.Config) { c.Sources[0].Failures.Off = true },
		"no token":      func(c *config.Config) { c.Sources[0].Token = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			r, got := newAwaiting(t, &slowAPI{takes: time.Hour}, func(o *Options) {})
			c := *r.Config()
			c.Sources = slices.Clone(c.Sources)
			change(&c)
			r.Reload(&c)
			r.end(t, "7", "a")
			synctest.Wait()
			if titles := fmt.Sprint(got.Titles()); titles != "[a a: no names]" {
				t.Errorf("%s: arrived %s", name, titles)
			}
		})
	}
}

func TestAnEventIsDecidedWhenItsSourceAsksNoMore(t *testing.T) {
	for name, change := range map[string]func(*config.Config){
		"failures: off": func(c *config.Config) { c.Sources[0].Failures.Off = true },
		"no token":      func(c *config.Config) { c.Sources[0].Token = nil },
		"no source":     func(c *config.Config) { c.Sources = nil },
	} {
		synctest.Test(t, func(t *testing.T) {
			api := &slowAPI{takes: time.Second} // Qase has not all results in the first round
			r, got := newAwaiting(t, api)
			r.end(t, "7", "a")
			time.Sleep(1500 * time.Millisecond)
			c := *r.Config()
			c.Sources = slices.Clone(c.Sources)
			change(&c)
			api.then.Store(&asks{Engine: r.Engine}) // asks by the sources, as it does outside of tests
			r.Reload(&c)
			time.Sleep(time.Second)
			arrived(t, got, "a", "a: no names, the source qase does not ask the Qase API any more")
			if n, _ := r.asker.Waiting(); n != 0 {
				t.Errorf("%s: %d questions are left", name, n)
			}
		})
	}
}

func TestAnEventThatAnotherRelayDecidesIsNotAskedAboutForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		shared := memory.New()
		first, got := newAwaiting(t, &slowAPI{takes: 3 * time.Second, complete: 1}, func(o *Options) { o.Store = shared })
		second, _ := newAwaiting(t, &slowAPI{takes: time.Hour}, func(o *Options) { o.Store = shared })
		first.end(t, "7", "a")
		arrived(t, got, "a")
		open, _, err := shared.OpenSlots(t.Context(), store.SlotFilter{Limit: 1})
		if err != nil || len(open) != 1 {
			t.Fatal(open, err)
		}
		if _, err := second.FireNow(t.Context(), Ask{Key: open[0].Key}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(4 * time.Second)
		if n, since := first.asker.Waiting(); n != 0 {
			t.Errorf("%d questions are open since %s", n, since)
		}
	})
}

func TestAnEventThatCannotWaitIsDecidedWithTheReason(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, got := newAwaiting(t, &slowAPI{takes: time.Hour})
		r.end(t, "7", "a")
		for i := range flow.MaxWaiting { // the last one has no room
			if _, err := r.Accept(t.Context(), runEnded(t, "run.completed", "7", fmt.Sprint(i), 3)); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		titles := got.Titles()
		if last := titles[len(titles)-1]; last != "199: no names, too many events wait for their failing tests" {
			t.Errorf("%d arrived, the last: %s", len(titles), last)
		}
	})
}

// TestAQuestionKeepsLittleOfItsEvent has an event with much in its payload: 10,000 questions may be open.
func TestAQuestionKeepsLittleOfItsEvent(t *testing.T) {
	ev := runEnded(t, "run.completed", "7", strings.Repeat("t", 1000), 3)
	ev.Payload["plan"] = map[string]any{"id": 3, "title": strings.Repeat("p", 1000)}
	ev.Payload["created_by"] = map[string]any{"name": strings.Repeat("n", 1000)}
	for i := range 1000 {
		ev.Payload[fmt.Sprint("field", i)] = map[string]any{"value": strings.Repeat("v", 100)}
	}
	ev.Facts = make([]byte, 1000)
	less := withoutBody(ev)
	kept, err := json.Marshal(less)
	if err != nil || len(kept) > 1000 || less.EntityKey() != ev.EntityKey() || event.Int(less.Payload["failed"]) != 3 {
		t.Errorf("%d bytes are kept: %s, %v", len(kept), kept, err)
	}
	if people.EventUser(less) == nil {
		t.Error("the person who acted would be looked up")
	}
}
