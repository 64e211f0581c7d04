package relay

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"time"

	"qaserelay/rules"
)

// diskEvery is how often the free space of the store's file system is looked at, at most.
const diskEvery = time.Second

// ErrFull says that too much is unfinished, or too little disk free, for more events. It ends by itself.
var ErrFull = errors.New("there is no room for more events")

// fileStore is a store with a file system below it that can become full.
type fileStore interface {
	// FreeDisk returns how many bytes are free there.
	FreeDisk() (int64, error)
}

// room remembers whether there is room, so that only changes are logged, and how much disk is free.
type room struct {
	mu     sync.Mutex
	full   bool
	looked time.Time
	free   int64
}

// hasRoom returns nil if more events may be stored, and otherwise an ErrFull that says why not.
func (e *Engine) hasRoom() error {
	r := &e.room
	r.mu.Lock()
	defer r.mu.Unlock()
	why := e.lacks(&e.Current.Load().Settings)
	switch {
	case why == "" && r.full:
		e.Logger.Info("there is room again, events are taken")
	case why != "" && !r.full:
		e.Logger.Warn("no more events are taken until there is room; deliveries go on", "why", why)
	}
	if r.full = why != ""; r.full {
		return fmt.Errorf("%w: %s", ErrFull, why)
	}
	return nil
}

// lacks says what there is not enough of, if anything. The store counts its load in memory, so asking costs nothing.
func (e *Engine) lacks(s *rules.Settings) string {
	load, free := e.Store.Load(), e.freeDisk()
	switch most := s.Backlog; {
	case most.Deliveries > 0 && load.Deliveries >= most.Deliveries:
		return fmt.Sprintf("%d deliveries are unfinished, and settings.backlog.deliveries is %d", load.Deliveries, most.Deliveries)
	case most.Bytes > 0 && load.Bytes >= most.Bytes:
		return fmt.Sprintf("unfinished deliveries have %s, and settings.backlog.bytes is %s", inBytes(load.Bytes), inBytes(most.Bytes))
	case free < s.MinFreeDisk:
		return fmt.Sprintf("%s are free on the file system of the store, and settings.min_free_disk is %s", inBytes(free), inBytes(s.MinFreeDisk))
	}
	return ""
}

// inBytes writes a size as people do, rounded to a tenth of its unit.
func inBytes(n int64) string {
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

// freeDisk returns how much is free, or very much where that cannot be known.
func (e *Engine) freeDisk() int64 {
	files, onDisk := e.Store.(fileStore)
	if !onDisk {
		return math.MaxInt64
	}
	if now := e.Now(); e.room.looked.IsZero() || now.Sub(e.room.looked) >= diskEvery {
		free, err := files.FreeDisk()
		if err != nil {
			free = math.MaxInt64
		}
		e.room.looked, e.room.free = now, free
	}
	return e.room.free
}

// refuse answers all calls if there is no room for them, and reports whether it did. What is being stored is not counted yet, so
// the limits hold to about two batches.
func (e *Engine) refuse(calls []*call) bool {
	err := e.hasRoom()
	if err == nil {
		return false
	}
	for _, c := range calls {
		c.err = err
		accepted(e.Metrics, c)
		close(c.done)
	}
	return true
}
