// Package ingest is the public door: it takes Qase's webhook calls and answers when the event is on disk.
package ingest

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/sampledlog"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Options are what the door works with. Accept and Sources are needed.
type Options struct {
	// Accept returns when the event is on disk. An error means that the sender has to try again; it is logged and not
	// shown to the sender.
	Accept func(ctx context.Context, ev *event.Event) (id string, duplicate bool, err error)
	// Sources returns the sources in force.
	Sources func() []rules.Source
	// Ready returns nil if events are taken now; nil means always. The error is not shown.
	Ready func(ctx context.Context) error
	// Observe is called after each webhook call, with the status and how long it took; nil means not.
	Observe func(status int, took time.Duration)
	// MaxBody is how many bytes a body may have; zero means 1 MiB.
	MaxBody int64
	// Logger gets why calls were refused, at most a line for each kind in ten seconds; nil logs nothing.
	Logger *slog.Logger
}

// Handler takes webhook calls. Anything else that it is asked for does not exist.
type Handler struct {
	o      Options
	router *mux.Router
	quiet  sampledlog.Log
}

// New returns the handler of the public address.
func New(o Options) *Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(int, time.Duration) {}
	}
	if o.Ready == nil {
		o.Ready = func(context.Context) error { return nil }
	}
	h := &Handler{o: o, router: mux.NewRouter().SkipClean(true).UseEncodedPath()}
	h.router.HandleFunc("/webhooks/{source}", h.webhook)
	h.router.HandleFunc("/healthz", h.healthz)
	h.router.HandleFunc("/readyz", h.readyz)
	h.router.NotFoundHandler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		writeError(w, http.StatusNotFound, "there is nothing here; Qase posts to /webhooks/SOURCE")
	})
	return h
}

// Server returns a server with limits that fit webhooks: a sender who is slow on purpose cannot hold on to it.
func Server(addr string, handler http.Handler) *http.Server {
	return &http.Server{Addr: addr, Handler: handler, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 15 * time.Second, IdleTimeout: 75 * time.Second, MaxHeaderBytes: 32 << 10}
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) { h.router.ServeHTTP(w, r) }

// webhook answers one call.
func (h *Handler) webhook(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	status := http.StatusServiceUnavailable
	defer func() {
		if p := recover(); p != nil {
			h.warn("panic", "taking an event panicked", "panic", p)
			writeRefusal(w, storeRefusal())
		}
		h.o.Observe(status, time.Since(start))
	}()
	id, duplicate, refused := h.take(w, r)
	if refused != nil {
		status = refused.status
		h.logRefusal(r, refused)
		writeRefusal(w, refused)
		return
	}
	status = http.StatusAccepted
	writeAccepted(w, id, duplicate)
}

// take checks a call, from what is cheap to what is dear, and accepts its event.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) (id string, duplicate bool, refused *refusal) {
	source, refused := h.admit(r)
	if refused != nil {
		return "", false, refused
	}
	body, refused := readBody(w, r, h.o.MaxBody)
	if refused != nil {
		return "", false, refused
	}
	ev, err := event.Parse(source.Name, body, time.Now())
	if err != nil {
		return "", false, &refusal{status: http.StatusBadRequest, kind: "bad event", public: err.Error()}
	}
	if len(source.Projects) > 0 && !slices.Contains(source.Projects, ev.Project) {
		return "", false, &refusal{status: http.StatusForbidden, kind: "project",
			public: "this project is not allowed here", private: "project " + ev.Project}
	}
	id, duplicate, err = h.o.Accept(r.Context(), ev)
	if err != nil {
		refused = storeRefusal()
		refused.private = err.Error()
	}
	return id, duplicate, refused
}

// admit says by which source a call comes in, or why it does not.
func (h *Handler) admit(r *http.Request) (*rules.Source, *refusal) {
	sources, name := h.o.Sources(), mux.Vars(r)["source"]
	i := slices.IndexFunc(sources, func(s rules.Source) bool { return s.Name == name })
	switch {
	case i < 0:
		return nil, &refusal{status: http.StatusNotFound, kind: "unknown source", public: "there is no such source"}
	case r.Method != http.MethodPost:
		return nil, &refusal{status: http.StatusMethodNotAllowed, kind: "method", public: "only POST is possible here"}
	case !addressAllowed(&sources[i], r.RemoteAddr):
		return nil, &refusal{status: http.StatusForbidden, kind: "address",
			public: "this address is not allowed here"}
	case !secretFits(&sources[i], r.Header.Get("X-Qase-Secret")):
		return nil, &refusal{status: http.StatusUnauthorized, kind: "secret",
			public: "the secret in the header X-Qase-Secret is missing or wrong"}
	}
	return &sources[i], nil
}

func addressAllowed(s *rules.Source, remote string) bool {
	if len(s.AllowFrom) == 0 {
		return true
	}
	peer, err := netip.ParseAddrPort(remote)
	if err != nil {
		return false
	}
	addr := peer.Addr().Unmap().WithZone("")
	return slices.ContainsFunc(s.AllowFrom, func(p netip.Prefix) bool { return p.Contains(addr) })
}

// secretFits compares the SHA-256 of what was sent with that of each secret, always with all of them, so that the time
// it takes tells nothing about either.
func secretFits(s *rules.Source, sent string) bool {
	sum, fits := sha256.Sum256([]byte(sent)), 0
	for i := range s.Secrets {
		fits |= subtle.ConstantTimeCompare(sum[:], s.Secrets[i][:])
	}
	return fits == 1 && sent != ""
}

func (h *Handler) healthz(w http.ResponseWriter, r *http.Request) {
	writeStatus(w, r, nil)
}

func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) {
	err := h.o.Ready(r.Context())
	if err != nil {
		h.warn("not ready", "not ready", "error", err)
	}
	writeStatus(w, r, err)
}
