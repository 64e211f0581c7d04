package ingest

import (
	"bytes"
	"context"
	"time"

	"golang.org/x/sync/semaphore"
)

const (
	// smallBody is the size up to which bodies take from a share of their own, so that large ones do not hold them up.
	smallBody = 64 << 10
	// memoryWait and parsedWait are how long a body waits for memory, before it is read and once it has been read.
	memoryWait = 5 * time.Second
	parsedWait = 3 * time.Second
	// parsedFactor is how many times the memory of their bodies parsed events may have.
	parsedFactor = 16
)

// memory bounds the bytes of bodies that are in work: read, and not answered yet. An event takes many times the memory
// of its body while it is decided, most where it has an object for each value: large ones are bounded by that as well.
type memory struct{ small, large, parsed share }

// share is a part of the memory.
type share struct {
	*semaphore.Weighted
	size int64
}

// newMemory returns a memory of so many bytes, a quarter of them for small bodies.
func newMemory(size int64) *memory {
	newShare := func(size int64) share { return share{semaphore.NewWeighted(size), size} }
	return &memory{newShare(max(1, size/4)), newShare(max(1, size-size/4)), newShare(size * parsedFactor)}
}

// claim is the part of the shares that one body has. The zero value is nothing.
type claim struct {
	of     share
	size   int64
	parsed share
	more   int64 // of parsed
}

// take waits for memory for a body of at most so many bytes. It reports false if there is none in time. A body that is
// larger than the whole share takes all of it.
func (m *memory) take(ctx context.Context, size int64) (claim, bool) {
	of := m.large
	if size <= smallBody {
		of = m.small
	}
	c := claim{of: of, size: min(size, of.size)}
	if !of.wait(ctx, c.size, memoryWait) {
		return claim{}, false
	}
	return c, true
}

// grow adapts a claim to the body that was read: it gives back what it did not need, and waits for the memory that a
// large event takes. It reports false if there is none in time.
func (m *memory) grow(ctx context.Context, c *claim, body []byte) bool {
	c.shrink(int64(len(body)))
	if len(body) <= smallBody {
		return true
	}
	size := min(parsedSize(body), m.parsed.size)
	if !m.parsed.wait(ctx, size, parsedWait) {
		return false
	}
	c.parsed, c.more = m.parsed, size
	return true
}

// parsedSize estimates the memory of an event from its body: a value takes a few words, a key its place in a map, and
// each object a map.
func parsedSize(body []byte) int64 {
	count := func(mark byte) int64 { return int64(bytes.Count(body, []byte{mark})) }
	return 4*int64(len(body)) + 50*count(',') + 300*count(':') + 100*count('{') + 50*count('[')
}

// wait takes a part of a share, and reports false if there is none in time.
func (s share) wait(ctx context.Context, size int64, longest time.Duration) bool {
	if s.TryAcquire(size) {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, longest)
	defer cancel()
	return s.Acquire(ctx, size) == nil
}

// shrink gives back what a body did not need.
func (c *claim) shrink(size int64) {
	if size < c.size {
		c.of.Release(c.size - size)
		c.size = size
	}
}

func (c *claim) release() {
	if c.size > 0 {
		c.of.Release(c.size)
	}
	if c.more > 0 {
		c.parsed.Release(c.more)
	}
}
