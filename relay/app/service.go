package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay"
	"qaserelay/relay/admin"
	"qaserelay/relay/config"
	"qaserelay/relay/dispatch"
	"qaserelay/relay/ingest"
	"qaserelay/relay/metrics"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
)

const (
	// lastCalls is how long webhook calls that are being answered may take once the relay was told to stop.
	lastCalls = 300 * time.Millisecond
	// adminStop is the same for the admin address.
	adminStop = time.Second
)

// ServiceOptions are what a relay runs with.
type ServiceOptions struct {
	Rules       []string
	Load        config.LoadOptions
	Listen      string
	AdminListen string
	AdminToken  string
	StoreURL    string
	DryRun      bool
	MaxBody     int64
	Logger      *slog.Logger
	Reloads     <-chan os.Signal // ask for the rules to be read again
	Started     func(*Service)   // is called once events are taken
}

// Service is a whole relay: the engine, its doors, and what keeps the rules fresh. serve and demo both run one.
type Service struct {
	O        ServiceOptions
	engine   *relay.Engine
	Store    store.Store
	reloader *config.Reloader
	public   *http.Server
	admin    *http.Server
	publicLn net.Listener
	AdminLn  net.Listener
}

// NewService opens the doors and the store for rules that are loaded. Nothing runs yet. The caller must call run, or
// close if it does not.
func NewService(ctx context.Context, cfg *config.Config, o ServiceOptions) (*Service, error) {
	if err := admin.CheckAddress(o.AdminListen, o.AdminToken); err != nil {
		return nil, fmt.Errorf("--admin-listen %s: %w", o.AdminListen, err)
	}
	s := &Service{O: o}
	var err error
	if s.publicLn, err = listen("--listen", o.Listen); err != nil {
		return nil, err
	}
	if s.AdminLn, err = listen("--admin-listen", o.AdminListen); err != nil {
		return nil, errors.Join(err, s.close())
	}
	if s.Store, err = Open(ctx, o.StoreURL, o.Logger); err != nil {
		return nil, errors.Join(fmt.Errorf("opening the store: %w", err), s.close())
	}
	s.assemble(cfg)
	return s, nil
}

// assemble joins the parts.
func (s *Service) assemble(cfg *config.Config) {
	facts := terminal.BuildFacts()
	metrics := metrics.NewMetrics(metrics.MetricsOptions{Version: facts.Version, Revision: facts.Revision, Known: isKnownEvent})
	s.engine = relay.New(relay.Options{Store: s.Store, Config: cfg, DryRun: s.O.DryRun, Logger: s.O.Logger, Metrics: metrics})
	s.reloader = config.NewReloader(config.ReloadOptions{Patterns: s.O.Rules, Load: s.O.Load, Config: cfg, Apply: s.engine.Reload, Logger: s.O.Logger, Metrics: metrics})
	s.public = ingest.Server("", ingest.New(ingest.Options{
		Accept:  s.accept,
		Sources: func() []rules.Source { return s.engine.Config().Sources },
		Ready:   s.engine.Ready,
		Observe: metrics.Ingested,
		MaxBody: s.O.MaxBody,
		Logger:  s.O.Logger,
	}))
	s.admin = newAdminServer(s, metrics)
}

func isKnownEvent(name string) bool {
	_, ok := catalog.Lookup(name)
	return ok
}

func (s *Service) accept(ctx context.Context, ev *event.Event) (id string, duplicate bool, err error) {
	r, err := s.engine.Accept(ctx, ev)
	return r.ID.String(), r.Duplicate, err
}

// Run serves until ctx is done or something fails that the relay cannot live without. It returns when all is on disk and
// nothing of it runs any more, within 10 seconds of ctx.
func (s *Service) Run(ctx context.Context) error {
	ctx, fail := context.WithCancelCause(ctx)
	defer fail(nil)
	engineCtx, stopEngine := context.WithCancel(context.WithoutCancel(ctx))
	defer stopEngine()
	var engine, others sync.WaitGroup
	engine.Go(func() {
		if err := s.engine.Run(engineCtx); err != nil {
			fail(&terminal.ExitError{Code: terminal.ExitWrong, Err: err})
		}
	})
	s.awaitEngine(ctx)
	others.Go(func() { serveHTTP(s.public, s.publicLn, fail) })
	others.Go(func() { serveHTTP(s.admin, s.AdminLn, fail) })
	others.Go(func() { s.keepRulesFresh(ctx) })

	s.O.Started(s)
	<-ctx.Done()
	s.O.Logger.Info("stopping within 10 seconds: no more events are taken, messages on their way may arrive")
	shutdown(s.public, lastCalls)
	stopEngine()
	engine.Wait()
	shutdown(s.admin, adminStop)
	others.Wait()
	err := s.Store.Close()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	if err != nil {
		return fmt.Errorf("closing the store: %w", err)
	}
	s.O.Logger.Info("stopped")
	return nil
}

// awaitEngine returns when the engine takes events, so that no early caller is turned away.
func (s *Service) awaitEngine(ctx context.Context) {
	look := time.NewTicker(2 * time.Millisecond)
	defer look.Stop()
	for errors.Is(s.engine.Ready(ctx), dispatch.ErrStopping) && ctx.Err() == nil {
		<-look.C
	}
}

// close gives back what NewService had opened before it failed.
func (s *Service) close() error {
	var errs []error
	if s.publicLn != nil {
		errs = append(errs, s.publicLn.Close())
	}
	if s.AdminLn != nil {
		errs = append(errs, s.AdminLn.Close())
	}
	return errors.Join(errs...)
}

// keepRulesFresh reads the rules again when a file changes or a signal asks for it, until ctx is done.
func (s *Service) keepRulesFresh(ctx context.Context) {
	var watch sync.WaitGroup
	watch.Go(func() {
		if err := s.reloader.Watch(ctx); err != nil {
			s.O.Logger.Warn("changed rules are only read on SIGHUP", "error", err)
		}
	})
	defer watch.Wait()
	for {
		select {
		case <-ctx.Done():
			return
		case <-s.O.Reloads:
			_ = s.reloader.Reload() // it has logged what is wrong
		}
	}
}

func serveHTTP(server *http.Server, ln net.Listener, fail context.CancelCauseFunc) {
	if err := server.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		fail(fmt.Errorf("serving on %s: %w", ln.Addr(), err))
	}
}

// shutdown lets calls end that are being answered, and then cuts what is left.
func shutdown(server *http.Server, limit time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	if server.Shutdown(ctx) != nil {
		_ = server.Close() // a client who still holds on gets no answer either way
	}
}

func listen(flag, addr string) (net.Listener, error) {
	ln, err := net.Listen("tcp", addr)
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return nil, terminal.Hint(fmt.Errorf("%s %s: the address is in use by another program", flag, addr), "is another relay running? %s HOST:PORT chooses another address", flag)
	case errors.Is(err, syscall.EACCES):
		return nil, terminal.Hint(fmt.Errorf("%s %s: not allowed", flag, addr), "ports below 1024 need special rights; choose another one")
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w", flag, addr, errors.Unwrap(err))
	}
	return ln, nil
}

// BaseURL is the address under which this machine reaches a listener.
func BaseURL(ln net.Listener) string {
	host, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		return "http://" + ln.Addr().String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

// WebhookURL is where Qase posts for a source.
func (s *Service) WebhookURL(source string) string {
	return strings.TrimSuffix(BaseURL(s.publicLn), "/") + "/webhooks/" + source
}
