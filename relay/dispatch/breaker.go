package dispatch

import (
	"context"
	"errors"
	"sync"
	"time"

	"qaserelay/notifiers"
	"qaserelay/relay/store"
)

const (
	// TripAfter is the number of failures in a row that open the breaker.
	TripAfter = 10
	// FirstBreak is how long the breaker stays open the first time. Each time after it, without a success or a person's
	// request between, is twice as long, up to LongestBreak.
	FirstBreak   = 30 * time.Second
	LongestBreak = 5 * time.Minute
	// goneBreak is how long a notifier pauses whose receiver is gone, before one message tries it again.
	goneBreak = time.Hour
)

// The states of a notifier.
const (
	Closed   = "closed"    // messages go out
	Open     = "open"      // the last messages failed, so the next one goes out at NextTry
	HalfOpen = "half-open" // one message goes out, and decides
	Paused   = "paused"    // the receiver is gone, so the next message goes out at NextTry or when a person asks for it
)

// StateNames lists the states for metrics.
func StateNames() []string { return []string{Closed, Open, HalfOpen, Paused} }

// State says whether a notifier's messages go out, and if not, why.
type State struct {
	State   string    `json:"state"`
	Since   time.Time `json:"since"` // when messages began or ceased to go out
	Why     string    `json:"why,omitempty"`
	NextTry time.Time `json:"next_try"` // when the next message may go out; zero is now
}

// breaker stops the messages of one notifier while its receiver fails or is gone:
//
//	closed    ── TripAfter failures in a row, or the receiver is gone ──▶ open, paused
//	open      ── NextTry, or a person asks for it                     ──▶ half-open
//	half-open ── the message failed, or was delivered                 ──▶ open, paused, closed
//
// Its methods may be called from many goroutines.
type breaker struct {
	now     func() time.Time
	changed func(from, to State) // called with each change of the state, one after another

	mu       sync.Mutex
	state    State
	epoch    int      // counts the changes of the state
	failures int      // in a row
	trips    int      // since the last success, or the last request of a person
	gone     bool     // the receiver is gone, not only failing
	held     bool     // a person has paused the notifier
	trying   bool     // a message is on its way that tries the receiver
	last     store.ID // the last delivery that failed
	why      string   // the error of the last failure
}

func newBreaker(now func() time.Time, changed func(from, to State)) *breaker {
	return &breaker{now: now, changed: changed, state: State{State: Closed, Since: now()}}
}

// ticket lets one message out. Its outcome counts only if the state did not change meanwhile.
type ticket struct {
	epoch int
	try   bool // the message tries a receiver that failed
}

// Limit returns how many of most deliveries may be claimed. If none may, it returns how long that lasts at most.
func (b *breaker) Limit(most int) (limit int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch wait := b.state.NextTry.Sub(b.now()); {
	case most == 0 || b.trying:
		return 0, maxSleep
	case wait > 0:
		return 0, wait
	case b.state.State == Closed:
		return most, 0
	}
	return 1, 0
}

// Allow reports whether a message may go out now. If so, Record has to be called with the ticket.
func (b *breaker) Allow() (t ticket, ok bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.State == Closed {
		return ticket{epoch: b.epoch}, true
	}
	if b.trying || b.now().Before(b.state.NextTry) {
		return ticket{}, false
	}
	if b.trying = true; b.state.State != HalfOpen {
		b.change(State{State: HalfOpen, Since: b.state.Since, Why: b.state.Why})
	}
	return ticket{b.epoch, true}, true
}

