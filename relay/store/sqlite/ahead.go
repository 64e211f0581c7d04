package sqlite

import (
	"slices"
	"sync"
	"time"

	"qaserelay/relay/store"
)

// ahead decides about batches of events while the ones before are being written. It reads what is committed, with a
// connection of its own, and above that what the flights change: the batches that are decided about and not on disk yet. When one of
// them fails, those behind it know what never happened: they are lost, and decided about again when it is their turn.
type ahead struct {
	reader   *conn
	now      func() time.Time
	deciding sync.Mutex // held while a batch is decided about and queued
	closed   bool       // guarded by deciding

	mu        sync.Mutex // guards what follows
	flights   []*flight  // in the order of the queue
	lost      int        // batches in the queue that have to be decided about again
	losses    int        // how often a flight failed
	sightings sightings
}

// flight is a batch on its way to the disk. Once it is decided about, only lost changes.
type flight struct {
	batch  []store.Event
	decide store.Decide
	lost   bool // guarded by ahead.mu

	now      int64           // when it was decided about, in milliseconds
	receipts []store.Receipt // as far as they are known before the events are stored
	plans    []verdict       // of the events that are no duplicates and could be decided about
	seen     map[store.BodyHash]sighting
	keys     store.Changes
	read     map[string]store.KeyValue // committed values that were asked for
}

// verdict is what is to be stored of the i-th event.
type verdict struct {
	i    int
	plan store.Plan
}

// queue decides about f and calls push; batches are pushed in the order in which they were decided about. The error is a failure to read.
func (a *ahead) queue(f *flight, push func()) error {
	a.deciding.Lock()
	defer a.deciding.Unlock()
	if a.closed {
		return store.ErrClosed
	}
	if wait, losses := a.mustWait(f); !wait {
		if err := a.decide(f, losses); err != nil {
			return err
		}
	}
	push()
	return nil
}

// close is called when nothing is in the queue any more.
func (a *ahead) close() error {
	a.deciding.Lock()
	defer a.deciding.Unlock()
	a.closed = true
	return a.reader.close()
}

// mustWait reports whether a batch before f has to be decided about again, and so f later, and how many flights have failed so far.
func (a *ahead) mustWait(f *flight) (wait bool, losses int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.lost > 0 {
		a.loseOne(f)
	}
	return f.lost, a.losses
}

func (a *ahead) loseOne(f *flight) {
	if !f.lost {
		f.lost = true
		a.lost++
	}
}

// again decides anew about a flight that is lost. The writer calls it when all before it is stored or has failed.
func (a *ahead) again(f *flight) error {
	a.mu.Lock()
	lost, losses := f.lost, a.losses
	a.mu.Unlock()
	if !lost {
		return nil
	}
	a.deciding.Lock()
	defer a.deciding.Unlock()
	return a.decide(f, losses)
}

// takeOff adds f to the flights, unless one has failed since there were so many losses: f may know of it, or not of those behind it.
func (a *ahead) takeOff(f *flight, losses int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if losses != a.losses {
		a.loseOne(f)
		return
	}
	if f.lost {
		f.lost = false
		a.lost--
	}
	a.flights = append(a.flights, f)
}

// landed takes over what a transaction has put on disk.
func (a *ahead) landed(t *tx) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.flights = slices.DeleteFunc(a.flights, func(f *flight) bool { return slices.Contains(t.flights, f) })
	a.sightings.learn(t)
}

// drop says that f will not be stored.
func (a *ahead) drop(f *flight) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if f.lost {
		f.lost = false
		a.lost--
	}
	at := slices.Index(a.flights, f)
	if at < 0 {
		return
	}
	a.losses++
	for _, behind := range a.flights[at+1:] {
		a.loseOne(behind)
	}
	a.flights = a.flights[:at:at]
}
