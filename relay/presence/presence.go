// Package presence lets the relays of a store know each other, with the states of their notifiers: each keeps its own
// under one key, for a minute at a time.
package presence

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"time"

	"qaserelay/relay/dispatch"
	"qaserelay/relay/store"
)

const (
	// Key is the key of the relays in the store.
	Key = "relays"
	// lookEvery is how often a relay compares the states of its notifiers with those that it has kept.
	lookEvery = time.Second
	// keepEvery is how often a relay keeps its entry although nothing has changed, and keptFor is how long the entry of a
	// relay counts that is gone.
	keepEvery = 20 * time.Second
	keptFor   = time.Minute
	// endLimit is how long a relay that stops may take to remove its entry.
	endLimit = 2 * time.Second
	// maxTries is how often a change is tried that another relay came before.
	maxTries = 20
)

// Relay is one of the relays of a store.
type Relay struct {
	ID        string                    `json:"id"`
	Name      string                    `json:"name"` // for people
	At        time.Time                 `json:"at"`   // when this was kept
	Notifiers map[string]dispatch.State `json:"notifiers"`
}

// KV keeps the relays.
type KV interface {
	Get(ctx context.Context, key string) ([]byte, error)
	Swap(ctx context.Context, key string, old []byte, c store.Change) (bool, error)
}

// Options are what a Board works with. All are needed.
type Options struct {
	KV     KV
	Now    func() time.Time // the clock that the relays share
	ID     string           // of this relay; no other has it
	Name   func() string    // of this relay, for people
	States func() map[string]dispatch.State
	Logger *slog.Logger
}

// Board keeps the states of this relay beside those of the others. Its methods may be called from many goroutines, Run
// only once.
type Board struct{ o Options }

// New returns a board.
func New(o Options) *Board { return &Board{o} }

// Run keeps the states of this relay until ctx is done, and then removes them.
func (b *Board) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	var kept Relay
	for failed := false; ctx.Err() == nil; {
		own := b.own()
		if own.At.Sub(kept.At) >= keepEvery || own.Name != kept.Name || !sameStates(own.Notifiers, kept.Notifiers) {
			err := b.change(ctx, &own)
			switch {
			case err == nil:
				kept, failed = own, false
			case ctx.Err() == nil && !failed:
				failed = true // it is tried each second, and logged once
				b.o.Logger.Warn("states of notifiers not shared with other relays, trying again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
		case <-tick.C:
		}
	}
	last, cancel := context.WithTimeout(context.WithoutCancel(ctx), endLimit)
	defer cancel()
	if err := b.change(last, nil); err != nil {
		b.o.Logger.Info("this relay is listed for another minute", "error", err)
	}
}

// sameStates reports whether notifiers have the same states, for the same reasons.
func sameStates(a, b map[string]dispatch.State) bool {
	return maps.EqualFunc(a, b, func(x, y dispatch.State) bool {
		return x.State == y.State && x.Why == y.Why && x.Since.Equal(y.Since) && x.NextTry.Equal(y.NextTry)
	})
}

// own returns the entry of this relay.
func (b *Board) own() Relay {
	return Relay{ID: b.o.ID, Name: b.o.Name(), At: b.o.Now(), Notifiers: b.o.States()}
}

// List returns the relays that run, this one as it is now, by their names.
func (b *Board) List(ctx context.Context) ([]Relay, error) {
	value, err := b.o.KV.Get(ctx, Key)
	if err != nil {
		return nil, err
	}
	own := b.own()
	return b.with(decode(value), &own), nil
}

// change keeps the entry of this relay in place of an earlier one, or removes it if it is nil, by comparing and swapping.
func (b *Board) change(ctx context.Context, own *Relay) error {
	for range maxTries {
		old, err := b.o.KV.Get(ctx, Key)
		if err != nil {
			return err
		}
		next := store.Change{Key: Key, Expires: b.o.Now().Add(keptFor)}
		if list := b.with(decode(old), own); len(list) > 0 {
			if next.Value, err = json.Marshal(list); err != nil {
				return fmt.Errorf("encoding the relays: %w", err)
			}
		}
		if old == nil && next.Value == nil {
			return nil
		}
		if done, err := b.o.KV.Swap(ctx, Key, old, next); done || err != nil {
			return err
		}
	}
	return errors.New("other relays changed the entry too often meanwhile")
}

// with returns a list without relays that are gone, and with the entry of this one, unless that is nil.
func (b *Board) with(list []Relay, own *Relay) []Relay {
	now := b.o.Now()
	list = slices.DeleteFunc(list, func(r Relay) bool { return r.ID == b.o.ID || now.Sub(r.At) >= keptFor })
	if own != nil {
		list = append(list, *own)
	}
	slices.SortFunc(list, func(x, y Relay) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return list
}

func decode(value []byte) (list []Relay) {
	_ = json.Unmarshal(value, &list) // one that cannot be read has none; each relay keeps its entry again
	return list
}
