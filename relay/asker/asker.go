// Package asker asks about events that are stored and wait to be decided: for the title of their entity, the person who
// acted, and the failing tests of a run. It asks in the background, and keeps the answers until the events are decided.
// What an event waits for, and until when, is in the store; if this process ends, another one asks anew.
package asker

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

const (
	workers = 8 // questions that are worked on at once
	// MaxOpen is how many events may wait at once; further ones are decided without asking.
	MaxOpen = 10_000
	// maxBytes is about how much the answers that wait for their events may have. What comes beyond it is dropped.
	maxBytes = 64 << 20
	// firstPause is the time between the first two rounds of asking for results that come late. It doubles each time.
	firstPause = time.Second
	maxPause   = 30 * time.Second
	// keptFor is how long an answer is kept for an event that nothing here decides.
	keptFor = time.Minute
)

// API is where answers are from. Its methods return when ctx is done, with what they have.
type API interface {
	// Names returns what is known of the entity and the acting member of an event, in the form that events have.
	Names(ctx context.Context, ev *event.Event) (entity, member map[string]any)
	// Results returns what is known of the failing tests of the run that an event has ended, and fields of the run. again
	// is after which time another round may find more, or 0 if none can.
	Results(ctx context.Context, ev *event.Event) (run *failures.Run, entity map[string]any, again time.Duration)
}

// TooMany is why the failing tests of a run are not known while too many events wait.
const TooMany = "too many events wait for their failing tests"

// Options are what an Asker works with. All are needed.
type Options struct {
	API API
	Now func() time.Time
	// Ready is called when there is something to decide about a slot. It must not wait.
	Ready func(slot string)
	// Asked is called with each list of failing tests that is final, and how long the event has waited for it.
	Asked func(source string, run *failures.Run, waited time.Duration)
}

// Question is what an event waits for.
type Question struct {
	Slot string // the key of the slot that the event waits in
	ID   string // of the event
	// Event has the source, name, project and member id of the event, and of its payload what identifies its entity.
	Event   *event.Event
	Since   time.Time
	Named   time.Time // until when its names are waited for; zero does not ask for them
	Until   time.Time // until when the failing tests are waited for
	Results bool      // ask for the failing tests
}

// Answer is what is known so far.
type Answer struct {
	Facts *failures.Facts
	Named bool // the names are there, or will not come
	Done  bool // nothing more will come
}

type place struct{ slot, id string }

// asking is a question with its answer so far.
type asking struct {
	Question
	answer Answer
	bytes  int // of the answer, about
	pause  time.Duration
}

// Asker works on questions. Its methods may be called from many goroutines; Close ends its work.
type Asker struct {
	Options
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup

	mu      sync.Mutex
	open    map[place]*asking
	queue   []*asking
	running int
	bytes   int
	cleaned time.Time
}

// New returns an asker.
func New(o Options) *Asker {
	a := &Asker{Options: o, open: map[place]*asking{}}
	a.ctx, a.cancel = context.WithCancel(context.Background())
	return a
}

// Close ends the requests that are made and waits for them. Nothing is asked after it.
func (a *Asker) Close() {
	a.mu.Lock()
	a.cancel()
	a.mu.Unlock()
	a.wait.Wait()
}

// IsFull reports whether no further event may wait.
func (a *Asker) IsFull() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.open) >= MaxOpen
}

// Ask begins to ask, unless it has begun.
func (a *Asker) Ask(q Question) {
	a.mu.Lock()
	defer a.mu.Unlock()
	at := place{q.Slot, q.ID}
	if a.open[at] != nil || a.ctx.Err() != nil {
		return
	}
	a.clean()
	k := &asking{Question: q, pause: firstPause, answer: Answer{Facts: &failures.Facts{}, Named: q.Named.IsZero()}}
	a.open[at] = k
	a.enqueue(k)
}

// clean forgets answers that nothing here has taken. The caller holds the lock.
func (a *Asker) clean() {
	now := a.Now()
	if now.Sub(a.cleaned) < keptFor {
		return
	}
	a.cleaned = now
	for at, k := range a.open {
		last := k.Until
		if k.Named.After(last) {
			last = k.Named
		}
		if now.Sub(last) > keptFor {
			a.drop(at)
		}
	}
}

// drop forgets a question. The caller holds the lock.
func (a *Asker) drop(at place) {
	if k := a.open[at]; k != nil {
		a.bytes -= k.bytes
		delete(a.open, at)
	}
}

// Answer returns what is known about an event. ok is false if nothing is asked about it.
func (a *Asker) Answer(slot, id string) (answer Answer, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	k := a.open[place{slot, id}]
	if k == nil {
		return Answer{}, false
	}
	answer = k.answer
	facts := *answer.Facts
	answer.Facts = &facts
	return answer, true
}

// Forget forgets an event that is decided.
func (a *Asker) Forget(slot, id string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drop(place{slot, id})
}

