// Package admin is the operator's door: health, metrics, reload, and what became of events, as JSON.
//
// It is meant for loopback or for those who know the token. What it shows holds no secrets.
package admin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// Options are what the door works with. All but Token and Logger are needed.
type Options struct {
	Store store.Store
	// Metrics serves /metrics.
	Metrics http.Handler
	// Ready returns nil if the relay takes events now.
	Ready func(ctx context.Context) error
	// Reload loads the rules again. An error that is rules.Problems says what is wrong with them.
	Reload func() error
	// Status tells what runs.
	Status func() Status
	// Retry makes dead or pending deliveries due now, and returns how many of them there were.
	Retry func(ctx context.Context, ids []store.ID) (int, error)
	// Replay decides about stored events again, and sends what follows unless it is dry.
	Replay func(ctx context.Context, ids []store.ID, dry bool) []relay.Replay
	// Resume lets one message of a notifier try a receiver that was gone or failed. relay.ErrNoNotifier says that there is none of that name.
	Resume func(ctx context.Context, notifier string) error
	// Drift lists what arrived and is not in the catalogue; it becomes JSON as it is.
	Drift func() any
	// Token is asked of everyone, but for health checks; empty asks nobody.
	Token string
	// Logger gets what went wrong within; nil logs nothing.
	Logger *slog.Logger
}

// Status tells what a relay runs on.
type Status struct {
	Version   string            `json:"version"`
	DryRun    bool              `json:"dry_run"`
	LoadedAt  time.Time         `json:"rules_loaded_at"`
	LoadError string            `json:"rules_error,omitempty"`     // why the last try to load the rules failed
	States    map[string]string `json:"notifier_states,omitempty"` // closed, open, half-open or paused
	Rules     []Rule            `json:"-"`
	Notifiers []Notifier        `json:"-"`
}

// Rule is one rule in force.
type Rule = rules.RuleInfo

// Notifier is one configured way out, and what it has before it.
type Notifier struct {
	Name       string     `json:"name"`
	Type       string     `json:"type,omitempty"` // empty if it is not configured (any more)
	Configured bool       `json:"configured"`
	Pending    int        `json:"pending"`
	Dead       int        `json:"dead"`
	Oldest     *time.Time `json:"oldest_pending_at,omitempty"`
	State      string     `json:"state,omitempty"`       // closed: messages go out; open, half-open or paused: they wait
	Since      *time.Time `json:"state_since,omitempty"` // when they began or ceased to go out
	Why        string     `json:"why,omitempty"`         // they wait
	NextTry    *time.Time `json:"next_try_at,omitempty"` // when the next one may go out, if not now
	Rate       string     `json:"rate,omitempty"`        // how many go out at most, such as 60/m; empty is as many as can
	RateEach   bool       `json:"rate_each,omitempty"`   // that is for each channel, chat or the like
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
		r.MethodNotAllowedHandler = http.HandlerFunc(methodNotAllowed)
	}
	closed.NotFoundHandler = http.HandlerFunc(notFound)
	cross := http.NewCrossOriginProtection()
	cross.SetDenyHandler(http.HandlerFunc(crossOrigin))
	open.NotFoundHandler = s.askToken(cross.Handler(closed))
	return open
}

// openRoutes are those that ask for no token.
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
	get(r, "/api/v1/openapi.json", describe)
	post(r, "/api/v1/events/replay", s.replayMany)
	post(r, "/api/v1/events/{id}/replay", s.replayOne)
	post(r, "/api/v1/deliveries/retry", s.retryMany)
	post(r, "/api/v1/deliveries/{id}/retry", s.retryOne)
	post(r, "/api/v1/deliveries/{id}/cancel", s.cancel)
	post(r, "/api/v1/notifiers/{name}/resume", s.resume)
	post(r, "/-/reload", s.reload)
}

func get(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, h).Methods(http.MethodGet, http.MethodHead)
}

func post(r *mux.Router, path string, h http.HandlerFunc) {
	r.HandleFunc(path, h).Methods(http.MethodPost)
}

// CheckAddress returns an error if listening on addr would show the relay to others than this machine without a token.
func CheckAddress(addr, token string) error {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return fmt.Errorf("admin address %q: want HOST:PORT: %w", addr, err)
	}
	ip, err := netip.ParseAddr(host)
	if token != "" || host == "localhost" || err == nil && ip.Unmap().IsLoopback() {
		return nil
	}
	return fmt.Errorf("admin address %s can be reached by other machines: set a token (--admin-token), or listen on 127.0.0.1", addr)
}

// askToken lets only those through who know the token.
func (s *server) askToken(next http.Handler) http.Handler {
	if s.Token == "" {
		return next
	}
	want := sha256.Sum256([]byte(s.Token))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		got := sha256.Sum256([]byte(strings.TrimSpace(token)))
		if !strings.EqualFold(scheme, "Bearer") || subtle.ConstantTimeCompare(got[:], want[:]) != 1 {
			w.Header().Set("WWW-Authenticate", `Bearer realm="qase-relay"`)
			writeError(w, http.StatusUnauthorized, "the bearer token is missing or wrong")
			return
		}
		next.ServeHTTP(w, r)
	})
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

func (s *server) drift(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{"drift": s.Drift()})
}

func (s *server) index(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, `qase-relay

GET  /metrics                  for Prometheus
GET  /healthz  /readyz         is it alive, does it take events
POST /-/reload                 load the rules again
GET  /api/v1/openapi.json      describes all that follows
GET  /api/v1/status            version and rules in force
GET  /api/v1/events            filters: source project event rule notifier state since until
GET  /api/v1/events/export     with bodies, the oldest first; filters: source project event since until after limit decided
GET  /api/v1/events/ID         one event: decisions and deliveries
POST /api/v1/events/ID/replay  decide about it again, by the rules in force
POST /api/v1/events/replay     the same for {"ids": [...]}
GET  /api/v1/deliveries        filters: state rule notifier project event since until
GET  /api/v1/deliveries/ID     one delivery: message and attempts
POST /api/v1/deliveries/ID/retry
POST /api/v1/deliveries/retry  the same for {"ids": [...]} or {"state": "dead", ...}
POST /api/v1/deliveries/ID/cancel
GET  /api/v1/rules
GET  /api/v1/notifiers         whether each works, and what it has before it
POST /api/v1/notifiers/NAME/resume  try a receiver that was gone or failed
GET  /api/v1/drift             events and fields that the catalogue does not have
`)
}
