package ingest

import (
	"log/slog"
	"net/http"
	"sync"
	"time"
)

// logEvery is how often one kind of line is written at most.
const logEvery = 10 * time.Second

// quietLog writes one line for each kind and ten seconds, and says how many it left out, so that a flood of bad calls
// is no flood of lines. There are few kinds, and senders cannot make new ones.
type quietLog struct {
	logger *slog.Logger
	mu     sync.Mutex
	kinds  map[string]*quietKind
}

type quietKind struct {
	next    time.Time
	skipped int
}

func newQuietLog(l *slog.Logger) *quietLog {
	return &quietLog{logger: l, kinds: map[string]*quietKind{}}
}

func (q *quietLog) warn(kind, message string, args ...any) {
	skipped, due := q.due(kind, time.Now())
	if skipped > 0 {
		args = append(args, "more_like_this", skipped)
	}
	if due {
		q.logger.Warn(message, args...)
	}
}

// due reports whether a line of this kind may be written now, and how many were left out before it.
func (q *quietLog) due(kind string, now time.Time) (skipped int, due bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	k := q.kinds[kind]
	if k == nil {
		k = &quietKind{}
		q.kinds[kind] = k
	}
	if now.Before(k.next) {
		k.skipped++
		return 0, false
	}
	skipped, k.skipped, k.next = k.skipped, 0, now.Add(logEvery)
	return skipped, true
}

func (h *Handler) logRefusal(r *http.Request, why *refusal) {
	args := []any{"status", why.status, "why", why.public}
	if why.private != "" {
		args = append(args, "detail", why.private)
	}
	h.log.warn(why.kind, "webhook call refused", append(args, "path", r.URL.Path, "from", r.RemoteAddr)...)
}
