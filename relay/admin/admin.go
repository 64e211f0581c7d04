// Package admin serves the admin address: health, metrics, reload, the desk as JSON, and the console beside them.
//
// The address is for loopback or for clients that package access lets in. Nothing that it shows holds a secret.
package admin

import (
	"context"
	_ "embed"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/why"
	"qaserelay/relay/listen"
	"qaserelay/relay/trial"
)

// Options are what the handler works with. All but Listen, URLs, Console and Logger are needed.
type Options struct {
	Desk *desk.Desk
	// Trial tries events with rules.
	Trial *trial.Trial
	// Backtests run drafts over stored events.
	Backtests *trial.Backtests
	// Why says what became of events.
	Why *why.Asker
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready returns nil if the relay takes events now.
	Ready func(ctx context.Context) error
	// Reload loads the rules again. An error that is diag.Problems lists their problems.
	Reload func(ctx context.Context) error
	// Listen is the address on which it listens, and URLs are further ones by which clients reach it. It answers to these
	// and to loopback names alone.
	Listen string
	URLs   []string
	// Access lets clients in. Health checks need no access.
	Access *access.Guard
	// Console answers what is not the API, metrics or a probe, and lets its users in by itself. Without it such paths are
	// not found.
	Console http.Handler
	// Logger gets the errors that clients do not see; nil logs nothing.
	Logger *slog.Logger
}

type server struct{ Options }

// New returns the handler of the admin address.
func New(o Options) http.Handler {
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s := &server{o}
	open, metrics, closed := newRouter(), newRouter(), newRouter()
	s.openRoutes(open)
	s.metricsRoutes(metrics)
	s.routes(closed)
	for _, r := range []*mux.Router{open, metrics, closed} {
		r.MethodNotAllowedHandler = methodNotAllowed(r)
	}
	closed.NotFoundHandler = http.HandlerFunc(notFound)
	api := s.guarded(s.Access.Person, crossOrigin(o.URLs).Handler(closed))
	open.NotFoundHandler = s.byPath(s.guarded(s.Access.Client, metrics), api)
	return secured(listen.Refusals(withoutPrefix(o.URLs, s.checkName(open))))
}

func newRouter() *mux.Router { return mux.NewRouter().SkipClean(true).UseEncodedPath() }

// byPath hands requests to the metrics, the API and the console.
func (s *server) byPath(metrics, api http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch path := r.URL.Path; {
		case path == "/metrics":
			metrics.ServeHTTP(w, r)
		case s.Console == nil, strings.HasPrefix(path, "/api/"), strings.HasPrefix(path, "/-/"),
			path == "/" && !isBrowser(r):
			api.ServeHTTP(w, r)
		default:
			s.Console.ServeHTTP(w, r)
		}
	})
}

// isBrowser reports whether a client asks for pages, or for the stream of one.
func isBrowser(r *http.Request) bool {
	accept := r.Header.Get("Accept")
	return strings.Contains(accept, "text/html") || strings.Contains(accept, "text/event-stream")
}

// crossOrigin refuses the requests of other sites' pages that change something.
func crossOrigin(urls []string) *http.CrossOriginProtection {
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(refuseCrossOrigin))
	for _, text := range urls {
		if u, err := url.Parse(text); err == nil {
			_ = cross.AddTrustedOrigin(u.Scheme + "://" + u.Host) // a URL that is none was refused at the start
		}
	}
	return cross
}

// openRoutes need no token.
func (s *server) openRoutes(r *mux.Router) {
	for _, path := range []string{"/healthz", "/-/healthy"} {
		get(r, path, s.healthy)
	}
	for _, path := range []string{"/readyz", "/-/ready"} {
		get(r, path, s.ready)
	}
}

// metricsRoutes take no session of a browser.
func (s *server) metricsRoutes(r *mux.Router) { get(r, "/metrics", s.Metrics.ServeHTTP) }

