// Package silences keeps the silences of a relay: in its store, which other relays may share, and in memory, where
// decisions read them.
//
// All silences are one value of the store, which is changed by comparing and swapping: there are few, each decision
// needs all of them, and people change them rarely. Where other relays share the store, each looks at the value twice
// a second.
package silences

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules/silence"
)

const (
	// Key is the key of the silences in the store.
	Key = "silences"
	// maxBytes is the most bytes that all silences have together.
	maxBytes = 4 << 20
	// maxTries is how often a change is tried that another relay came before.
	maxTries = 20
)

// Errors of changes.
var (
	ErrNotFound = store.ErrNotFound
	ErrExpired  = errors.New("the silence is expired")
	ErrTooMany  = fmt.Errorf("there are %d silences that are not expired, which is the most: expire some first",
		silence.Most)
)

// Options are what a Register works with. All are needed.
type Options struct {
	KV     store.KV
	Now    func() time.Time // of the store
	NewID  func(now time.Time) string
	Logger *slog.Logger
	Shared bool // other relays use the store
}

// Register holds the silences. Its methods may be called from many goroutines, Run only once.
type Register struct {
	o    Options
	list atomic.Pointer[silence.List]

	mu      sync.Mutex // held while the value is read or changed
	raw     []byte     // as it was last read or written
	loaded  bool
	expired map[string]bool // ids whose end is in the log

	countMu sync.Mutex
	counts  map[string]count // of matches that are not stored yet, by id
}

// count is how many messages a silence has held back, and when the last one.
type count struct {
	n  int
	at time.Time
}

// New returns a register without silences; Load reads them.
func New(o Options) *Register {
	r := &Register{o: o, counts: map[string]count{}}
	r.list.Store(silence.NewList(nil))
	return r
}

// List returns the silences.
func (r *Register) List() *silence.List { return r.list.Load() }

// Count returns how many silences are in each state.
func (r *Register) Count() map[string]int {
	counts := map[string]int{}
	for _, state := range silence.States() {
		counts[string(state)] = 0
	}
	now := r.o.Now()
	for _, s := range r.List().All() {
		counts[string(s.State(now))]++
	}
	return counts
}

// Load reads the silences from the store.
func (r *Register) Load(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	raw, err := r.o.KV.Get(ctx, Key)
	if err != nil || r.loaded && string(raw) == string(r.raw) {
		return err
	}
	v, err := decode(raw)
	if err != nil {
		return err
	}
	r.adopt(raw, v)
	return nil
}

// adopt makes the silences of a stored value current.
func (r *Register) adopt(raw []byte, v *value) {
	if r.expired == nil {
		r.expired = map[string]bool{}
		for _, s := range v.silences {
			r.expired[s.ID] = s.State(r.o.Now()) == silence.Expired
		}
	}
	r.raw, r.loaded = raw, true
	r.countMu.Lock()
	defer r.countMu.Unlock()
	for _, s := range v.silences {
		r.counts[s.ID].addTo(s)
	}
	r.list.Store(silence.NewList(v.silences))
}

func (c count) addTo(s *silence.Silence) {
	s.Matched += c.n
	if c.at.After(s.MatchedAt) {
		s.MatchedAt = c.at
	}
}

func (c count) plus(other count) count {
	if other.at.After(c.at) {
		c.at = other.at
	}
	c.n += other.n
	return c
}

// Matched counts messages that a silence has held back.
func (r *Register) Matched(id string, n int, at time.Time) {
	r.countMu.Lock()
	defer r.countMu.Unlock()
	r.counts[id] = r.counts[id].plus(count{n, at})
	if s := r.List().Get(id); s != nil && s.Quiet > 0 { // its end moves at once
		r.replace(s, count{n, at})
	}
}

// replace puts a silence with more matches into the place of one in memory.
func (r *Register) replace(old *silence.Silence, c count) {
	next := *old
	c.addTo(&next)
	all := slices.Clone(r.List().All())
	all[slices.Index(all, old)] = &next
	r.list.Store(silence.NewList(all))
}

// change lets f change the silences, and stores them. They are current when change returns without an error.
func (r *Register) change(ctx context.Context, f func(v *value) error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range maxTries {
		old, err := r.o.KV.Get(ctx, Key)
		if err != nil {
			return err
		}
		v, err := decode(old)
		if err != nil {
			return err
		}
		if err := f(v); err != nil {
			return err
		}
		v.forget(r.o.Now().Add(-silence.Kept))
		raw, err := v.encode()
		if err != nil {
			return err
		}
		swapped, err := r.o.KV.Swap(ctx, Key, old, store.Change{Key: Key, Value: raw})
		if err != nil {
			return err
		}
		if swapped {
			r.adopt(raw, v)
			return nil
		}
	}
	return errors.New("other relays change the silences all the time")
}