// Record counts the outcome of an attempt, and reports whether the stored pause may have to change. A message that
// fails again and again counts once, since the error may be its own, unless it was the one that tried the receiver.
func (b *breaker) Record(t ticket, id store.ID, err error) (pauseChanged bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	wasGone := b.gone
	verdict := verdictOn(err)
	isGone := verdict == receiverGone
	repeated := id == b.last && !t.try && !isGone
	if verdict <= receiverFails {
		b.last, b.why, b.gone = id, err.Error(), isGone || b.held || b.gone && !t.try
	}
	if t.try {
		b.trying = false
	}
	switch {
	case verdict == inconclusive, t.epoch != b.epoch:
	case verdict == receiverWorks:
		b.succeed()
	case !repeated:
		b.fail()
	}
	if isGone && b.state.State == Open { // failures of another kind opened it while this message was on its way
		b.trip()
	}
	return wasGone || b.gone
}

func (b *breaker) succeed() {
	if b.failures = 0; b.state.State != Closed {
		b.trips, b.gone, b.last = 0, false, 0
		b.change(State{State: Closed, Since: b.now()})
	}
}

func (b *breaker) fail() {
	if b.failures++; b.failures >= TripAfter || b.gone || b.state.State != Closed {
		b.trip()
	}
}

// trip opens the breaker, or pauses the notifier if its receiver is gone.
func (b *breaker) trip() {
	now := b.now()
	s := State{State: Open, Since: b.state.Since, Why: b.why}
	s.NextTry = now.Add(min(FirstBreak<<min(b.trips, 8), LongestBreak))
	if b.gone {
		s.State, s.NextTry = Paused, now.Add(goneBreak)
	}
	if b.state.State == Closed {
		s.Since = now
	}
	b.trips++
	b.failures = 0
	b.change(s)
}

func (b *breaker) change(to State) {
	from := b.state
	b.state = to
	b.epoch++
	b.changed(from, to)
}

// TryNow lets one message try the receiver now, and reports false if messages go out anyway. Requests make no break
// longer, however many there are: if that message fails, the next break is as long as the first one.
func (b *breaker) TryNow() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.State == Closed {
		return false
	}
	b.trips, b.held = 0, false
	b.state.NextTry = b.now().Add(time.Millisecond)
	return true
}

// heldFor is how long a person pauses a notifier: until one resumes it.
const heldFor = 100 * 365 * 24 * time.Hour

// Pause pauses the notifier for a person.
func (b *breaker) Pause(why string, since time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.gone, b.held, b.why, b.trips, b.trying = true, true, why, 1, false
	b.change(State{State: Paused, Since: since, Why: why, NextTry: since.Add(heldFor)})
}

// IsHeld reports whether a person has paused the notifier.
func (b *breaker) IsHeld() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.held
}

// Restore pauses the notifier as another run of the relay left it.
func (b *breaker) Restore(r pauseRecord) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.state.State != Closed {
		return
	}
	b.gone, b.held, b.why, b.trips = true, r.Person, r.Why, 1
	b.change(State{State: Paused, Since: r.Since, Why: r.Why, NextTry: r.NextTry})
}

// State returns the state, and whether it is a pause, also while a message tries to end it.
func (b *breaker) State() (s State, paused bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.state, b.gone && b.state.State != Closed
}

// verdict is what an attempt says about the receiver.
type verdict int

const (
	receiverGone verdict = iota
	receiverFails
	receiverWorks
	inconclusive
)

// verdictOn judges the receiver by the error of an attempt. One that refuses a message works; one that refuses the
// credentials refuses the next message too. A limit of the receiver is a rate to keep, not a failure.
func verdictOn(err error) verdict {
	if err == nil {
		return receiverWorks
	}
	var gone *notifiers.GoneError
	var permanent *notifiers.PermanentError
	var message *notifiers.MessageError
	var own *ownError
	isPermanent := errors.As(err, &permanent)
	switch reason := notifiers.Reason(err); {
	case isPermanent && reason == notifiers.ReasonClient:
		return receiverWorks
	case errors.As(err, &message), errors.As(err, &own):
		return inconclusive
	case reason == notifiers.ReasonRate, reason == notifiers.ReasonCanceled, errors.Is(err, context.Canceled),
		isPermanent && reason != notifiers.ReasonAuth:
		return inconclusive
	case errors.As(err, &gone):
		return receiverGone
	}
	return receiverFails
}
