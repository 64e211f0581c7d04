package postgres

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	"qaserelay/relay/store"
)

const (
	// ringEvery is how often a relay tells the others at most that there is work, since each message of PostgreSQL holds up all commits for a moment.
	ringEvery = 150 * time.Millisecond
	// ringMost is how many notifiers one message names; it has room for 8000 bytes.
	ringMost = 50
	// wakesRoom is how many names wait for their reader. What is beyond is found by the next look at the store.
	wakesRoom = 256
)

// bell tells other relays which notifiers have new work, and this one what they tell.
type bell struct {
	mu    sync.Mutex
	names map[string]bool
	fresh chan struct{}
	wakes chan string
}

// ringing is what one relay tells the others.
type ringing struct {
	Session   int64    `json:"session"`
	Notifiers []string `json:"notifiers"`
}

func (b *bell) init() {
	b.names, b.fresh, b.wakes = map[string]bool{}, make(chan struct{}, 1), make(chan string, wakesRoom)
}

// note remembers that there may be new work for a notifier.
func (b *bell) note(notifier string) {
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

// take returns what was noted.
func (b *bell) take() (names []string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for name := range b.names {
		names = append(names, name)
		delete(b.names, name)
		if len(names) == ringMost {
			b.fresh <- struct{}{} // taken by the caller, so there is room
			break
		}
	}
	return names
}

// Notifications implements Store. It is closed with the store.
func (s *Store) Notifications() <-chan string { return s.bell.wakes }

// ring tells the other relays of new work, if there are any, until ctx is done.
func (s *Store) ring(ctx context.Context) {
	ticker := time.NewTicker(ringEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.bell.fresh:
		}
		if names := s.bell.take(); s.Me.others.Load() > 0 {
			s.tell(ctx, names)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

// tell fails silently: the others look by themselves, only later.
func (s *Store) tell(ctx context.Context, names []string) {
	text, err := json.Marshal(ringing{s.Me.Session.Load(), names})
	if err != nil {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, store.ReadTimeout)
	defer cancel()
	if _, err := s.Pool.Exec(ctx, "SELECT pg_notify($1, $2)", s.channel(), string(text)); err != nil {
		s.log.Debug("other relays were not told of new work", "error", err)
	}
}

// channel is one of our tables' schema.
func (s *Store) channel() string { return fmt.Sprintf("qase_relay_%x", s.seed) }

// listen hears what other relays tell, on a connection of its own, until ctx is done.
func (s *Store) listen(ctx context.Context) {
	defer close(s.bell.wakes)
	for wait := time.Second; ctx.Err() == nil; wait = min(2*wait, 10*time.Second) {
		err := s.hear(ctx)
		if ctx.Err() == nil {
			s.log.Debug("not hearing of other relays' work", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

func (s *Store) hear(ctx context.Context) error {
	conn, err := s.Pool.Acquire(ctx)
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
		var r ringing
		if json.Unmarshal([]byte(n.Payload), &r) != nil || r.Session == s.Me.Session.Load() {
			continue
		}
		for _, name := range r.Notifiers {
			select {
			case s.bell.wakes <- name:
			default:
			}
		}
	}
}
