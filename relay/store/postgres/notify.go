package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay/store/engine"
)

const (
	// notifyEvery is the shortest time between two notifications of a relay, since each one delays all commits for a
	// moment.
	notifyEvery = 150 * time.Millisecond
	// maxNames is how many notifiers one notification names; PostgreSQL allows 8000 bytes.
	maxNames = 50
	// maxWaiting is how many names wait for their reader. Beyond that, the lanes find the work when they next read the
	// store.
	maxWaiting = 256
)

// wakeups are the notifiers with new work: those that other relays are notified of, and those that they notify this one
// of.
type wakeups struct {
	mu    sync.Mutex
	names map[string]bool
	fresh chan struct{} // holds a token when there are names
	heard chan string
}

// notification is the payload from one relay to the others.
type notification struct {
	Session   int64    `json:"session"`
	Notifiers []string `json:"notifiers"`
}

func (b *wakeups) init() {
	b.names, b.fresh, b.heard = map[string]bool{}, make(chan struct{}, 1), make(chan string, maxWaiting)
}

// note notes that a notifier may have new work.
func (b *wakeups) note(notifier string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.names[notifier] {
		return
	}
	b.names[notifier] = true
	select {
	case b.fresh <- struct{}{}:
	default:
	}
}

// take returns names that were noted.
func (b *wakeups) take() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.names {
		names = append(names, name)
		delete(b.names, name)
		if len(names) == maxNames {
			b.fresh <- struct{}{} // taken by the caller, so there is room
			break
		}
	}
	return names
}

// Notifications implements store.Store. It is closed with the store.
func (s *Store) Notifications() <-chan string { return s.wakeups.heard }

// announce notifies the other relays of new work, if there are any, until ctx is done.
func (s *Store) announce(ctx context.Context) {
	ticker := time.NewTicker(notifyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.wakeups.fresh:
		}
		if names := s.wakeups.take(); s.self.others.Load() > 0 {
			s.notify(ctx, names)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// notify only logs a failure: the other relays find the work by themselves, only later.
func (s *Store) notify(ctx context.Context, names []string) {
	text, err := json.Marshal(notification{s.self.session.Load(), names})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, engine.ReadTimeout)
	defer cancel()
	if _, err := s.pool.Exec(ctx, "SELECT pg_notify($1, $2)", s.channel(), string(text)); err != nil {
		s.log.Debug("other relays not notified", "error", err)
	}
}

// channel is the name of the channel, one for each schema.
func (s *Store) channel() string { return fmt.Sprintf("qase_relay_%x", s.seed) }

// listen receives the notifications of other relays, on a connection of its own, until ctx is done.
func (s *Store) listen(ctx context.Context) {
	defer close(s.wakeups.heard)
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, 10*time.Second) {
		err := s.receive(ctx)
		if ctx.Err() == nil {
			s.log.Debug("notifications of other relays not received", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (s *Store) receive(ctx context.Context) error {
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	own := conn.Hijack()
	defer func() { _ = own.Close(context.WithoutCancel(ctx)) }()
	if _, err := own.Exec(ctx, "LISTEN "+s.channel()); err != nil {
		return err
	}
	for {
		n, err := own.WaitForNotification(ctx)
		if err != nil {
			return err
		}
		var r notification
		if json.Unmarshal([]byte(n.Payload), &r) != nil || r.Session == s.self.session.Load() {
			continue
		}
		for _, name := range r.Notifiers {
			select {
			case s.wakeups.heard <- name:
			default:
			}
		}
	}
}
