package dispatch

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
)

// PauseInterval is how often a paused notifier looks whether another relay on the store has ended the pause.
const PauseInterval = 10 * time.Second

// pauseRecord is the stored form of a pause, so that it outlasts the process.
type pauseRecord struct {
	Since   time.Time `json:"since"`
	Why     string    `json:"why"`
	NextTry time.Time `json:"next_try"`
	// Settings is a hash of the notifier's settings while the receiver was gone; other ones are worth another try. The
	// settings themselves may hold a secret.
	Settings string `json:"settings,omitempty"`
	// Person is set if a person has paused the notifier, who alone ends that.
	Person bool `json:"person,omitempty"`
}

// settingsHash identifies the settings of a notifier that a person may correct.
func settingsHash(n *config.Notifier) string {
	return fmt.Sprintf("%x", sha256.Sum256(n.Spec.Defaults))
}

// PauseKey is the key of a notifier's pause in the store.
func PauseKey(notifier string) string { return "pause/" + notifier }

// Pause keeps the messages of a notifier until a person resumes it, also on other relays, on new settings, and after a
// restart. Messages that are on their way arrive.
func (d *Dispatcher) Pause(ctx context.Context, notifier, who string) error {
	l := d.lane(notifier)
	if l == nil {
		return ErrNoNotifier
	}
	if who == "" {
		who = "a person"
	}
	l.breaker.Pause("paused by "+who, d.Now())
	return l.storePause(ctx)
}

// tryNow lets one message try a receiver that was gone or failed. Other relays on the store learn of it by the stored
// pause.
func (l *lane) tryNow(ctx context.Context) error {
	if !l.tryHere() {
		return nil
	}
	l.wake()
	return l.storePause(ctx)
}

// tryHere lets one message of this relay try the receiver, and reports false if messages go out anyway.
func (l *lane) tryHere() bool {
	if !l.breaker.TryNow() {
		return false
	}
	l.d.limiter.EndCooldown(l.notifier.Load())
	return true
}

// savePause stores the pause, or logs why it could not.
func (l *lane) savePause(ctx context.Context) {
	if err := l.storePause(ctx); err != nil {
		l.d.StoreFailed(ctx, "storing the pause of "+l.name, err)
	}
}

// storePause makes the stored pause agree with the breaker.
func (l *lane) storePause(ctx context.Context) error {
	for done := false; !done; {
		old, err := l.d.Store.Get(ctx, PauseKey(l.name))
		if err != nil {
			return fmt.Errorf("reading the pause of %s: %w", l.name, err)
		}
		now := l.pauseJSON()
		if string(now) == string(old) {
			return nil
		}
		done, err = l.d.Store.Swap(ctx, PauseKey(l.name), old, store.Change{Key: PauseKey(l.name), Value: now})
		if err != nil {
			return fmt.Errorf("storing the pause of %s: %w", l.name, err)
		}
	}
	return nil
}

// pauseJSON returns the pause as it is stored, or nil if the notifier is not paused.
func (l *lane) pauseJSON() []byte {
	s, paused := l.breaker.State()
	if !paused {
		return nil
	}
	b, err := json.Marshal(pauseRecord{s.Since, s.Why, s.NextTry, settingsHash(l.notifier.Load()), l.breaker.IsHeld()})
	if err != nil {
		panic(fmt.Sprintf("encoding a pause: %v", err)) // times and texts always can be
	}
	return b
}

// restorePause takes up a pause from before this process, or from another relay.
func (l *lane) restorePause(ctx, writes context.Context) {
	var retries backoff
	b, err := l.d.Store.Get(writes, PauseKey(l.name))
	for err != nil && ctx.Err() == nil {
		l.d.StoreFailed(writes, "reading the pause of "+l.name, err)
		retries.sleep(ctx)
		b, err = l.d.Store.Get(writes, PauseKey(l.name))
	}
	if b == nil {
		return
	}
	var r pauseRecord
	if err := json.Unmarshal(b, &r); err != nil {
		l.d.Logger.Warn("stored pause not readable, notifier goes on", "notifier", l.name, "error", err)
		return
	}
	if r.Settings != settingsHash(l.notifier.Load()) && !r.Person {
		r.NextTry = l.d.Now()
	}
	l.breaker.Restore(r)
}

// followPause ends a pause, or lets a message try, when another relay on the store did so, and pauses the notifier when a
// person has paused it there.
func (l *lane) followPause(ctx context.Context) {
	if l.d.Store.Notifications() == nil || l.d.Now().Sub(l.pauseReadAt) < PauseInterval {
		return
	}
	l.pauseReadAt = l.d.Now()
	s, paused := l.breaker.State()
	b, err := l.d.Store.Get(ctx, PauseKey(l.name))
	var r pauseRecord
	switch known := err == nil && b != nil && json.Unmarshal(b, &r) == nil; {
	case known && r.Person && !l.breaker.IsHeld():
		l.breaker.Pause(r.Why, r.Since)
	case known && !r.Person && l.breaker.IsHeld(), paused && err == nil && b == nil,
		paused && known && r.NextTry.Before(s.NextTry):
		l.tryHere()
	}
}
