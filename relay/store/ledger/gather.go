package ledger

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/engine"
)

// gatherFor is how long counts wait in memory at most, so that many commits share one write. A process that is killed
// loses those of its last second.
const gatherFor = time.Second

// Gather collects what commits have counted, and writes it once a second. Its methods may be called from many
// goroutines.
type Gather struct {
	// Write writes a batch in one transaction.
	Write func(ctx context.Context, b Batch) error

	mu      sync.Mutex
	counts  map[place]int64
	seen    map[pair]store.ID
	last    store.ID    // the newest event that is counted
	timer   *time.Timer // runs while something waits
	stopped bool
	begun   int        // how many writes have begun
	busy    bool       // the last one has not ended
	writing sync.Mutex // held by Flush, so that a caller that comes later finds everything written
}

// Batch is what is written at once: sorted rows of the tables tally and seen.
type Batch struct {
	Tallies []TallyRow
	Seen    []store.Seen
	Last    store.ID // all events up to this one are counted; zero if there is no new one
}

// place is the key of a row of the table tally.
type place struct {
	pair
	bucket int64
}

// Add adds the sums of a transaction that was committed.
func (g *Gather) Add(s *Sums, now time.Time) {
	if len(s.hours) == 0 && len(s.seen) == 0 {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.counts == nil {
		g.counts, g.seen = map[place]int64{}, map[pair]store.ID{}
	}
	for minute, counts := range map[bool]map[pair]int64{true: s.minutes, false: s.hours} {
		for p, n := range counts {
			kind, bucket := Bucket(p.kind, minute, now)
			g.counts[place{pair{kind, p.a, p.b}, bucket}] += n
		}
	}
	for p, id := range s.seen {
		g.seen[p] = max(g.seen[p], id)
	}
	g.last = max(g.last, s.last)
	g.arm()
}

// arm has Flush called within a second. The caller holds the lock.
func (g *Gather) arm() {
	if g.timer == nil && !g.stopped {
		g.timer = time.AfterFunc(gatherFor, func() { _ = g.Flush(context.Background()) }) // what fails is tried again
	}
}

// Flush writes what waits. What cannot be written goes on waiting.
func (g *Gather) Flush(ctx context.Context) error {
	g.writing.Lock()
	defer g.writing.Unlock()
	g.mu.Lock()
	counts, seen, last := g.counts, g.seen, g.last
	g.counts, g.seen = nil, nil
	if len(counts)+len(seen) > 0 {
		g.begun, g.busy = g.begun+1, true
		defer g.ended()
	}
	if g.timer != nil {
		g.timer.Stop()
		g.timer = nil
	}
	g.mu.Unlock()
	if len(counts) == 0 && len(seen) == 0 {
		return nil
	}
	err := g.Write(ctx, Batch{rowsOf(counts), seenRows(seen), last})
	if err != nil {
		g.putBack(counts, seen)
	}
	return err
}

func (g *Gather) ended() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.busy = false
}

// readTries is how often Beside reads if a write comes between.
const readTries = 3

// Beside calls read, which reads the tables, and returns what waits and is not in them. It reads again if a write comes
// between, so that nothing is missing or counted twice.
func (g *Gather) Beside(ctx context.Context, read func() error) (
	counts map[place]int64, seen map[pair]store.ID, err error) {
	for range readTries {
		g.mu.Lock()
		begun, busy := g.begun, g.busy
		counts, seen = maps.Clone(g.counts), maps.Clone(g.seen)
		g.mu.Unlock()
		if busy {
			g.awaitWrite()
			continue
		}
		if err := read(); err != nil {
			return nil, nil, err
		}
		g.mu.Lock()
		same := g.begun == begun
		g.mu.Unlock()
		if same {
			return counts, seen, nil
		}
	}
	if err := g.Flush(ctx); err != nil {
		return nil, nil, engine.Wrap(err, "writing tallies")
	}
	return nil, nil, read()
}

// awaitWrite returns when no write runs.
func (g *Gather) awaitWrite() {
	g.writing.Lock()
	defer g.writing.Unlock()
}

func (g *Gather) putBack(counts map[place]int64, seen map[pair]store.ID) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for at, n := range g.counts {
		counts[at] += n
	}
	for at, id := range g.seen {
		seen[at] = max(seen[at], id)
	}
	g.counts, g.seen = counts, seen
	g.arm()
}

// Stop writes what waits, and nothing after that.
func (g *Gather) Stop(ctx context.Context) error {
	g.mu.Lock()
	g.stopped = true
	g.mu.Unlock()
	return g.Flush(ctx)
}

// rowsOf returns rows sorted by their key.
func rowsOf(counts map[place]int64) []TallyRow {
	rows := make([]TallyRow, 0, len(counts))
	for at, n := range counts {
		rows = append(rows, TallyRow{at.kind, at.bucket, at.a, at.b, n})
	}
	slices.SortFunc(rows, compareRows)
	return rows
}

// seenRows returns what was seen, sorted by kind and name.
func seenRows(seen map[pair]store.ID) (rows []store.Seen) {
	for at, id := range seen {
		rows = append(rows, store.Seen{Kind: at.kind, Name: at.a, ID: id})
	}
	slices.SortFunc(rows, func(x, y store.Seen) int {
		return cmp.Or(strings.Compare(x.Kind, y.Kind), strings.Compare(x.Name, y.Name))
	})
	return rows
}
