// Package admin serves the admin address: health, metrics, reload, and the desk as JSON.
//
// The address is for loopback or for clients with the token. Nothing that it shows holds a secret.
package admin

import (
	"context"
	_ "embed"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/listen"
)

// Options are what the handler works with. All but Listen, URLs, Token and Logger are needed.
type Options struct {
	Desk *desk.Desk
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready returns nil if the relay takes events now.
	Ready func(ctx context.Context) error
	// Reload loads the rules again. An error that is diag.Problems lists their problems.
	Reload func() error
	// Listen is the address on which it listens, and URLs are further ones by which clients reach it. It answers to these
	// and to loopback names alone.
	Listen string
	URLs   []string
	// Token is required for everything except health checks; empty requires none.
	Token string
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
	open := mux.NewRouter().SkipClean(true).UseEncodedPath()
	s.openRoutes(open)
	closed := mux.NewRouter().SkipClean(true).UseEncodedPath()
	s.routes(closed)
	for _, r := range []*mux.Router{open, closed} {
		r.MethodNotAllowedHandler = methodNotAllowed(r)
	}
	closed.NotFoundHandler = http.HandlerFunc(notFound)
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(crossOrigin))
	for _, text := range o.URLs {
		if u, err := url.Parse(text); err == nil {
			_ = cross.AddTrustedOrigin(u.Scheme + "://" + u.Host) // a URL that is none was refused at the start
		}
	}
	open.NotFoundHandler = s.requireToken(cross.Handler(closed))
	return secured(listen.Refusals(s.checkName(open)))
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

func (s *server) routes(r *mux.Router) {
	get(r, "/", s.index)
	get(r, "/metrics", s.Metrics.ServeHTTP)
	get(r, "/api/v1/status", s.status)
	get(r, "/api/v1/events", s.events)
	get(r, "/api/v1/events/export", s.export)
	get(r, "/api/v1/events/{id}", s.event)
	get(r, "/api/v1/deliveries", s.deliveries)
	get(r, "/api/v1/deliveries/{id}", s.delivery)
	get(r, "/api/v1/rules", s.rules)
	get(r, "/api/v1/notifiers", s.notifiers)
	get(r, "/api/v1/drift", s.drift)
	get(r, "/api/v1/silences", s.silences)
	get(r, "/api/v1/silences/{id}", s.silence)
	get(r, "/api/v1/waiting", s.waiting)
	get(r, "/api/v1/waiting/{id}", s.waitingOne)
	get(r, "/api/v1/openapi.json", describe)
	post(r, "/api/v1/events/replay", s.replayMany)
	post(r, "/api/v1/events/{id}/replay", s.replayOne)
	post(r, "/api/v1/deliveries/retry", s.retryMany)
	post(r, "/api/v1/deliveries/{id}/retry", s.retryOne)
	post(r, "/api/v1/deliveries/{id}/cancel", s.cancel)
	post(r, "/api/v1/notifiers/{name}/resume", s.resume)
	post(r, "/-/reload", s.reload)
	post(r, "/api/v1/silences", s.addSilence)
	post(r, "/api/v1/waiting/{id}/flush", s.flush)
	post(r, "/api/v1/waiting/{id}/drop", s.drop)
	r.HandleFunc("/api/v1/silences/{id}", s.changeSilence).Methods(http.MethodPut)
	r.HandleFunc("/api/v1/silences/{id}", s.expireSilence).Methods(http.MethodDelete)
}

func get(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead)
}

func post(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, h).Methods(http.MethodPost)
}

// CheckAddress returns an error if other machines could reach addr, and there is no token.
func CheckAddress(addr, token string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("admin address %q: want HOST:PORT: %w", addr, err)
	}
	ip, err := netip.ParseAddr(host)
	if token != "" || host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("admin address %s can be reached by other machines: set a token (--admin-token), "+
		"or listen on 127.0.0.1", addr)
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

func (s *server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, `qase-relay

GET  /metrics                  for Prometheus
GET  /healthz  /readyz         whether it runs, and whether it takes events
POST /-/reload                 load the rules again
GET  /api/v1/openapi.json      describes the API
GET  /api/v1/status            version, time of the last reload, states of the notifiers
GET  /api/v1/events            filters: source project event rule notifier state since until
GET  /api/v1/events/export     with bodies, the oldest first
                               filters: source project event since until after limit decided
GET  /api/v1/events/ID         one event: decisions and deliveries
POST /api/v1/events/ID/replay  decide on it again by the current rules
POST /api/v1/events/replay     the same for {"ids": [...]}
GET  /api/v1/deliveries        filters: state rule notifier project event since until
GET  /api/v1/deliveries/ID     one delivery: message and attempts
POST /api/v1/deliveries/ID/retry
POST /api/v1/deliveries/retry  the same for {"ids": [...]} or {"state": "dead", ...}
POST /api/v1/deliveries/ID/cancel
GET  /api/v1/rules
GET  /api/v1/notifiers         each with its state and its backlog
POST /api/v1/notifiers/NAME/resume  try a receiver that was gone or failed
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
`)
}

// openAPI describes the answers of this address. A test compares it with the routes.
//
//go:embed openapi.json
var openAPI []byte

func describe(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(openAPI) // a client that is gone needs no answer
}