// ForgetDone forgets the events of slots about which nothing more will come: nothing waits in these slots.
func (a *Asker) ForgetDone(slots []string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for at, k := range a.open {
		if k.answer.Done && slices.Contains(slots, at.slot) {
			a.drop(at)
		}
	}
}

// Waiting returns how many events wait for answers, and since when the first of them does.
func (a *Asker) Waiting() (n int, first time.Time) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.clean()
	for _, k := range a.open {
		if first.IsZero() || k.Since.Before(first) {
			first = k.Since
		}
	}
	return len(a.open), first
}

// enqueue has a question worked on. The caller holds the lock.
func (a *Asker) enqueue(k *asking) {
	a.queue = append(a.queue, k)
	if a.running < workers && a.ctx.Err() == nil {
		a.running++
		a.wait.Go(a.work)
	}
}

// work works on questions until there are none.
func (a *Asker) work() {
	for {
		a.mu.Lock()
		if len(a.queue) == 0 || a.ctx.Err() != nil {
			a.running--
			a.mu.Unlock()
			return
		}
		k := a.queue[0]
		a.queue = a.queue[1:]
		isOpen := a.open[place{k.Slot, k.ID}] == k
		a.mu.Unlock()
		if isOpen {
			a.round(k)
		}
	}
}

// round asks once for what is missing.
func (a *Asker) round(k *asking) {
	if !k.answer.Named { // only this goroutine changes it
		entity, member := askNames(a, k)
		if a.ctx.Err() != nil {
			return
		}
		a.update(k, func(f *failures.Facts) { f.Entity, f.Member = Merged(f.Entity, entity), member }, true, !k.Results)
	}
	if !k.Results || a.ctx.Err() != nil {
		return
	}
	run, entity, again := askResults(a, k)
	if a.ctx.Err() != nil { // what ended because the relay stops is no answer
		return
	}
	final := run.Complete || again == 0 || a.Now().Add(max(again, k.pause)).After(k.Until)
	a.update(k, func(f *failures.Facts) { f.Entity, f.Run = Merged(f.Entity, entity), run }, true, final)
	if final {
		a.Asked(k.Event.Source, run, a.Now().Sub(k.Since))
		return
	}
	pause := max(again, k.pause)
	k.pause = min(2*k.pause, maxPause)
	a.later(k, pause)
}

// later has a question worked on again after a pause.
func (a *Asker) later(k *asking, pause time.Duration) {
	time.AfterFunc(pause, func() {
		a.mu.Lock()
		defer a.mu.Unlock()
		if a.open[place{k.Slot, k.ID}] == k {
			a.enqueue(k)
		}
	})
}

// askNames asks for the names. A panic counts as no answer.
func askNames(a *Asker, k *asking) (entity, member map[string]any) {
	ctx, cancel := context.WithTimeout(a.ctx, k.Named.Sub(a.Now()))
	defer cancel()
	defer func() { _ = recover() }()
	return a.API.Names(ctx, k.Event)
}

// askResults asks for the failing tests. After a panic the run is not known, with the panic as the reason.
func askResults(a *Asker, k *asking) (run *failures.Run, entity map[string]any, again time.Duration) {
	ctx, cancel := context.WithTimeout(a.ctx, k.Until.Sub(a.Now()))
	defer cancel()
	defer func() {
		if p := recover(); p != nil {
			run, entity, again = &failures.Run{Error: fmt.Sprintf("reading the answer panicked: %v", p)}, nil, 0
		}
	}()
	if run, entity, again = a.API.Results(ctx, k.Event); run == nil {
		run = &failures.Run{Error: "nothing can be asked"}
	}
	return run, entity, again
}

// update adds to an answer, and has the slot of its event looked at.
func (a *Asker) update(k *asking, set func(*failures.Facts), named, done bool) {
	a.mu.Lock()
	facts := *k.answer.Facts
	set(&facts)
	facts.AskedAt = a.Now().UnixMilli()
	bytes := sizeOf(&facts)
	if a.bytes+bytes-k.bytes > maxBytes && facts.Run != nil {
		facts.Run = &failures.Run{Failed: facts.Run.Failed, Error: TooMany}
		bytes = sizeOf(&facts)
	}
	if a.open[place{k.Slot, k.ID}] == k {
		a.bytes += bytes - k.bytes
	}
	k.bytes, k.answer = bytes, Answer{Facts: &facts, Named: named, Done: done}
	a.mu.Unlock()
	a.Ready(k.Slot)
}

// sizeOf returns about how many bytes facts have.
func sizeOf(f *failures.Facts) int {
	const base, result, word = 1 << 10, 1 << 9, 8
	if f.Run == nil {
		return base
	}
	return base + result*(len(f.Run.Results)+len(f.Run.Recovered)+len(f.Run.Defects)) + word*len(f.Run.Cases)
}

// Merged returns fields with further ones, which replace those of the same names.
func Merged(fields, more map[string]any) map[string]any {
	if len(fields) == 0 {
		return more
	}
	all := make(map[string]any, len(fields)+len(more))
	for key, value := range fields {
		all[key] = value
	}
	for key, value := range more {
		all[key] = value
	}
	return all
}
