package sqlite

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite/conn"
)

// powerLoss is a store whose files are recorded, with what it has confirmed and when.
type powerLoss struct {
	*testing.T
	record *recorder
	mu     sync.Mutex
	events map[store.ID]int // the place in the record at which each one was known to be stored
	ended  map[store.ID]int // likewise for the outcomes of deliveries
}

// The store runs on a disk of which everything is recorded. Then the power fails at many places: what the disk had not
// confirmed is gone, or a random half of its sectors. What the store had confirmed has to be there. That this finds
// what it looks for is seen from a store that does not wait for its disk.
func TestWhatWasConfirmedSurvivesAPowerLoss(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(s *Store, checkpoints *conn.Conn) error
		more   int // power losses at random places, beside the one after the last event
		loses  bool
	}{
		{"as the store is", func(*Store, *conn.Conn) error { return nil }, 6, false},
		{"waiting for the disk at checkpoints only", waitLess(1), 0, true},
		{"never waiting for the disk", waitLess(0), 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := &powerLoss{T: t, record: startRecorder(t), events: map[store.ID]int{}, ended: map[store.ID]int{}}
			p.run(c.change)
			p.record.stop(t)
			lost := 0
			for _, place := range p.places(c.more) {
				lost += p.lostAt(place, nothing) + p.lostAt(place, half)
			}
			if c.loses != (lost > 0) {
				t.Errorf("lost %d confirmed events and outcomes", lost)
			}
		})
	}
}

// waitLess returns a change of a store that waits for the disk behind no group, and as SQLite does with a setting.
func waitLess(synchronous int) func(s *Store, checkpoints *conn.Conn) error {
	return func(s *Store, checkpoints *conn.Conn) error {
		s.writer.sync = func() error { return nil }
		set := fmt.Sprint("PRAGMA synchronous = ", synchronous)
		return errors.Join(s.writer.conn.Run(set), checkpoints.Run(set))
	}
}

// run makes events and delivers them, with checkpoints in between.
func (p *powerLoss) run(change func(s *Store, checkpoints *conn.Conn) error) {
	p.Helper()
	s := openTest(p, filepath.Join(p.TempDir(), "relay.db"), nil)
	p.record.folderSynced() // by the store when it has opened its files
	c, err := connectReady(s.Path, conn.ForCheckpoints())
	if err != nil {
		p.Fatal(err)
	}
	if err := change(s, c); err != nil {
		p.Fatal(err)
	}
	l, k := newLoadOn(p, s), newCheckpointer(c, s.writer, s.log)
	for range 3 {
		p.accept(l, 36)
		if err := k.checkpoint(); err != nil {
			p.Error(err)
		}
		p.deliver(l, 24)
		if err := k.restart(); err != nil {
			p.Error(err)
		}
	}
	p.accept(l, 30)
	if err := c.Close(); err != nil {
		p.Error(err)
	}
	if err := s.Close(); err != nil {
		p.Error(err)
	}
}

// accept stores so many events from several callers at once.
func (p *powerLoss) accept(l *load, n int) {
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range n / 6 {
				p.confirm(p.events, l.Accept())
			}
		})
	}
	wg.Wait()
}

func (p *powerLoss) deliver(l *load, n int) {
	ds, err := l.store.Claim(context.Background(), "slack", n)
	if err != nil {
		p.Fatal(err)
	}
	for _, d := range ds {
		o := store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Delivered,
			Attempt: &store.Attempt{At: time.Now(), Status: "200 OK"}}
		if err := l.store.Finish(context.Background(), []store.Outcome{o}); err != nil {
			p.Fatal(err)
		}
		p.confirm(p.ended, d.ID)
	}
}

func (p *powerLoss) confirm(what map[store.ID]int, id store.ID) {
	place := p.record.now()
	p.mu.Lock()
	defer p.mu.Unlock()
	what[id] = place
}

// places returns where in the record the last event was confirmed, and so many places between that and the first one.
func (p *powerLoss) places(more int) []int {
	first, last := len(p.record.changes), 0
	for _, place := range p.events {
		first, last = min(first, place), max(last, place)
	}
	places := []int{last}
	for range more {
		places = append(places, first+rand.IntN(last-first+1))
	}
	return places
}

// lostAt counts what was confirmed before the power failed and is not there after a new start.
func (p *powerLoss) lostAt(place int, keep func() bool) (lost int) {
	p.Helper()
	dir := p.TempDir()
	for name, data := range p.record.after(place, keep) {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o600); err != nil {
			p.Fatal(err)
		}
	}
	s, err := Open(p.Context(), filepath.Join(dir, "relay.db"), Options{})
	if err != nil {
		p.Logf("after change %d of %d: %v", place, len(p.record.changes), err)
		return len(p.events)
	}
	defer func() { _ = s.Close() }()
	for id, confirmed := range p.events {
		if _, err := s.Event(p.Context(), id); confirmed <= place && err != nil {
			lost++
		}
	}
	for id, confirmed := range p.ended {
		if d, as, err := s.Delivery(p.Context(), id); confirmed <= place &&
			(err != nil || d.State != store.Delivered || len(as) != 1) {
			lost++
		}
	}
	var verdict string
	if err := s.list(p.Context(), "PRAGMA integrity_check", nil, func(r conn.Row) { verdict = r.Str(0) }); err != nil ||
		verdict != "ok" {
		p.Logf("after change %d: integrity: %s (%v)", place, verdict, err)
		lost++
	}
	return lost
}
