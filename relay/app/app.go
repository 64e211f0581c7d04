// Package app assembles a whole relay: the engine on its store, the public and the admin address, and the reloader of
// the rules files.
package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"qaserelay/relay"
	"qaserelay/relay/admin"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/config"
	"qaserelay/relay/ingest"
	"qaserelay/relay/ingest/refused"
	"qaserelay/relay/listen"
	"qaserelay/relay/metrics"
	"qaserelay/relay/presence"
	"qaserelay/relay/store"
	"qaserelay/relay/telemetry"
	"qaserelay/relay/trial"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

const (
	// publicGrace is the time that webhook calls in flight have to end once the relay stops.
	publicGrace = 300 * time.Millisecond
	// adminGrace is the same for the admin address.
	adminGrace = time.Second
	// exportGrace is the time that telemetry has to arrive.
	exportGrace = time.Second
)

// Options are what a relay runs with.
type Options struct {
	Rules       []string // names and patterns of the rules files
	Load        config.LoadOptions
	Config      *config.Config // as loaded from Rules
	Listen      string         // the public address
	AdminListen string
	Access      access.Options // to the admin address; its Sessions and Secure are set here
	StoreURL    string         // see OpenStore
	DryRun      bool
	MaxBody     int64
	MaxBodies   int64 // the size of all bodies in work at once
	// TrustedProxies are those of the command line; the rules files may name more.
	TrustedProxies []netip.Prefix
	TLS, AdminTLS  TLSFiles
	AdminURLs      []string // under which clients reach the admin address, besides the one that it listens on
	Logger         *slog.Logger
	Reloads        <-chan os.Signal // each signal reloads the rules
	Started        func(*Relay)     // called once events are taken
	// Work works on drafts of rules; nil does so within this process, which a draft can keep busy.
	Work func(ctx context.Context, in trial.Input) (trial.Output, error)
	// WorkOnHistory is the same for backtests.
	WorkOnHistory func(ctx context.Context, in trial.Input, events trial.History, progress func(int)) (trial.Past, error)
	// OTLPEndpoint is the base URL of a receiver of OpenTelemetry; empty means its standard variables.
	OTLPEndpoint string
	// Version and Revision of the program, for the API and the metrics.
	Version, Revision string
}

// TLSFiles are the PEM files of an address with TLS.
type TLSFiles struct{ Cert, Key string }

// Relay is a whole relay.
type Relay struct {
	o        Options
	store    store.Store
	engine   *relay.Engine
	desk     *desk.Desk
	refused  *refused.Book
	guard    *access.Guard   // of the admin address
	presence *presence.Board // nil where no other relay can use the store
	jobs     *jobs.Register
	reloader *config.Reloader
	exports  *telemetry.Telemetry // nil if none are configured
	public   server
	admin    server
	// assembled is set when the parts are joined, so that metrics can be exported.
	assembled atomic.Bool
	stopping  chan struct{} // closed when the admin address stops taking calls
	// backtests are those of drafts.
	backtests *trial.Backtests
}

// server is an HTTP server with its listener.
type server struct {
	http     *http.Server
	listener net.Listener
	scheme   string
}

// bind listens on an address. The server has no handler yet.
func bind(o listen.Options) (server, error) {
	s := server{scheme: "http"}
	if o.Cert != "" {
		s.scheme = "https"
	}
	var err error
	s.listener, err = listen.TCP(o)
	return s, err
}

// ListenError is the error of an address that the relay cannot listen on.
type ListenError struct {
	Admin bool // it is the admin address
	Addr  string
	Err   error
}

func (e *ListenError) Error() string { return fmt.Sprintf("listening on %s: %v", e.Addr, e.Err) }
func (e *ListenError) Unwrap() error { return e.Err }

