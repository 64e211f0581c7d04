package ingest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"os"
	"time"

	"qaserelay/relay/sampledlog"
)

// logInterval is the least time between two lines of one kind in the log.
const logInterval = 10 * time.Second

// refusal is the reason why a call is not accepted, for the sender and for the log of the operator.
type refusal struct {
	status  int
	kind    string // of the line in the log
	public  string // for the sender and the log
	private string // for the log alone
}

func storeRefusal() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, kind: "store",
		public: "the event could not be stored; try again"}
}

// retryAfter is the time in seconds after which a sender should try again.
const retryAfter = "5"

// readBody reads all of the body, of at most limit bytes.
func readBody(w http.ResponseWriter, r *http.Request, limit int64) ([]byte, *refusal) {
	tooLarge := &refusal{status: http.StatusRequestEntityTooLarge, kind: "size", public: "the body is too large"}
	if r.ContentLength > limit {
		return nil, tooLarge
	}
	var body []byte
	var err error
	if r.ContentLength >= 0 {
		body = make([]byte, r.ContentLength)
		_, err = io.ReadFull(r.Body, body)
	} else {
		body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
	}
	var over *http.MaxBytesError
	switch {
	case err == nil:
		return body, nil
	case errors.As(err, &over):
		return nil, tooLarge
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &refusal{status: http.StatusRequestTimeout, kind: "slow body", public: "the body took too long"}
	}
	return nil, &refusal{status: http.StatusBadRequest, kind: "body", public: "the body ended too early",
		private: err.Error()}
}

// logRefusal logs why a call was refused.
func (h *Handler) logRefusal(r *http.Request, why *refusal) {
	args := []any{"status", why.status, "reason", why.public}
	if why.private != "" {
		args = append(args, "detail", why.private)
	}
	h.warn(why.kind, "webhook call refused", append(args, "path", r.URL.Path, "client", r.RemoteAddr)...)
}

// warn logs a line of a kind, sampled. There must be few kinds, and senders must not be able to make new ones.
func (h *Handler) warn(kind, message string, args ...any) {
	if all, due := h.log.Admit(sampledlog.Line{Kind: kind, Every: logInterval}, time.Now(), args...); due {
		h.o.Logger.Warn(message, all...)
	}
}

// writeAccepted answers 202. Ids need no escaping in JSON.
func writeAccepted(w http.ResponseWriter, id string, duplicate bool) {
	answer := make([]byte, 0, 64)
	answer = append(append(answer, `{"event_id":"`...), id...)
	if duplicate {
		answer = append(answer, `","duplicate":true}`...)
	} else {
		answer = append(answer, `"}`...)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusAccepted)
	_, _ = w.Write(append(answer, '\n')) // a sender that is gone will try again
}

func writeRefusal(w http.ResponseWriter, r *refusal) {
	switch r.status {
	case http.StatusServiceUnavailable:
		w.Header().Set("Retry-After", retryAfter)
	case http.StatusMethodNotAllowed:
		w.Header().Set("Allow", http.MethodPost)
	case http.StatusRequestEntityTooLarge:
		w.Header().Set("Connection", "close")
	}
	writeError(w, r.status, r.public)
}

func writeError(w http.ResponseWriter, status int, message string) {
	answer, _ := json.Marshal(map[string]string{"error": message}) // strings always encode
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	_, _ = w.Write(append(answer, '\n'))
}

// writeStatus answers a probe.
func writeStatus(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		w.Header().Set("Allow", "GET, HEAD")
		writeError(w, http.StatusMethodNotAllowed, "method not allowed: use GET")
	case err != nil:
		w.Header().Set("Retry-After", retryAfter)
		writeError(w, http.StatusServiceUnavailable, "not ready")
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ok"}`+"\n")
	}
}
