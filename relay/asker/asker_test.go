package asker

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

// fakeAPI answers as its functions do.
type fakeAPI struct {
	names   func(ctx context.Context) (entity, member map[string]any)
	results func(ctx context.Context, round int) (*failures.Run, time.Duration)
	rounds  atomic.Int64
}

func (f *fakeAPI) Names(ctx context.Context, _ *event.Event) (entity, member map[string]any) {
	return f.names(ctx)
}

func (f *fakeAPI) Results(ctx context.Context, _ *event.Event) (*failures.Run, map[string]any, time.Duration) {
	run, again := f.results(ctx, int(f.rounds.Add(1)))
	return run, map[string]any{"plan": "p"}, again
}

// rig is an asker that notes when it calls Ready.
type rig struct {
	*Asker
	start time.Time
	mu    sync.Mutex
	ready []string
	asked []string
}

func newRig(t *testing.T, api API) *rig {
	r := &rig{start: time.Now()}
	r.Asker = New(Options{API: api, Now: time.Now,
		Ready: func(slot string) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.ready = append(r.ready, fmt.Sprint(slot, " ", time.Since(r.start)))
		},
		Asked: func(source string, run *failures.Run, waited time.Duration) {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.asked = append(r.asked, fmt.Sprint(source, " ", run.Complete, " ", waited))
		}})
	t.Cleanup(r.Close)
	return r
}

func (r *rig) question(named, until time.Duration) Question {
	q := Question{Slot: "s", ID: "1", Event: &event.Event{Source: "qase"}, Since: r.start, Results: until > 0}
	if named > 0 {
		q.Named = r.start.Add(named)
	}
	if until > 0 {
		q.Until = r.start.Add(until)
	}
	return q
}

func (r *rig) told() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprint(r.ready) + fmt.Sprint(r.asked)
}

func TestNamesComeFirstAndResultsAreAskedForUntilTheyAreComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &fakeAPI{
			names: func(context.Context) (entity, member map[string]any) {
				time.Sleep(100 * time.Millisecond)
				return map[string]any{"title": "Nightly"}, map[string]any{"name": "Ana"}
			},
			results: func(_ context.Context, round int) (*failures.Run, time.Duration) {
				return &failures.Run{Known: true, Complete: round == 3, Results: make([]failures.Result, round)}, time.Second
			}})
		r.Ask(r.question(time.Second, 20*time.Second))
		r.Ask(r.question(time.Second, 20*time.Second)) // changes nothing
		synctest.Wait()
		time.Sleep(time.Minute)
		// rounds at 0.1, 1.1 and 3.1 s
		if got, want := r.told(), "[s 100ms s 100ms s 1.1s s 3.1s][qase true 3.1s]"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		a, ok := r.Answer("s", "1")
		if !ok || !a.Named || !a.Done || len(a.Facts.Run.Results) != 3 || a.Facts.Member["name"] != "Ana" ||
			fmt.Sprint(a.Facts.Entity) != "map[plan:p title:Nightly]" {
			t.Errorf("answer %+v", a)
		}
		if n, first := r.Waiting(); n != 1 || !first.Equal(r.start) {
			t.Errorf("%d wait since %s", n, first)
		}
		r.Forget("s", "1")
		if _, ok := r.Answer("s", "1"); ok {
			t.Error("it is not forgotten")
		}
	})
}

