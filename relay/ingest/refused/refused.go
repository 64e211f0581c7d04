// Package refused remembers the webhook calls that were refused, in groups: in memory, and in the store, which other
// relays may share.
package refused

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/store"
)

const (
	// Key is the key of the groups in the store.
	Key = "ingest/refused"
	// Most is the number of groups that are kept; the oldest ones go first.
	Most = 1000
	// keptFor is how long a group is kept.
	keptFor = 7 * 24 * time.Hour
	// saveEvery is the time between two changes of the store at least.
	saveEvery = 5 * time.Second
	// maxTries is how often a change is tried that another relay came before.
	maxTries = 20
	// maxWaiting is the number of groups that wait in memory; further calls are counted as one group for each minute,
	// source and status, without sender and with manyReasons.
	maxWaiting = 2 * Most
	// maxText bounds each text of a group, in bytes.
	maxText = 200
	// manyReasons is the reason of calls that are counted together, since there are too many groups.
	manyReasons = "various reasons"
)

// Call is a call that was refused.
type Call struct {
	Source string // as the path names it; empty for a path that is not one of webhooks
	Status int
	Reason string // for people
	Sender string // its address, or empty
	At     time.Time
}

// Group is how often calls were refused for the same reason in one minute.
type Group struct {
	At     time.Time `json:"at"` // the minute
	Status int       `json:"status"`
	Source string    `json:"source,omitempty"`
	Reason string    `json:"reason"`
	Sender string    `json:"sender,omitempty"`
	Count  int       `json:"count"`
}

// place is what the calls of a group have in common.
type place struct {
	minute                 int64
	status                 int
	source, reason, sender string
}

func (g *Group) place() place { return place{g.At.Unix() / 60, g.Status, g.Source, g.Reason, g.Sender} }

// KV keeps the groups.
type KV interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error)
	AddTallies(ctx context.Context, list []store.Tally) error
}

// Book remembers refused calls. Its methods may be called from many goroutines, Run only once.
type Book struct {
	kv    KV
	log   *slog.Logger
	fresh chan struct{}

	mu        sync.Mutex
	waiting   map[place]int // not stored yet
	uncounted map[tally]int // not in the tallies of the store yet
	saving    sync.Mutex
}

// tally is what the calls of one tally have in common.
type tally struct {
	hour   int64
	source string
	status int
}

// New returns a book that keeps its groups in a store.
func New(kv KV, log *slog.Logger) *Book {
	return &Book{kv: kv, log: log, fresh: make(chan struct{}, 1), waiting: map[place]int{},
		uncounted: map[tally]int{}}
}

// Note remembers a call.
func (b *Book) Note(c Call) {
	p := place{c.At.Unix() / 60, c.Status, cut(c.Source), cut(c.Reason), cut(c.Sender)}
	b.mu.Lock()
	b.hold(p, 1)
	b.uncounted[tally{p.minute / 60, p.source, p.status}]++
	b.mu.Unlock()
	b.look()
}

// hold keeps calls until they are stored. The caller holds mu.
func (b *Book) hold(p place, n int) {
	if b.waiting[p] == 0 && len(b.waiting) >= maxWaiting {
		p.sender, p.reason = "", manyReasons
	}
	b.waiting[p] += n
}

// look lets Run store what was noted.
func (b *Book) look() {
	select {
	case b.fresh <- struct{}{}:
	default: // it will
	}
}

func cut(text string) string {
	if len(text) > maxText {
		text = strings.ToValidUTF8(text[:maxText], "") + "…"
	}
	return text
}

// Run stores what was noted, at most every five seconds, until ctx is done, and then once more. What could not be stored
// is tried again after five seconds.
func (b *Book) Run(ctx context.Context) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			continue
		case <-b.fresh:
		}
		b.saveOrLog(ctx)
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), saveEvery)
	defer cancel()
	b.saveOrLog(last)
}

func (b *Book) saveOrLog(ctx context.Context) {
	if err := b.Save(ctx); err != nil && ctx.Err() == nil {
		b.log.Warn("refused calls not stored, trying again", "error", err)
		b.look()
	}
}

// Save stores what was noted. What it could not store waits for the next call.
func (b *Book) Save(ctx context.Context) error {
	b.saving.Lock()
	defer b.saving.Unlock()
	return errors.Join(b.saveGroups(ctx), b.saveTallies(ctx))
}

func (b *Book) saveGroups(ctx context.Context) error {
	b.mu.Lock()
	noted := b.waiting
	b.waiting = map[place]int{}
	b.mu.Unlock()
	if len(noted) == 0 {
		return nil
	}
	err := b.merge(ctx, noted)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for p, n := range noted {
			b.hold(p, n)
		}
	}
	return err
}

// saveTallies counts calls by their source and status.
func (b *Book) saveTallies(ctx context.Context) error {
	b.mu.Lock()
	noted := b.uncounted
	b.uncounted = map[tally]int{}
	b.mu.Unlock()
	if len(noted) == 0 {
		return nil
	}
	var list []store.Tally
	for t, n := range noted {
		list = append(list, store.Tally{Kind: store.TallyRefused, At: time.Unix(t.hour*3600, 0), A: t.source,
			B: strconv.Itoa(t.status), N: int64(n)})
	}
	err := b.kv.AddTallies(ctx, list)
	if err != nil {
		b.mu.Lock()
		defer b.mu.Unlock()
		for t, n := range noted {
			b.uncounted[t] += n
		}
	}
	return err
}

// merge adds groups to those in the store, by comparing and swapping.
func (b *Book) merge(ctx context.Context, noted map[place]int) error {
	for range maxTries {
		old, err := b.kv.Get(ctx, Key)
		if err != nil {
			return err
		}
		next, err := json.Marshal(merged(decode(old), noted))
		if err != nil {
			return err
		}
		if done, err := b.kv.Swap(ctx, Key, old, store.Change{Key: Key, Value: next}); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("other relays changed the refused calls %d times meanwhile", maxTries)
}

func decode(value []byte) (groups []Group) {
	_ = json.Unmarshal(value, &groups) // one that cannot be read has none
	return groups
}

// merged returns the newest groups.
func merged(groups []Group, noted map[place]int) []Group {
	sum := map[place]int{}
	newest := int64(0)
	for i := range groups {
		sum[groups[i].place()] += groups[i].Count
	}
	for p, n := range noted {
		sum[p] += n
		newest = max(newest, p.minute)
	}
	list := make([]Group, 0, len(sum))
	for p, n := range sum {
		if newest-p.minute <= int64(keptFor/time.Minute) {
			list = append(list, Group{time.Unix(p.minute*60, 0).UTC(), p.status, p.source, p.reason, p.sender, n})
		}
	}
	slices.SortFunc(list, newestFirst)
	return list[:min(len(list), Most)]
}

func newestFirst(a, b Group) int {
	return cmp.Or(b.At.Compare(a.At), cmp.Compare(a.Status, b.Status), strings.Compare(a.Source, b.Source),
		strings.Compare(a.Reason, b.Reason), strings.Compare(a.Sender, b.Sender))
}

// List returns the groups, the newest first: those of all relays that are stored, and what this one has noted since.
func (b *Book) List(ctx context.Context) ([]Group, error) {
	value, err := b.kv.Get(ctx, Key)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return merged(decode(value), b.waiting), nil
}
