// Package sampledlog logs frequent lines only now and then, with the number of lines left out.
package sampledlog

import (
	"slices"
	"sync"
	"time"
)

// Log lets one line of each kind through per interval, and counts the lines that it left out. It never forgets a
// kind, so kinds must be few, such as notifiers, rules and reasons, and must not come from outside. The zero value is
// ready, and may be used from many goroutines.
type Log struct {
	mu    sync.Mutex
	kinds map[string]*kind
}

// Line is a kind of line, and how often one is written at most.
type Line struct {
	Kind  string
	Every time.Duration
}

type kind struct {
	next    time.Time
	skipped int
}

// Admit reports whether a line may be written now. If so, it returns its args, with the number of lines like it that
// were left out before.
func (l *Log) Admit(line Line, now time.Time, args ...any) (all []any, due bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	k := l.kinds[line.Kind]
	if k == nil {
		if l.kinds == nil {
			l.kinds = map[string]*kind{}
		}
		k = &kind{}
		l.kinds[line.Kind] = k
	}
	if now.Before(k.next) {
		k.skipped++
		return nil, false
	}
	if k.skipped > 0 {
		args = append(slices.Clip(args), "more_like_this", k.skipped)
	}
	k.skipped, k.next = 0, now.Add(line.Every)
	return args, true
}