// Open listens on the addresses and opens the store. The caller has to call Run, or Close if it does not.
func Open(ctx context.Context, o Options) (*Relay, error) {
	if err := access.CheckAddress(o.AdminListen, o.Access.HasToken()); err != nil {
		return nil, &ListenError{Admin: true, Addr: o.AdminListen, Err: err}
	}
	r := &Relay{o: o, stopping: make(chan struct{})}
	if err := r.open(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	if err := r.assemble(ctx); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

func (r *Relay) open(ctx context.Context) (err error) {
	o := r.o
	if r.public, err = bind(listen.Options{Addr: o.Listen, Cert: o.TLS.Cert, Key: o.TLS.Key, Logger: o.Logger}); err != nil {
		return &ListenError{Addr: o.Listen, Err: err}
	}
	if r.admin, err = bind(listen.Options{Addr: o.AdminListen, Cert: o.AdminTLS.Cert, Key: o.AdminTLS.Key,
		Logger: o.Logger}); err != nil {
		return &ListenError{Admin: true, Addr: o.AdminListen, Err: err}
	}
	s, err := OpenStore(ctx, r.o.StoreURL, r.o.Logger)
	if err != nil {
		return fmt.Errorf("opening the store: %w", err)
	}
	r.store = s
	return refuseUnfinishedCopy(ctx, s)
}

// assemble joins the parts.
func (r *Relay) assemble(ctx context.Context) (err error) {
	o := r.o
	m := metrics.New(metrics.Options{Version: o.Version, Revision: o.Revision, Known: isCatalogEvent})
	if r.exports, err = telemetry.Start(ctx, telemetry.Options{Endpoint: o.OTLPEndpoint, Getenv: os.Getenv,
		Version: o.Version, Metrics: m.Gatherer(r.assembled.Load), Logger: o.Logger}); err != nil {
		return err
	}
	r.engine = relay.New(relay.Options{Store: r.store, Config: o.Config, DryRun: o.DryRun, Logger: o.Logger,
		Metrics: m, Telemetry: r.exports})
	r.refused = refused.New(r.store, o.Logger)
	r.presence = r.newPresence()
	r.reloader = config.NewReloader(config.ReloadOptions{Patterns: o.Rules, Load: o.Load, Config: o.Config,
		Apply: r.engine.Reload, Logger: o.Logger, Observe: m.Reloaded})
	r.public.http = ingest.Server("", r.exports.Handler(ingest.New(ingest.Options{
		Accept:  r.accept,
		Sources: func() []rules.Source { return r.engine.Config().Sources },
		Ready:   r.engine.Ready,
		Now:     r.engine.Now,
		Observe: m.Ingested, Refused: func(c refused.Call) {
			m.Refused(c.Source, c.Status)
			r.refused.Note(c)
		},
		MaxBody: o.MaxBody, MaxBodies: o.MaxBodies,
		TrustedProxies: r.trustedProxies,
		Logger:         o.Logger,
	})))
	options, err := r.adminOptions(m)
	r.admin.http = ingest.Server("", admin.New(options))
	r.admin.http.RegisterOnShutdown(sync.OnceFunc(func() { close(r.stopping) }))
	r.assembled.Store(true)
	return err
}

// trustedProxies returns the proxies that the rules files and the command line name.
func (r *Relay) trustedProxies() []netip.Prefix {
	inFiles := r.engine.Config().Settings.TrustedProxies
	if len(r.o.TrustedProxies) == 0 {
		return inFiles
	}
	return slices.Concat(inFiles, r.o.TrustedProxies)
}

func isCatalogEvent(name string) bool {
	_, ok := catalog.Lookup(name)
	return ok
}

func (r *Relay) accept(ctx context.Context, ev *event.Event) (id string, duplicate bool, err error) {
	ev.Trace = r.exports.Parent(ctx)
	receipt, err := r.engine.Accept(ctx, ev)
	if r.exports != nil && err == nil {
		r.exports.Accepted(ctx, telemetry.Event{ID: receipt.ID.String(), Name: ev.Name, Source: ev.Source,
			Project: ev.Project, Duplicate: receipt.Duplicate})
	}
	return receipt.ID.String(), receipt.Duplicate, err
}

// Run serves until ctx is done or the relay cannot go on, and closes the relay. It returns within 10 seconds of ctx,
// when everything is on disk and all of its goroutines have ended.
func (r *Relay) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	var engine, others sync.WaitGroup
	engine.Go(func() {
		if err := r.engine.Run(engineCtx); err != nil {
			fail(err)
		}
	})
	r.awaitEngine(ctx)
	others.Go(func() { r.public.serve(fail) })
	others.Go(func() { r.admin.serve(fail) })
	others.Go(func() { r.watchRules(ctx) })
	others.Go(func() { r.watchTokens(ctx) })
	others.Go(func() { r.refused.Run(ctx) })
	others.Go(func() { r.jobs.Run(ctx) })
	if r.presence != nil {
		others.Go(func() { r.presence.Run(ctx) })
	}

	r.o.Started(r)
	<-ctx.Done()
	r.o.Logger.Info("stopping", "within", "10s")
	r.public.shutdown(publicGrace)
	stopEngine()
	engine.Wait()
	others.Go(r.engine.Config().Close)
	others.Go(r.endExports)
	others.Go(r.backtests.Close)
	r.admin.shutdown(adminGrace)
	others.Wait()
	err := r.store.Close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	r.o.Logger.Info("stopped")
	return nil
}

// endExports exports the last spans and metrics, for a second at most.
func (r *Relay) endExports() {
	ctx, cancel := context.WithTimeout(context.Background(), exportGrace)
	defer cancel()
	if err := r.exports.Close(ctx); err != nil {
		r.o.Logger.Warn("telemetry not exported", "error", err)
	}
}

// awaitEngine returns when the engine takes events, so that no early call is refused.
func (r *Relay) awaitEngine(ctx context.Context) {
	poll := time.NewTicker(2 * time.Millisecond)
	defer poll.Stop()
	for errors.Is(r.engine.Ready(ctx), relay.ErrStopping) && ctx.Err() == nil {
		<-poll.C
	}
}

// watchRules reloads the rules when a file changes and on each signal, until ctx is done.
func (r *Relay) watchRules(ctx context.Context) {
	var watch sync.WaitGroup
	watch.Go(func() {
		noted := func(err error) { r.noteReload(unasked(ctx, byFile), err) }
		if err := r.reloader.Watch(ctx, noted); err != nil {
			r.o.Logger.Warn("rules files not watched", "error", err, "hint", "send SIGHUP to reload them")
		}
	})
	defer watch.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.o.Reloads:
			_ = r.reload(unasked(ctx, bySignal)) // it has logged the problems
		}
	}
}

