package ingest

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/ingest/origin"
	"qaserelay/relay/ingest/refused"
	"qaserelay/relay/listen"
	"qaserelay/relay/sampledlog"
	"qaserelay/rules"
)

const (
	// logInterval is the least time between two lines of one kind in the log.
	logInterval = 10 * time.Second
	// maxLogged is the length of the longest path in the log in bytes.
	maxLogged = 200
)

// refusal is the reason why a call is not accepted, for the sender and for the log of the operator.
type refusal struct {
	status  int
	kind    string // of the line in the log
	public  string // for the sender and the log
	private string // for the log alone
	allow   string // the methods that are allowed
}

func storeRefusal() *refusal {
	return &refusal{status: http.StatusServiceUnavailable, kind: "store",
		public: "the event could not be stored; try again"}
}

// retryAfter is the time in seconds after which a sender should try again.
const retryAfter = "5"

// logRefusal logs why a call was refused.
func (h *Handler) logRefusal(r *http.Request, why *refusal) {
	from := origin.Of(r, h.o.TrustedProxies())
	client := "unknown"
	if from.Client.IsValid() {
		client = from.Client.String()
	}
	args := []any{"status", why.status, "reason", why.public}
	if why.private != "" {
		args = append(args, "detail", why.private)
	}
	path := r.URL.Path
	args = append(args, "method", r.Method, "path", path[:min(len(path), maxLogged)], "client", client,
		"peer", r.RemoteAddr)
	h.warn(why.kind, "webhook call refused", args...)
	if why.kind == "address" && from.Untrusted {
		h.untrusted.Do(func() {
			h.o.Logger.Warn("allow_from compared the address of a proxy", "peer", from.Peer.String(),
				"hint", "the call has a header X-Forwarded-For or Forwarded: if the peer is your reverse proxy, name it in "+
					"settings.trusted_proxies or --trusted-proxies")
		})
	}
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
		w.Header().Set("Allow", r.allow)
	case http.StatusUnsupportedMediaType:
		w.Header().Set("Accept-Encoding", "gzip")
	}
	writeError(w, r.status, r.public)
}

// refuse logs and answers a call that is not accepted.
func (h *Handler) refuse(w http.ResponseWriter, r *http.Request, why *refusal) {
	h.logRefusal(r, why)
	h.countRefusal(r, why)
	listen.Refuse(w, r, func() { writeRefusal(w, why) })
}

// countRefusal counts a refused call. The name of a source that does not exist is not passed on, since senders must not
// be able to make series.
func (h *Handler) countRefusal(r *http.Request, why *refusal) {
	if h.o.Refused == nil {
		return
	}
	name := mux.Vars(r)["source"]
	if !slices.ContainsFunc(h.o.Sources(), func(s rules.Source) bool { return s.Name == name }) {
		name = ""
	}
	sender := ""
	if client := origin.Of(r, h.o.TrustedProxies()).Client; client.IsValid() {
		sender = client.String()
	}
	h.o.Refused(refused.Call{Source: name, Status: why.status, Reason: why.public, Sender: sender, At: h.o.Now()})
}

func writeError(w http.ResponseWriter, status int, message string) {
	answer, _ := json.Marshal(map[string]string{"error": message}) // strings always encode
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Length", strconv.Itoa(len(answer)+1))
	w.WriteHeader(status)
	_, _ = w.Write(append(answer, '\n'))
}

// writeStatus answers a probe.
func (h *Handler) writeStatus(w http.ResponseWriter, r *http.Request, err error) {
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead:
		h.refuse(w, r, &refusal{status: http.StatusMethodNotAllowed, kind: "probe", public: "method not allowed: use GET",
			allow: "GET, HEAD"})
	case err != nil:
		w.Header().Set("Retry-After", retryAfter)
		writeError(w, http.StatusServiceUnavailable, "not ready")
	default:
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"status":"ok"}`+"\n")
	}
}
