package sqlite

import (
	"bytes"
	"context"
	"maps"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// Swap implements Store.
func (s *Store) Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error) {
	swapped := false
	err := s.writer.do(&op{ctx: ctx, rows: 1, run: func(t *tx) error {
		swapped = false
		now, err := t.getKey(key)
		if err != nil || (now == nil) != (old == nil) || !bytes.Equal(now, old) {
			return err
		}
		swapped = true
		c.Key = key
		t.keys.Set(c)
		return nil
	}})
	return swapped && err == nil, store.Wrap(err, "changing a key")
}

// Node implements Store: there is no other.
func (s *Store) Node() int { return 0 }

// LeasesValid implements Store: nobody else can take anything over.
func (s *Store) LeasesValid() bool { return true }

// Notifications implements Store: there is nobody else to store work.
func (s *Store) Notifications() <-chan string { return nil }

// Reserve implements Store. Rates are kept in memory, since a file has one process. What went out just before it was opened is not known, so in
// a file with deliveries each rate begins as if one message had gone out at that moment.
func (s *Store) Reserve(_ context.Context, key string, r store.Rate, most time.Duration) (time.Duration, error) {
	return s.rates.reserve(key, r, most, s.now()), nil
}

// rates holds, for each key, when its next place would be if nothing came at once (the generic cell rate algorithm).
type rates struct {
	mu    sync.Mutex
	next  map[string]time.Time
	full  int       // how many keys there may be before the free ones are forgotten
	spent time.Time // when one message of each key went out; zero is never
}

// longestSpent bounds how long a rate that nobody remembers keeps a message back. Of those that are slower, one may go out too early.
const longestSpent = 10 * time.Second

func (x *rates) reserve(key string, r store.Rate, most time.Duration, now time.Time) time.Duration {
	if r.Messages <= 0 || r.Per <= 0 {
		return 0
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	x.forgetFree(now)
	step := r.Per / time.Duration(r.Messages)
	at, known := x.next[key]
	if !known && !x.spent.IsZero() {
		at = x.spent.Add(min(step, longestSpent))
	}
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

// lastSpent returns when messages may have gone out last, if it is now that the file is opened, or zero if it has none.
func lastSpent(c *conn, now time.Time) (at time.Time, err error) {
	err = c.query(context.Background(), "SELECT 1 FROM deliveries LIMIT 1", nil, func(Row) error {
		at = now
		return nil
	})
	return at, store.Wrap(err, "looking whether there are deliveries")
}

// forgetFree makes room when there are twice as many keys as were in use the last time. A key whose next place is free is as good as
// none.
func (x *rates) forgetFree(now time.Time) {
	if x.next == nil {
		x.next = map[string]time.Time{}
	}
	if len(x.next) < max(x.full, fewRates) {
		return
	}
	maps.DeleteFunc(x.next, func(_ string, at time.Time) bool { return !at.After(now) })
	x.full = 2 * len(x.next)
}

// fewRates is how many keys are kept whether or not they are in use.
const fewRates = 256

// Load implements Store.
func (s *Store) Load() store.Load {
	return store.Load{Deliveries: int(s.counts.unfinished.Load()), Bytes: s.counts.bytes.Load()}
}