// Close releases what Open opened, for a relay that does not run.
func (r *Relay) Close() error {
	var errs []error
	for _, s := range []server{r.public, r.admin} {
		if s.listener != nil {
			errs = append(errs, s.listener.Close())
		}
	}
	r.endExports()
	if r.store != nil {
		errs = append(errs, r.store.Close())
	}
	return errors.Join(errs...)
}

// Store returns the store of the relay.
func (r *Relay) Store() store.Store { return r.store }

// WebhookURL returns the address where Qase posts the events of a source.
func (r *Relay) WebhookURL(source string) string { return r.public.url() + "/webhooks/" + source }

// AdminURL returns the admin address.
func (r *Relay) AdminURL() string { return r.admin.url() }

// serve answers calls until shutdown. Any other end fails the relay.
func (s server) serve(fail context.CancelCauseFunc) {
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("serving on %s: %w", s.listener.Addr(), err))
	}
}

// shutdown lets calls in flight end, and cuts the rest.
func (s server) shutdown(grace time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), grace)
	defer cancel()
	if s.http.Shutdown(ctx) != nil {
		_ = s.http.Close() // its clients get no answer either way
	}
}

// url returns the address under which this machine reaches the server.
func (s server) url() string {
	host, port, err := net.SplitHostPort(s.listener.Addr().String())
	if err != nil {
		return s.scheme + "://" + s.listener.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return s.scheme + "://" + net.JoinHostPort(host, port)
}
