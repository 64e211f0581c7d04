package relay

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"qaserelay/relay/metrics"
	"qaserelay/rules"
)

const (
	// diskInterval is the least time between two looks at the free space of the store's file system.
	diskInterval = time.Second
	// checkInterval is the least time between two trial writes to a store that works.
	checkInterval = time.Second
)

// errFull is the error of an event that is refused because the backlog or the disk is at its limit. The condition ends
// by itself.
var errFull = errors.New("no capacity for more events")

// capacity remembers whether events are refused, so that only changes are logged, and the free space of the disk.
type capacity struct {
	mu        sync.Mutex
	full      bool
	checkedAt time.Time
	free      int64
}

// fileStore is a store on a file system that may become full.
type fileStore interface {
	// FreeDisk returns the number of free bytes.
	FreeDisk() (int64, error)
}

// health remembers for a moment whether the store can write, so that probes do not load it.
type health struct {
	mu        sync.Mutex
	checkedAt time.Time
	err       error
}

// Ready returns nil if the engine takes events now, otherwise the reason.
func (e *Engine) Ready(ctx context.Context) error {
	if !e.inbox.Accepting() {
		return ErrStopping
	}
	if err := e.checkCapacity(); err != nil {
		return err
	}
	h := &e.health
	h.mu.Lock()
	defer h.mu.Unlock()
	if now := e.Now(); h.checkedAt.IsZero() || now.Sub(h.checkedAt) >= checkInterval || h.err != nil {
		if err := e.Store.Check(ctx); err == nil || !errors.Is(err, context.Canceled) {
			h.err, h.checkedAt = err, now
		}
	}
	return h.err
}

// checkCapacity returns nil if more events may be stored, otherwise an errFull with the reason. The batch that
// is about to be stored is not counted yet, so the backlog may pass its limits by one batch.
func (e *Engine) checkCapacity() error {
	c := &e.capacity
	c.mu.Lock()
	defer c.mu.Unlock()
	reason := e.shortage(&e.Config().Settings)
	switch {
	case reason == "" && c.full:
		e.Logger.Info("events accepted again")
	case reason != "" && !c.full:
		e.Logger.Warn("events refused, deliveries go on", "reason", reason)
	}
	if c.full = reason != ""; c.full {
		return fmt.Errorf("%w: %s", errFull, reason)
	}
	return nil
}

// shortage names the limit that is reached, if any. The store counts its load in memory, so the check is cheap.
func (e *Engine) shortage(s *rules.Settings) string {
	load, free := e.Store.Load(), e.freeDisk()
	switch limit := s.Backlog; {
	case limit.Deliveries > 0 && load.Deliveries >= limit.Deliveries:
		return fmt.Sprintf("%d deliveries are unfinished, and settings.backlog.deliveries is %d",
			load.Deliveries, limit.Deliveries)
	case limit.Bytes > 0 && load.Bytes >= limit.Bytes:
		return fmt.Sprintf("unfinished deliveries have %s, and settings.backlog.bytes is %s",
			formatBytes(load.Bytes), formatBytes(limit.Bytes))
	case free < s.MinFreeDisk:
		return fmt.Sprintf("%s are free on the file system of the store, and settings.min_free_disk is %s",
			formatBytes(free), formatBytes(s.MinFreeDisk))
	}
	return ""
}

// Busy says why no further dead deliveries should become due at the moment, or returns an empty text: they leave half of
// the backlog to new events.
func (e *Engine) Busy() string {
	load, limit := e.Store.Load(), e.Config().Settings.Backlog
	switch {
	case limit.Deliveries > 0 && load.Deliveries >= max(1, limit.Deliveries/2):
		return fmt.Sprintf("%d deliveries are unfinished, and half of settings.backlog.deliveries is left to new events",
			load.Deliveries)
	case limit.Bytes > 0 && load.Bytes >= max(1, limit.Bytes/2):
		return fmt.Sprintf("unfinished deliveries have %s, and half of settings.backlog.bytes is left to new events",
			formatBytes(load.Bytes))
	}
	return ""
}

// freeDisk returns the free bytes of the store's file system, or the largest number if they are not known.
func (e *Engine) freeDisk() int64 {
	files, onDisk := e.Store.(fileStore)
	if !onDisk {
		return math.MaxInt64
	}
	c := &e.capacity
	if now := e.Now(); c.checkedAt.IsZero() || now.Sub(c.checkedAt) >= diskInterval {
		free, err := files.FreeDisk()
		if err != nil {
			free = math.MaxInt64
		}
		c.checkedAt, c.free = now, free
	}
	return c.free
}

// refreshCapacity reads for a scrape what is in work, and its limits.
func (e *Engine) refreshCapacity() {
	e.capacity.mu.Lock()
	free := e.freeDisk()
	e.capacity.mu.Unlock()
	if free == math.MaxInt64 {
		free = -1
	}
	load, s := e.Store.Load(), e.Config().Settings
	e.Metrics.SetCapacity(metrics.Capacity{Deliveries: load.Deliveries, MaxDeliveries: s.Backlog.Deliveries,
		Bytes: load.Bytes, MaxBytes: s.Backlog.Bytes, DiskFree: free, MinDiskFree: s.MinFreeDisk})
}

// formatBytes writes a size in its largest unit, rounded to a tenth.
func formatBytes(n int64) string {
	for _, u := range []struct {
		size int64
		name string
	}{{1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if n >= u.size {
			return strings.TrimSuffix(fmt.Sprintf("%.1f", float64(n)/float64(u.size)), ".0") + " " + u.name
		}
	}
	return fmt.Sprintf("%d bytes", n)
}
