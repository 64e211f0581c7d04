package store

import (
	"bytes"
	"context"
	"sync"
	"time"
)

// Swap implements Store.
func (s *SQLite) Swap(ctx context.Context, key string, old []byte, c Change) (bool, error) {
	swapped := false
	err := s.writer.do(&op{ctx: ctx, rows: 1, run: func(t *tx) error {
		swapped = false
		now, err := t.getKey(key)
		if err != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
			return err
		}
		swapped = true
		c.Key = key
		t.keys.set(c)
		return nil
	}})
	return swapped && err == nil, wrap(err, "changing a key")
}

// Node implements Store: there is no other.
func (s *SQLite) Node() int { return 0 }

// Holds implements Store: nobody else can take anything over.
func (s *SQLite) Holds() bool { return true }

// Wakes implements Store: there is nobody else to store work.
func (s *SQLite) Wakes() <-chan string { return nil }

// Reserve implements Store. Rates are kept in memory, since a file has one process: after a restart they begin anew.
func (s *SQLite) Reserve(_ context.Context, key string, r Rate, most time.Duration) (time.Duration, error) {
	return s.rates.reserve(key, r, most, s.now()), nil
}

// rates holds, for each key, when its next place would be if nothing came at once (the generic cell rate algorithm).
type rates struct {
	mu   sync.Mutex
	next map[string]time.Time
}

func (x *rates) reserve(key string, r Rate, most time.Duration, now time.Time) time.Duration {
	if r.Messages <= 0 || r.Per <= 0 {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.next == nil {
		x.next = map[string]time.Time{}
	}
	step := r.Per / time.Duration(r.Messages)
	at := x.next[key]
	if at.Before(now) {
		at = now
	}
	wait := max(0, at.Sub(now)-time.Duration(max(r.Burst, 1)-1)*step)
	if wait > most {
		return wait
	}
	x.next[key] = at.Add(step)
	return wait
}

// Load implements Store.
func (s *SQLite) Load() Load {
	return Load{Deliveries: int(s.unfinished.Load()), Bytes: s.unfinishedBytes.Load()}
}
