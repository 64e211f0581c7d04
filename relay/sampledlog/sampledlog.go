package sampledlog

import (
	"slices"
	"sync"
	"time"
)

// QuietLog lets one line of each kind through per span, and says how many it left out, so that a flood of trouble is no flood of lines. It
// never forgets a kind, so there must be few, such as notifiers, rules and reasons, and nobody outside may make new ones. The zero value is
// ready, and may be used from many goroutines.
type QuietLog struct {
	mu    sync.Mutex
	kinds map[string]*quietKind
}

// LogLine is a kind of line, and how often one is written at most.
type LogLine struct {
	Kind  string
	Every time.Duration
}

type quietKind struct {
	next    time.Time
	skipped int
}

// Admit reports whether a line may be written now. If so, it returns its args, with how many like it were left out before.
func (q *QuietLog) Admit(line LogLine, now time.Time, args ...any) (all []any, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[line.Kind]
	if k == nil {
		if q.kinds == nil {
			q.kinds = map[string]*quietKind{}
		}
		k = &quietKind{}
		q.kinds[line.Kind] = k
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