// Add stores a new silence, and gives it an id.
func (r *Register) Add(ctx context.Context, s *silence.Silence) error {
	now := r.o.Now()
	s.ID = r.o.NewID(now)
	if note := store.AuditOf(ctx); note != nil {
		note.Object = s.ID
	}
	err := r.change(ctx, func(v *value) error {
		if v.open(now) >= silence.Most {
			return ErrTooMany
		}
		v.add(s)
		return nil
	})
	if err == nil {
		r.log("silence added", s)
	}
	return err
}

// Update replaces the silence with an id by what edit makes of it, and returns that. One that is expired stays as it
// is, and the other is a new one.
func (r *Register) Update(ctx context.Context, id string, edit func(old *silence.Silence) (*silence.Silence, error)) (
	next *silence.Silence, err error) {
	now := r.o.Now()
	err = r.change(ctx, func(v *value) error {
		i, err := v.find(id)
		if err != nil {
			return err
		}
		old := v.silences[i]
		if next, err = edit(old); err != nil {
			return err
		}
		if old.State(now) == silence.Expired {
			if v.open(now) >= silence.Most {
				return ErrTooMany
			}
			next.ID = r.o.NewID(now)
			v.add(next)
			return nil
		}
		next.ID, next.CreatedAt, next.Matched, next.MatchedAt = id, old.CreatedAt, old.Matched, old.MatchedAt
		v.silences[i] = next
		return nil
	})
	if err != nil {
		return nil, err
	}
	r.log("silence changed", next)
	return next, nil
}

// Expire ends the silence with an id, and returns it. One that has ended is ErrExpired.
func (r *Register) Expire(ctx context.Context, id string) (s *silence.Silence, err error) {
	now := r.o.Now()
	err = r.change(ctx, func(v *value) error {
		i, err := v.find(id)
		if err != nil {
			return err
		}
		if s = v.silences[i]; s.State(now) == silence.Expired {
			return ErrExpired
		}
		s.Expire(now)
		return nil
	})
	return s, err
}

func (r *Register) log(message string, s *silence.Silence) {
	r.o.Logger.Info(message, "silence", s.ID, "matchers", fmt.Sprint(s.Matchers), "when", s.When, "from", s.StartsAt,
		"until", s.EndsAt, "author", s.Author)
}

// value is what the store keeps.
type value struct {
	silences []*silence.Silence
	unread   []json.RawMessage // silences of a newer release, which are kept as they are
}

func decode(raw []byte) (*value, error) {
	v := &value{}
	if raw == nil {
		return v, nil
	}
	var all []json.RawMessage
	if err := json.Unmarshal(raw, &all); err != nil {
		return nil, fmt.Errorf("the stored silences cannot be read: %w", err)
	}
	for _, one := range all {
		s := &silence.Silence{}
		if json.Unmarshal(one, s) != nil || s.ID == "" {
			v.unread = append(v.unread, one)
			continue
		}
		v.silences = append(v.silences, s)
	}
	return v, nil
}

// encode returns the value as it is stored.
func (v *value) encode() ([]byte, error) {
	all := make([]any, 0, len(v.silences)+len(v.unread))
	for _, s := range v.silences {
		all = append(all, s)
	}
	for _, one := range v.unread {
		all = append(all, one)
	}
	raw, err := json.Marshal(all)
	if err == nil && len(raw) > maxBytes {
		err = ErrTooMany
	}
	return raw, err
}

// add adds a copy, so that it is not the one that the caller goes on with.
func (v *value) add(s *silence.Silence) {
	own := *s
	v.silences = append(v.silences, &own)
}

func (v *value) find(id string) (int, error) {
	i := slices.IndexFunc(v.silences, func(s *silence.Silence) bool { return s.ID == id })
	if i < 0 {
		return 0, store.ErrNotFound
	}
	return i, nil
}

// open returns how many silences are not expired.
func (v *value) open(now time.Time) (n int) {
	for _, s := range v.silences {
		if s.State(now) != silence.Expired {
			n++
		}
	}
	return n
}

// forget drops the silences that have ended before a time.
func (v *value) forget(before time.Time) {
	v.silences = slices.DeleteFunc(v.silences, func(s *silence.Silence) bool { return s.End().Before(before) })
}
