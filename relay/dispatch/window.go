package dispatch

import (
	"sync"
	"time"

	"qaserelay/relay/store"
)

// maxHeldBytes is about how much a lane holds in memory.
const maxHeldBytes = 32 << 20

// window is the number of deliveries that a lane may hold: about those that it sends within maxHold, as measured. Its
// methods may be called from many goroutines.
type window struct {
	workers int
	most    int           // enough to keep the receiver busy while the disk is slow
	freed   chan struct{} // half of the window is free again

	mu     sync.Mutex
	held   int           // claimed and not yet reported
	wanted int           // freed gets a token when no more than this is held
	took   time.Duration // running mean of an attempt
	size   int           // running mean of a delivery in bytes
	moved  time.Time     // when an attempt ended, or the first of those held was claimed
}

func newWindow(workers int) *window {
	return &window{workers: workers, most: max(64, 64*workers), freed: make(chan struct{}, 1)}
}

// Free returns how many deliveries may be claimed. It is zero until half of the window is free, so that claims are few
// and large. perTarget makes the window small, since most of the deliveries may have to wait for their targets.
func (w *window) Free(perTarget bool) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := min(w.most, w.limit())
	if perTarget {
		size = min(size, max(8, 2*w.workers))
	}
	if w.held > size/2 {
		w.wanted = size / 2
		return 0
	}
	w.wanted = -1
	return size - w.held
}

// limit is the size of the window by the measures. While no attempt ends, it is the number of workers.
func (w *window) limit() int {
	switch {
	case w.stalled():
		return w.workers
	case w.took == 0:
		return 8 * w.workers
	}
	return max(1, min(w.workers*max(1, int(maxHold/w.took)), maxHeldBytes/max(1, w.size)))
}

// Fits reports whether the lane may hold so many more deliveries.
func (w *window) Fits(more int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.held+more <= w.most
}

// Add counts deliveries that the lane now holds.
func (w *window) Add(ds ...store.Delivery) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held == 0 {
		w.moved = time.Now()
	}
	w.held += len(ds)
	for i := range ds {
		w.size += (len(ds[i].EventBody) + len(ds[i].Message) - w.size) / 8
	}
}

// Remove counts a delivery that the lane holds no longer.
func (w *window) Remove() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.held--; w.held <= w.wanted {
		w.wanted = -1
		select {
		case w.freed <- struct{}{}:
		default:
		}
	}
}

// Sent measures an attempt.
func (w *window) Sent(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.moved = time.Now()
	if w.took == 0 {
		w.took = took
	}
	w.took += (took - w.took) / 8
}

// Stalled reports whether the lane holds deliveries, and no attempt has ended for longer than maxHold.
func (w *window) Stalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stalled()
}

func (w *window) stalled() bool { return w.held > 0 && time.Since(w.moved) > maxHold }
