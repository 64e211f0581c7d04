// Package ingest serves the public address: it takes webhook calls from Qase and answers once the event is on disk.
package ingest

import (
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/ingest/refused"
	"qaserelay/relay/sampledlog"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// Options are what the handler works with. Accept and Sources are needed.
type Options struct {
	// Accept returns once the event is on disk. After an error the sender has to try again; the error is logged and not
	// shown to the sender.
	Accept func(ctx context.Context, ev *event.Event) (id string, duplicate bool, err error)
	// Sources returns the current sources.
	Sources func() []rules.Source
	// Ready returns nil if events are taken now; nil means always. The error is logged and not shown.
	Ready func(ctx context.Context) error
	// Now is the time at which a call is received; nil means that of the machine.
	Now func() time.Time
	// Observe is called after each webhook call, with the status and the time it took; nil is not called.
	Observe func(status int, took time.Duration)
	// Refused is called for each call that is not accepted, with its source, or "" if that does not exist; may be nil.
	Refused func(refused.Call)
	// MaxBody is the size of the largest body in bytes; zero means 1 MiB.
	MaxBody int64
	// MaxBodies is the size of all bodies that are in work at once; zero means 8 MiB. Further ones wait, and are then
	// refused with 503.
	MaxBodies int64
	// TrustedProxies returns the networks of the proxies that name the client; nil means none.
	TrustedProxies func() []netip.Prefix
	// Logger gets the reasons of refusals, at most a line of each kind in ten seconds; nil logs nothing.
	Logger *slog.Logger
}

// Handler takes webhook calls and answers probes. All other paths are not found.
type Handler struct {
	o         Options
	router    *mux.Router
	memory    *memory
	log       sampledlog.Log
	untrusted sync.Once // logs that a proxy is not trusted
}

// New returns the handler of the public address.
func New(o Options) *Handler {
	if o.MaxBody <= 0 {
		o.MaxBody = 1 << 20
	}
	if o.MaxBodies <= 0 {
		o.MaxBodies = 8 << 20
	}
	if o.TrustedProxies == nil {
		o.TrustedProxies = func() []netip.Prefix { return nil }
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
	if o.Now == nil {
		o.Now = time.Now
	}
	h := &Handler{o: o, router: mux.NewRouter().SkipClean(true).UseEncodedPath(), memory: newMemory(o.MaxBodies)}
	h.router.HandleFunc("/webhooks/{source}", h.webhook)
	h.router.HandleFunc("/healthz", h.healthz)
	h.router.HandleFunc("/readyz", h.readyz)
	h.router.NotFoundHandler = http.HandlerFunc(h.notFound)
	return h
}

func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.router.ServeHTTP(w, tidyPath(r))
}

// webhook takes one call and answers it.
func (h *Handler) webhook(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	id, duplicate, why := h.take(w, r)
	if why != nil {
		h.o.Observe(why.status, time.Since(start))
		h.refuse(w, r, why)
		return
	}
	writeAccepted(w, id, duplicate)
	h.o.Observe(http.StatusAccepted, time.Since(start))
}

// notFound answers a call to a wrong path. It is counted and logged, since Qase may have been given that path.
func (h *Handler) notFound(w http.ResponseWriter, r *http.Request) {
	h.o.Observe(http.StatusNotFound, 0)
	h.refuse(w, r, &refusal{status: http.StatusNotFound, kind: "path",
		public: "not found; Qase posts to /webhooks/SOURCE"})
}

// take checks a call, the cheap checks first, and accepts its event.
func (h *Handler) take(w http.ResponseWriter, r *http.Request) (id string, duplicate bool, refused *refusal) {
	defer func() {
		if p := recover(); p != nil {
			h.warn("panic", "webhook call panicked", "panic", p)
			refused = storeRefusal()
		}
	}()
	source, refused := h.admit(r)
	if refused != nil {
		return "", false, refused
	}
	body, claimed, refused := h.readBody(w, r)
	defer func() { claimed.release() }()
	if refused != nil {
		return "", false, refused
	}
	ev, err := event.Parse(source.Name, body, h.o.Now())
	if err == nil {
		err = event.CheckOutside(ev)
	}
	if err != nil {
		return "", false, &refusal{status: http.StatusBadRequest, kind: "bad event", public: err.Error()}
	}
	if !source.Takes(ev.Project) {
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

func (h *Handler) healthz(w http.ResponseWriter, r *http.Request) {
	h.writeStatus(w, r, nil)
}

func (h *Handler) readyz(w http.ResponseWriter, r *http.Request) {
	err := h.o.Ready(r.Context())
	if err != nil {
		h.warn("not ready", "not ready", "error", err)
	}
	h.writeStatus(w, r, err)
}
