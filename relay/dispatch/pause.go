package dispatch

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/relay/store"
)

// PauseLook is how often a paused notifier looks whether another relay on the store has ended the pause.
const PauseLook = 10 * time.Second

// pauseRecord is what is kept of a pause, so that it outlasts the process.
type pauseRecord struct {
	Since   time.Time `json:"since"`
	Why     string    `json:"why"`
	NextTry time.Time `json:"next_try"`
	// Defaults are the notifier's settings by which it was tried; with other ones it is worth another try.
	Defaults string `json:"defaults,omitempty"`
}

func PauseKey(notifier string) string { return "pause/" + notifier }

// tryNow lets one message out if none goes out now. Relays that share the store learn of it by the record.
func (l *lane) tryNow(ctx context.Context) error {
	if !l.gate.probe() {
		return nil
	}
	l.wake()
	return l.keepPause(ctx)
}

// keepPause makes what is kept of a pause agree with the gate.
func (l *lane) keepPause(ctx context.Context) error {
	for {
		old, err := l.engine.Store.Get(ctx, PauseKey(l.name))
		if err != nil {
			return fmt.Errorf("reading what is kept of the pause of %s: %w", l.name, err)
		}
		now := l.pauseNow()
		if string(now) == string(old) {
			return nil
		}
		done, err := l.engine.Store.Swap(ctx, PauseKey(l.name), old, store.Change{Key: PauseKey(l.name), Value: now})
		if err != nil {
			return fmt.Errorf("keeping the pause of %s: %w", l.name, err)
		}
		if done {
			return nil
		}
	}
}

// pauseNow returns what is to be kept: nil if there is no pause.
func (l *lane) pauseNow() []byte {
	s, gone := l.gate.paused()
	if !gone {
		return nil
	}
	b, err := json.Marshal(pauseRecord{s.Since, s.Why, s.NextTry, string(l.out.Load().Spec.Defaults)})
	if err != nil {
		panic(fmt.Sprintf("encoding a pause: %v", err)) // times and texts always can be
	}
	return b
}

// loadPause takes up a pause from before this process, or from another relay.
func (l *lane) loadPause(ctx context.Context) error {
	b, err := l.engine.Store.Get(ctx, PauseKey(l.name))
	if err != nil || b == nil {
		return err
	}
	var r pauseRecord
	if err := json.Unmarshal(b, &r); err != nil {
		l.engine.Logger.Warn("what was kept of a notifier's pause cannot be read, so it goes on", "notifier", l.name, "error", err)
		return nil
	}
	if r.Defaults != string(l.out.Load().Spec.Defaults) {
		r.NextTry = l.engine.Now()
	}
	l.gate.pause(r)
	return nil
}

// followPause ends a pause, or lets a message try, when another relay on the store says so.
func (l *lane) followPause(ctx context.Context) {
	s, gone := l.gate.paused()
	if !gone || l.engine.Store.Notifications() == nil || l.engine.Now().Sub(l.lookedAt) < PauseLook {
		return
	}
	l.lookedAt = l.engine.Now()
	b, err := l.engine.Store.Get(ctx, PauseKey(l.name))
	var r pauseRecord
	if err == nil && (b == nil || json.Unmarshal(b, &r) == nil && r.NextTry.Before(s.NextTry)) {
		l.gate.probe()
	}
}

// logState tells the operator that a notifier's messages cease or begin to go out.
func (l *lane) logState(from, to State) {
	log, args := l.engine.Logger, []any{"notifier", l.name, "since", to.Since, "why", to.Why, "next", to.NextTry}
	switch {
	case to.State == Paused && from.State != Paused && from.State != HalfOpen:
		log.Error("the receiver is gone, so the notifier pauses and its deliveries wait: correct its address in the rules file, "+
			"or if it is right: qase-relay deliveries retry --state pending --notifier "+l.name, args...)
	case to.State == Open && from.State == Closed:
		log.Warn("the receiver fails, so the notifier's deliveries wait", args...)
	case to.State == Closed:
		log.Info("the receiver works again", "notifier", l.name, "after", to.Since.Sub(from.Since).Round(time.Millisecond))
	default:
		log.Debug("the notifier's state changed", append(args, "state", to.State)...)
	}
}
