package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sony/gobreaker/v2"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

const (
	// BreakAfter is how many messages in a row have to fail before a notifier gets a break.
	BreakAfter = 10
	// FirstBreak is how long the first break is. Each one after it, without a success between, is twice as long, up to LongestBreak.
	FirstBreak   = 30 * time.Second
	LongestBreak = 5 * time.Minute
	// goneBreak is how long a notifier pauses whose receiver is gone, before one message tries it again.
	goneBreak = time.Hour
)

// The states of a notifier.
const (
	Closed   = "closed"    // messages go out
	Open     = "open"      // the last ones failed, so none goes out before NextTry
	HalfOpen = "half-open" // one message goes out, and decides
	Paused   = "paused"    // the receiver is gone, so none goes out before NextTry or until a person asks for it
)

// StateNames lists them for metrics.
func StateNames() []string {
	return []string{Closed, Open, HalfOpen, Paused}
}

// State tells whether a notifier's messages go out, and if not, why.
type State struct {
	State   string    `json:"state"`
	Since   time.Time `json:"since"` // when messages began or ceased to go out
	Why     string    `json:"why,omitempty"`
	NextTry time.Time `json:"next_try"` // when the next message may go out; zero is now
}

// gate lets messages of one notifier out, or holds them back while its receiver fails, is gone, or wants patience. Its methods
// may be called from many goroutines.
type gate struct {
	now     func() time.Time
	changed func(from, to State) // called with each change of the state, one after another

	mu      sync.Mutex
	circuit *gobreaker.TwoStepCircuitBreaker[any]
	state   State
	gone    bool // the break is for a receiver that is gone
	breaks  int  // since the last success
	probing bool
	hold    time.Time // the receiver wants no message before
	last    store.ID  // the last delivery that failed, and with what
	why     string
}

// Verdicts on a receiver. A nil error is that it works.
var (
	errFails  = errors.New("the receiver fails")
	errUnsaid = errors.New("nothing is said about the receiver")
)

func newGate(now func() time.Time, changed func(from, to State)) *gate {
	g := &gate{now: now, changed: changed, state: State{State: Closed, Since: now()}}
	g.circuit = gobreaker.NewTwoStepCircuitBreaker[any](gobreaker.Settings{
		Timeout:       1, // the waits are ours, since they grow
		ReadyToTrip:   func(c gobreaker.Counts) bool { return g.gone || c.ConsecutiveFailures >= BreakAfter },
		IsExcluded:    func(err error) bool { return errors.Is(err, errUnsaid) },
		OnStateChange: func(_ string, _, to gobreaker.State) { g.turn(to) },
	})
	return g
}

// turn follows the circuit, with mu held.
func (g *gate) turn(to gobreaker.State) {
	before, now := g.state, g.now()
	switch to {
	case gobreaker.StateOpen:
		g.state.State, g.state.NextTry = Open, now.Add(min(FirstBreak<<min(g.breaks, 8), LongestBreak))
		if g.gone {
			g.state.State, g.state.NextTry = Paused, now.Add(goneBreak)
		}
		g.breaks++
		if g.state.Why = g.why; before.State == Closed {
			g.state.Since = now
		}
	case gobreaker.StateHalfOpen:
		g.state.State, g.state.NextTry = HalfOpen, time.Time{}
	case gobreaker.StateClosed:
		g.state, g.breaks, g.gone, g.last = State{State: Closed, Since: now}, 0, false, 0
	}
	g.changed(before, g.state)
}

// room returns how many messages may be claimed now, at most the given number, and if none may, how long it will be so at most.
func (g *gate) room(most int) (int, time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch wait := g.nextTry().Sub(g.now()); {
	case most == 0:
		return 0, maxSleep
	case wait > 0:
		return 0, wait
	case g.state.State == Closed:
		return most, 0
	case g.probing:
		return 0, maxSleep
	}
	return min(most, 1), 0
}

// nextTry returns when messages may go out again, with mu held.
func (g *gate) nextTry() time.Time {
	if g.hold.After(g.state.NextTry) {
		return g.hold
	}
	return g.state.NextTry
}

// enter reports whether a message may go out now. If so, leave has to be called with what became of it; it reports whether what is kept
// of a pause may have changed.
func (g *gate) enter() (leave func(store.ID, error) bool, ok bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.now().Before(g.nextTry()) {
		return nil, false
	}
	done, err := g.circuit.Allow()
	if err != nil {
		return nil, false
	}
	probe := g.state.State != Closed
	g.probing = g.probing || probe
	return func(id store.ID, err error) bool { return g.left(done, probe, id, err) }, true
}

// left counts an attempt. A message that fails again and again is counted once, since it may be the message; but one that was
// sent to see whether the receiver works counts always.
func (g *gate) left(done func(error), probe bool, id store.ID, err error) (pauseChanged bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	wasGone := g.gone
	verdict := judge(err)
	var gone *notifiers.GoneError
	isGone := errors.As(err, &gone)
	if verdict == errFails {
		if !probe && !isGone && id == g.last {
			verdict = errUnsaid
		}
		g.last, g.why = id, err.Error()
		g.gone = isGone || g.gone && !probe
	}
	if probe {
		g.probing = false
	}
	done(verdict)
	if isGone && g.state.State == Open { // opened by failures of another sort while this one was on its way
		g.turn(gobreaker.StateOpen)
	}
	return wasGone || g.gone
}

// judge says what an attempt tells about the receiver. One that refuses a message works; one that does not take our credentials will not
// take the next message either.
func judge(err error) error {
	var permanent *notifiers.PermanentError
	isPermanent := errors.As(err, &permanent)
	switch reason := notifiers.Reason(err); {
	case err == nil, isPermanent && reason == notifiers.ReasonClient:
		return nil
	case reason == notifiers.ReasonRate, reason == notifiers.ReasonCanceled, isPermanent && reason != notifiers.ReasonAuth,
		errors.Is(err, context.Canceled):
		return errUnsaid
	}
	return errFails
}

// rest lets no message out for a time, since the receiver wants patience.
func (g *gate) rest(wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if until := g.now().Add(wait); until.After(g.hold) {
		g.hold = until
	}
}

// probe lets a message try the receiver now, if none goes out because it failed, and reports whether that is so.
func (g *gate) probe() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.state.State == Closed {
		return false
	}
	g.state.NextTry, g.hold = g.now().Add(time.Millisecond), time.Time{}
	return true
}

// pause makes the gate paused as another run of the relay left it.
func (g *gate) pause(r pauseRecord) {
	g.mu.Lock()
	defer g.mu.Unlock()
	done, err := g.circuit.Allow()
	if err != nil || g.state.State != Closed {
		return
	}
	g.gone, g.why = true, r.Why
	done(errFails)
	g.state.Since, g.state.NextTry = r.Since, r.NextTry
}

// paused returns the state and whether it is a pause, also while a message tries to end it.
func (g *gate) paused() (State, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state, g.gone && g.state.State != Closed
}

func (g *gate) isClosed() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state.State == Closed && !g.now().Before(g.hold)
}

func (g *gate) look() State {
	g.mu.Lock()
	defer g.mu.Unlock()
	s := g.state
	if s.NextTry = g.nextTry(); s.NextTry.After(g.now()) {
		return s
	}
	if s.NextTry = (time.Time{}); s.State != Closed {
		s.State = HalfOpen
	}
	return s
}
