package listen

import (
	"io"
	"net/http"
	"time"
)

const (
	// keptBody is the size up to which net/http reads the rest of a body by itself and keeps the connection.
	keptBody = 256 << 10
	// maxDrained and drainTime bound the rest of a refused body that is read and dropped; drainExpected is for a client
	// that waits for a go-ahead, and need not send it.
	maxDrained    = 8 << 20
	drainTime     = 5 * time.Second
	drainExpected = time.Second
)

// Refuse answers a request and then drops the rest of its body: a connection that is closed before a client has sent
// everything is reset, and the client may not see the answer.
func Refuse(w http.ResponseWriter, r *http.Request, answer func()) {
	if keeps(r) {
		answer()
		return
	}
	w.Header().Set("Connection", "close")
	answer()
	drain(w, r)
}

// Refusals returns a handler whose refusals, which are its answers from 400 on, are those of Refuse.
func Refusals(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if keeps(r) {
			next.ServeHTTP(w, r)
			return
		}
		body := r.Body // a handler may limit its own
		watched := &refusing{ResponseWriter: w}
		next.ServeHTTP(watched, r)
		if r.Body = body; watched.refused {
			drain(w, r)
		}
	})
}

// refusing closes the connection after a refusal.
type refusing struct {
	http.ResponseWriter
	refused bool
}

// WriteHeader implements http.ResponseWriter.
func (w *refusing) WriteHeader(status int) {
	if status >= http.StatusBadRequest && !w.refused {
		w.refused = true
		w.Header().Set("Connection", "close")
	}
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap is for http.ResponseController.
func (w *refusing) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// keeps reports whether net/http itself reads the body of a refused request.
func keeps(r *http.Request) bool {
	return r.ContentLength >= 0 && r.ContentLength <= keptBody && r.Header.Get("Expect") == ""
}

// drain sends the answer and drops the rest of the body, within bounds.
func drain(w http.ResponseWriter, r *http.Request) {
	limit := drainTime
	if r.Header.Get("Expect") != "" {
		limit = drainExpected
	}
	connection := http.NewResponseController(w)
	if connection.Flush() != nil || connection.SetReadDeadline(time.Now().Add(limit)) != nil {
		return
	}
	_, _ = io.CopyN(io.Discard, r.Body, maxDrained) // only the answer matters
}
