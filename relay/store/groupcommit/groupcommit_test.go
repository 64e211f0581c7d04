package groupcommit

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

var errBad = errors.New("a bad call")

// recording is a committer whose groups are recorded. It fails each group with a bad call.
type recording struct {
	Committer[string]
	groups    []string
	abandoned []string
	gate      chan struct{} // each commit takes a token, if it is not nil
}

func newRecording() *recording {
	r := &recording{}
	r.Commit = func(calls []string, _ func()) error {
		if r.gate != nil {
			<-r.gate
		}
		r.groups = append(r.groups, fmt.Sprint(calls))
		if slices.Contains(calls, "bad") {
			return errBad
		}
		return nil
	}
	r.Abandoned = func(call string) { r.abandoned = append(r.abandoned, call) }
	return r
}

// hold commits a first call, which keeps the committer busy until a token comes, and then queues others.
func (r *recording) hold(t *testing.T, rows int, calls ...string) (wait func() []error) {
	r.gate = make(chan struct{}, 100)
	r.Start()
	var wg sync.WaitGroup
	errs := make([]error, len(calls))
	wg.Go(func() { _ = r.Do(t.Context(), 1, "first") })
	for i, call := range calls {
		synctest.Wait()
		wg.Go(func() { errs[i] = r.Do(t.Context(), rows, call) })
	}
	synctest.Wait()
	return func() []error {
		for range cap(r.gate) {
			r.gate <- struct{}{}
		}
		wg.Wait()
		r.Stop()
		return errs
	}
}

func TestCallsThatWaitAreCommittedTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		errs := r.hold(t, 1, "a", "b", "c")()
		if got := fmt.Sprint(r.groups); got != "[[first] [a b c]]" || errors.Join(errs...) != nil {
			t.Errorf("groups %s, errors %v", got, errs)
		}
	})
}

func TestAGroupHasAboutAThousandRows(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		r.hold(t, 400, "a", "b", "c", "d", "e")()
		if got := fmt.Sprint(r.groups); got != "[[first] [a b] [c d] [e]]" {
			t.Errorf("groups %s", got)
		}
	})
}

func TestTheNextGroupBeginsWhenTheOneBeforeItSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Committer[func(next func())]{Groups: 2}
		c.Commit = func(calls []func(next func()), next func()) error {
			for _, call := range calls {
				call(next)
			}
			return nil
		}
		c.Start()
		var callers sync.WaitGroup
		var begun []int
		say, end := make(chan struct{}), make(chan struct{})
		for i := range 3 {
			callers.Go(func() {
				err := c.Do(t.Context(), 1, func(next func()) {
					begun = append(begun, i)
					<-say
					next()
					<-end
				})
				if err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if !slices.Equal(begun, []int{0}) {
			t.Errorf("begun before the first one says so: %v", begun)
		}
		say <- struct{}{}
		synctest.Wait()
		if !slices.Equal(begun, []int{0, 1}) {
			t.Errorf("begun when the first one says so: %v", begun)
		}
		close(say)
		close(end)
		callers.Wait()
		c.Stop()
		if !slices.Equal(begun, []int{0, 1, 2}) {
			t.Errorf("begun in all: %v", begun)
		}
	})
}

func TestALateCallIsCommittedWithTheNextOnesOrAfterAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		r.Start()
		begin, ended := time.Now(), map[string]time.Duration{}
		var mu sync.Mutex
		do := func(do func(context.Context, int, string) error, call string) {
			if err := do(t.Context(), 1, call); err != nil {
				t.Errorf("%s: %v", call, err)
			}
			mu.Lock()
			defer mu.Unlock()
			ended[call] = time.Since(begin)
		}
		go do(r.DoLater, "late")
		synctest.Wait()
		do(r.Do, "at once")
		time.Sleep(gatherFor)
		do(r.Do, "soon")
		go do(r.DoLater, "alone")
		synctest.Wait()
		time.Sleep(laterBy)
		synctest.Wait()
		if got := fmt.Sprint(r.groups); got != "[[at once] [soon late] [alone]]" || ended["late"] != gatherFor || ended["alone"] != gatherFor+laterBy {
			t.Errorf("groups %s, after %v", got, ended)
		}
		go do(r.DoLater, "last")
		synctest.Wait()
		r.Stop()
		if got := fmt.Sprint(r.groups[3:]); got != "[[last]]" {
			t.Errorf("at the stop %s", got)
		}
		if err := r.DoLater(t.Context(), 1, "too late"); !errors.Is(err, ErrStopped) {
			t.Errorf("after the stop %v", err)
		}
	})
}

func TestABadCallFailsNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		errs := r.hold(t, 1, "a", "bad", "c")()
		if got := fmt.Sprint(r.groups); got != "[[first] [a bad c] [a] [bad] [c]]" {
			t.Errorf("groups %s", got)
		}
		if errs[0] != nil || !errors.Is(errs[1], errBad) || errs[2] != nil {
			t.Errorf("errors %v", errs)
		}
	})
}

