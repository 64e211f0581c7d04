package ingest

import (
	"net/http"
	"time"

	"qaserelay/relay/sampledlog"
)

// logEvery is how often one kind of line is written at most, so that a flood of bad calls is no flood of lines.
const logEvery = 10 * time.Second

// warn logs a line of a kind, of which there are few: senders cannot make new ones.
func (h *Handler) warn(kind, message string, args ...any) {
	if all, due := h.quiet.Admit(sampledlog.Line{Kind: kind, Every: logEvery}, time.Now(), args...); due {
		h.o.Logger.Warn(message, all...)
	}
}

func (h *Handler) logRefusal(r *http.Request, why *refusal) {
	args := []any{"status", why.status, "why", why.public}
	if why.private != "" {
		args = append(args, "detail", why.private)
	}
	h.warn(why.kind, "webhook call refused", append(args, "path", r.URL.Path, "from", r.RemoteAddr)...)
}