func (s *server) routes(r *mux.Router) {
	get(r, "/", s.index)
	get(r, "/api/v1/status", s.status)
	get(r, "/api/v1/events", s.events)
	get(r, "/api/v1/search", s.events)
	get(r, "/api/v1/events/export", s.export)
	get(r, "/api/v1/events/{id}", s.event)
	get(r, "/api/v1/deliveries", s.deliveries)
	get(r, "/api/v1/deliveries/{id}", s.delivery)
	get(r, "/api/v1/rules", s.rules)
	get(r, "/api/v1/rules/{name}", s.rule)
	get(r, "/api/v1/notifiers", s.notifiers)
	get(r, "/api/v1/drift", s.drift)
	get(r, "/api/v1/silences", s.silences)
	get(r, "/api/v1/silences/{id}", s.silence)
	get(r, "/api/v1/waiting", s.waiting)
	get(r, "/api/v1/waiting/{id}", s.waitingOne)
	get(r, "/api/v1/audit", s.audit)
	get(r, "/api/v1/stats", s.stats)
	get(r, "/api/v1/feeds", s.feeds)
	get(r, "/api/v1/refusals", s.refusals)
	get(r, "/api/v1/notifiers/{name}", s.notifier)
	get(r, "/api/v1/jobs", s.jobs)
	get(r, "/api/v1/jobs/{id}", s.job)
	r.HandleFunc("/api/v1/jobs", s.startJob).Methods(http.MethodPost) // a preview changes nothing
	r.HandleFunc("/api/v1/jobs/{id}", operators(s.stopJob)).Methods(http.MethodDelete)
	get(r, "/api/v1/openapi.json", describe)
	s.trialRoutes(r)
	s.backtestRoutes(r)
	get(r, "/api/v1/why", s.why)
	r.HandleFunc("/api/v1/events/replay", s.replayMany).Methods(http.MethodPost) // it may be dry
	r.HandleFunc("/api/v1/events/{id}/replay", s.replayOne).Methods(http.MethodPost)
	post(r, "/api/v1/deliveries/retry", s.retryMany)
	post(r, "/api/v1/deliveries/{id}/retry", s.retryOne)
	post(r, "/api/v1/deliveries/{id}/cancel", s.cancel)
	post(r, "/api/v1/notifiers/{name}/resume", s.resume)
	post(r, "/api/v1/notifiers/{name}/pause", s.pause)
	post(r, "/api/v1/notifiers/{name}/test", s.testNotifier)
	post(r, "/-/reload", s.reload)
	r.HandleFunc("/api/v1/silences", s.addSilence).Methods(http.MethodPost) // a preview changes nothing
	post(r, "/api/v1/waiting/{id}/flush", s.flush)
	post(r, "/api/v1/waiting/{id}/drop", s.drop)
	r.HandleFunc("/api/v1/silences/{id}", operators(s.changeSilence)).Methods(http.MethodPut)
	r.HandleFunc("/api/v1/silences/{id}", operators(s.expireSilence)).Methods(http.MethodDelete)
}

func get(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead)
}

// post adds an action, for clients that may operate.
func post(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, operators(h)).Methods(http.MethodPost)
}

func (s *server) healthy(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

func (s *server) ready(w http.ResponseWriter, r *http.Request) {
	if err := s.Ready(r.Context()); err != nil {
		w.Header().Set("Retry-After", "5")
		writeError(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{"status": "ok"})
}

// index lists the endpoints.
func (s *server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, endpoints)
}

// endpoints lists the endpoints for people.
const endpoints = `qase-relay

GET  /metrics                  for Prometheus
GET  /healthz  /readyz         whether it runs, and whether it takes events
POST /-/reload                 load the rules again
GET  /api/v1/openapi.json      describes the API
GET  /api/v1/status            version, time of the last reload, states of the notifiers
GET  /api/v1/events            filters: source project event rule notifier outcome state since until
                               q=WORDS entity=WEB/run/7; search is the same
GET  /api/v1/events/export     with bodies, the oldest first
                               filters: source project event since until after limit decided
GET  /api/v1/events/ID         one event: decisions and deliveries
POST /api/v1/events/ID/replay  decide on it again by the current rules
POST /api/v1/events/replay     the same for {"ids": [...]}
GET  /api/v1/deliveries        filters: state rule notifier project event reason q entity since until
GET  /api/v1/deliveries/ID     one delivery: message and attempts
POST /api/v1/deliveries/ID/retry
POST /api/v1/deliveries/retry  the same for {"ids": [...]} or {"state": "dead", ...}
POST /api/v1/deliveries/ID/cancel
POST /api/v1/jobs              change many deliveries in the background:
                               {"verb": "retry", "state": "dead", "notifier": "…"}
                               with "preview": true, say how many and how long it takes
GET  /api/v1/jobs              the last 100; jobs/ID one of them, DELETE stops it
GET  /api/v1/rules             in their order; rules/NAME has the lines of one
GET  /api/v1/why?q=TEXT        what became of it: an id, a Qase link, "WEB run 7", or words
POST /api/v1/explain           what the rules, or a draft, do with an event: {"event": "run.completed"}
POST /api/v1/check             problems of the current rules, or of a draft: {"rule": "- name: …"}
POST /api/v1/backtests         a draft over stored events; backtests/ID shows it
GET  /api/v1/catalog           the events that Qase sends; catalog/NAME describes one
GET  /api/v1/notifiers         each with its state and its backlog
GET  /api/v1/notifiers/NAME    how it does: state, success, latency, reasons, last attempts
POST /api/v1/notifiers/NAME/resume  try a receiver that was gone or failed
POST /api/v1/notifiers/NAME/pause   keep its messages until it is resumed
POST /api/v1/notifiers/NAME/test    send a test message now
GET  /api/v1/stats             counts over time; parameters: of by since until step
GET  /api/v1/feeds             the last event of each source and project
GET  /api/v1/refusals          webhook calls that were refused
GET  /api/v1/audit             what people have done
                               filters: who verb object since until
GET  /api/v1/drift             events and fields that are not in the catalog
GET  /api/v1/silences          messages that are held back for some time; filter: state
POST /api/v1/silences          add one: {"matchers": ["rule=…"], "for": "2h"}
                               ?preview=24h: say which messages of that time it matches
GET  /api/v1/silences/ID       PUT changes it, DELETE expires it
GET  /api/v1/waiting           digests, held messages and waits, the first due first
                               filters: kind rule after limit
GET  /api/v1/waiting/ID        one of them: the messages of a digest
POST /api/v1/waiting/ID/flush  send it now; {"author": "…"}
POST /api/v1/waiting/ID/drop   delete it unsent; {"author": "…"}
`

// openAPI describes the answers of this address. A test compares it with the routes.
//
//go:embed openapi.json
var openAPI []byte

func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // a client that is gone needs no answer
}