func TestAGroupThatCannotBeHelpedFailsAsAWhole(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		r.Alone = func(error) bool { return false }
		errs := r.hold(t, 1, "a", "bad")()
		if len(r.groups) != 2 || !errors.Is(errs[0], errBad) || !errors.Is(errs[1], errBad) {
			t.Errorf("groups %v, errors %v", r.groups, errs)
		}
	})
}

func TestACallWhoseCallerLeftBeforeItsCommitIsLeftOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		finish := r.hold(t, 1)
		r.leave(t, "leaves")()
		finish()
		if got := fmt.Sprint(r.groups, r.abandoned); got != "[[first]] []" {
			t.Errorf("groups and abandoned calls %s", got)
		}
	})
}

func TestACallWhoseCallerLeftDuringItsCommitIsAbandoned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		finish := r.hold(t, 1)
		leave := r.leave(t, "leaves")
		r.gate <- struct{}{} // the first one is committed, and the second one begins
		synctest.Wait()
		leave()
		finish()
		if got := fmt.Sprint(r.groups, r.abandoned); got != "[[first] [leaves]] [leaves]" {
			t.Errorf("groups and abandoned calls %s", got)
		}
	})
}

func TestACallWhoseCallerLeftDuringACommitThatFailedIsNotCommittedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		finish := r.hold(t, 1, "bad")
		leave := r.leave(t, "leaves")
		r.gate <- struct{}{}
		synctest.Wait()
		leave()
		finish()
		if got := fmt.Sprint(r.groups, r.abandoned); got != "[[first] [bad leaves] [bad]] []" {
			t.Errorf("groups and abandoned calls %s", got)
		}
	})
}

// leave queues a call and returns what makes its caller leave.
func (r *recording) leave(t *testing.T, call string) func() {
	ctx, cancel := context.WithCancel(t.Context())
	returned := make(chan error, 1)
	go func() { returned <- r.Do(ctx, 1, call) }()
	synctest.Wait()
	return func() {
		cancel()
		if err := <-returned; !errors.Is(err, context.Canceled) {
			t.Errorf("the caller gets %v", err)
		}
	}
}

func TestAfterStopCallsAreRefusedAndAbandonedOnesStillAdded(t *testing.T) {
	r := newRecording()
	r.Start()
	r.Stop()
	if err := r.Do(t.Context(), 1, "late"); !errors.Is(err, ErrStopped) {
		t.Errorf("got %v", err)
	}
	synctest.Test(t, func(t *testing.T) {
		r := newRecording()
		r.Abandoned = func(call string) { r.Add(1, "undo "+call) }
		r.gate = make(chan struct{})
		r.Start()
		ctx, cancel := context.WithCancel(t.Context())
		go func() { _ = r.Do(ctx, 1, "leaves") }()
		synctest.Wait()
		cancel()
		synctest.Wait()
		stopped := make(chan struct{})
		go func() { r.Stop(); close(stopped) }()
		synctest.Wait()
		close(r.gate)
		<-stopped
		if got := fmt.Sprint(r.groups); got != "[[leaves] [undo leaves]]" {
			t.Errorf("groups %s", got)
		}
	})
}

func TestCallsThatAreCommittedAloneAreNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c := Committer[string]{Groups: 2}
		var mu sync.Mutex
		var groups []string
		later := make(chan error)
		c.Commit = func(calls []string, next func()) error {
			mu.Lock()
			groups = append(groups, fmt.Sprint(calls))
			mu.Unlock()
			if slices.Contains(calls, "bad") {
				return errBad
			}
			next()
			if slices.Equal(calls, []string{"a"}) {
				go func() { later <- c.Do(t.Context(), 1, "later") }()
				synctest.Wait() // until it is committed, if it may be
			}
			return nil
		}
		c.calls.Weight = func(p *pending[string]) int { return p.rows }
		for _, call := range []string{"a", "bad", "b"} {
			c.Add(1, call)
		}
		c.Start()
		err := <-later
		c.Stop()
		if got := fmt.Sprint(groups); err != nil || got != "[[a bad b] [a] [bad] [b] [later]]" {
			t.Errorf("groups %s", got)
		}
	})
}

func TestAwaitAsksAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var q Queue[int]
		q.Open()
		enough, answers := 2, make(chan bool, 1)
		await := func() {
			go func() { answers <- q.Await(func(items int) bool { return items >= enough }) }()
			synctest.Wait()
		}
		await()
		for i := range 2 {
			if len(answers) != 0 {
				t.Errorf("%d items were enough", i)
			}
			_ = q.Put(i)
			synctest.Wait()
		}
		if !<-answers {
			t.Error("there are items")
		}
		enough = 3
		await()
		enough = 1
		q.AskAgain()
		if !<-answers {
			t.Error("there are items")
		}
		enough = 3
		await()
		q.Close()
		if !<-answers {
			t.Error("items are left in a closed queue")
		}
		q.Take(2)
		if q.Await(func(int) bool { return true }) {
			t.Error("a closed queue without items has some")
		}
	})
}