func TestResultsThatDoNotComeInTimeAreThoseKnown(t *testing.T) {
	for name, c := range map[string]struct {
		results func(ctx context.Context, round int) (*failures.Run, time.Duration)
		told    string
		known   int
	}{
		"part of them": {func(context.Context, int) (*failures.Run, time.Duration) {
			return &failures.Run{Known: true, Results: make([]failures.Result, 2)}, time.Second
		}, "[s 0s s 1s s 3s][qase false 3s]", 2},
		"no answer": {func(ctx context.Context, _ int) (*failures.Run, time.Duration) {
			<-ctx.Done()
			return &failures.Run{Error: "the Qase API did not answer in 5 s"}, time.Second
		}, "[s 5s][qase false 5s]", 0},
		"none is possible": {func(context.Context, int) (*failures.Run, time.Duration) {
			return &failures.Run{Error: "the token is not valid"}, 0
		}, "[s 0s][qase false 0s]", 0},
		"a panic": {func(context.Context, int) (*failures.Run, time.Duration) { panic("nil map") },
			"[s 0s][qase false 0s]", 0},
		"a longer pause than there is time": {func(context.Context, int) (*failures.Run, time.Duration) {
			return &failures.Run{Error: "too many requests"}, time.Minute
		}, "[s 0s][qase false 0s]", 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t, &fakeAPI{results: c.results})
				r.Ask(r.question(0, 5*time.Second))
				time.Sleep(30 * time.Second)
				if got := r.told(); got != c.told {
					t.Errorf("told %s, want %s", got, c.told)
				}
				a, _ := r.Answer("s", "1")
				if !a.Done || !a.Named || len(a.Facts.Run.Results) != c.known || a.Facts.Run.Results == nil &&
					a.Facts.Run.Error == "" {
					t.Errorf("answer %+v, run %+v", a, a.Facts.Run)
				}
			})
		})
	}
}

func TestNamesDoNotHoldAnEventBeyondTheirTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, &fakeAPI{names: func(ctx context.Context) (entity, member map[string]any) {
			<-ctx.Done()
			return nil, nil
		}})
		r.Ask(r.question(time.Second, 0))
		time.Sleep(10 * time.Second)
		if got, want := r.told(), "[s 1s][]"; got != want {
			t.Errorf("told %s, want %s", got, want)
		}
		if a, _ := r.Answer("s", "1"); !a.Named || !a.Done {
			t.Errorf("answer %+v", a)
		}
	})
}

func TestManyQuestionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var working, most atomic.Int64
		r := newRig(t, &fakeAPI{results: func(context.Context, int) (*failures.Run, time.Duration) {
			most.Store(max(most.Load(), working.Add(1)))
			time.Sleep(time.Millisecond)
			working.Add(-1)
			return &failures.Run{Known: true, Complete: true, Failed: 1000, Results: make([]failures.Result, 1000)}, 0
		}})
		for i := range MaxOpen {
			q := r.question(0, time.Minute)
			q.ID = fmt.Sprint(i)
			r.Ask(q)
		}
		if !r.IsFull() {
			t.Error("there is room for more")
		}
		time.Sleep(30 * time.Second)
		known, dropped := 0, 0
		for i := range MaxOpen {
			switch a, _ := r.Answer("s", fmt.Sprint(i)); {
			case a.Facts.Run.Known:
				known++
			case a.Facts.Run.Failed == 1000 && a.Facts.Run.Error != "":
				dropped++
			}
		}
		if most.Load() > workers || known < 50 || known > maxBytes/(1000<<9) || known+dropped != MaxOpen {
			t.Errorf("%d at once, %d known, %d dropped", most.Load(), known, dropped)
		}
		time.Sleep(3 * time.Minute)
		if n, _ := r.Waiting(); n != 0 { // nothing here has decided them
			t.Errorf("%d are kept", n)
		}
	})
}

func TestNothingIsAskedAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		api := &fakeAPI{results: func(ctx context.Context, _ int) (*failures.Run, time.Duration) {
			<-ctx.Done()
			return nil, 0
		}}
		r := newRig(t, api)
		r.Ask(r.question(0, time.Hour))
		synctest.Wait()
		r.Close()
		q := r.question(0, time.Hour)
		q.ID = "2"
		r.Ask(q)
		synctest.Wait()
		if api.rounds.Load() != 1 || r.told() != "[][]" {
			t.Errorf("%d rounds, told %s", api.rounds.Load(), r.told())
		}
	})
}
