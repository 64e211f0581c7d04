package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/addresses"
	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/systemd"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay"
	"qaserelay/relay/app"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
	"qaserelay/rules/diag"
)

type serveFlags struct {
	addresses addresses.Flags
	rules     []string
	store     string
	dryRun    bool
	logFormat string
	logLevel  string
	otlp      string
}

func newServe(c *terminal.Console) *cobra.Command {
	f := serveFlags{}
	cmd := &cobra.Command{
		Use:        "serve",
		SuggestFor: []string{"run", "start", "server", "relay"},
		Short:      "Run the relay",
		Long: `Receives events from Qase at the public address (POST /webhooks/SOURCE), applies the rules, and
sends the messages. It acknowledges an event once the event and its messages are on disk, so a crash loses
nothing.

It reloads the rules when a file changes, on SIGHUP, and on POST /-/reload at the admin address; a bad file
never replaces working rules. SIGTERM and Ctrl-C end it within 10 seconds; the next start sends the remaining messages.

Exits with 2 if it cannot start, and with 1 if the disk fails or its store is lost while it runs.`,
		Example: `  qase-relay serve
  qase-relay serve --dry-run                          decide and record, send nothing
  qase-relay serve --rules base.yaml --rules 'teams/*.yaml'
  qase-relay serve --admin-listen :9090 --admin-token "$TOKEN"`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), c, f) },
	}
	set := cmd.Flags()
	addRules(set, &f.rules)
	f.addresses.Add(set)
	addStore(set, &f.store)
	set.BoolVar(&f.dryRun, "dry-run", false, "decide and record, but send nothing")
	set.StringVar(&f.otlp, "otlp-endpoint", "", "`URL` to which traces and metrics are exported by OpenTelemetry (OTLP over "+
		"HTTP), such as http://localhost:4318; default $OTEL_EXPORTER_OTLP_ENDPOINT")
	set.StringVar(&f.logFormat, "log-format", "text", "`FORMAT`: text or json")
	set.StringVar(&f.logLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	return cmd
}

// addStore adds the flag of the store of a relay.
func addStore(set *pflag.FlagSet, store *string) {
	flags.Secret{Name: "store", Default: "sqlite:data/relay.db",
		Usage: "store `URL`: sqlite:PATH for one relay, or postgres://USER:PASSWORD@HOST/DB for many"}.Add(set, store)
}

func serve(ctx context.Context, c *terminal.Console, f serveFlags) error {
	ignoreSizeSignal()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(relay.GCPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(relay.MemoryLimit)
	}
	logger, err := newLogger(c.Err, f)
	if err != nil {
		return err
	}
	if err := readable(f.rules); err != nil {
		return err
	}
	load := config.LoadOptions{Stdin: c.In}
	cfg, problems := config.Load(f.rules, load)
	if err := reportProblems(c, logger, f, problems); err != nil {
		return err
	}
	reloads := make(chan os.Signal, 1)
	notifyReloads(reloads)
	defer signal.Stop(reloads)
	build := c.Build
	o := app.Options{Rules: f.rules, Load: load, Config: cfg, StoreURL: f.store,
		DryRun: f.dryRun, OTLPEndpoint: f.otlp, Logger: logger, Reloads: reloads,
		Version: build.Version, Revision: build.Revision}
	if c.IsMain {
		o.Work, o.WorkOnHistory = trial.Self().Work, trial.Self().WorkOnHistory
	}
	o.Started = func(r *app.Relay) { started(ctx, r, o) }
	if err := f.addresses.Apply(&o); err != nil {
		return err
	}
	r, err := app.Open(ctx, o)
	if err != nil {
		return addresses.ListenHint(err)
	}
	if err = r.Run(ctx); errors.Is(err, store.ErrBroken) || errors.Is(err, store.ErrLost) {
		return terminal.Wrong(err)
	}
	return err
}

// reportProblems prints the problems of the rules as check does, or logs them if logs are JSON. It returns an error if
// the rules cannot be used.
func reportProblems(c *terminal.Console, logger *slog.Logger, f serveFlags, problems diag.Problems) error {
	if f.logFormat == "json" {
		for _, p := range problems {
			level := map[diag.Severity]slog.Level{diag.Error: slog.LevelError, diag.Warning: slog.LevelWarn}[p.Severity]
			logger.Log(context.Background(), level, "problem in the rules", "reason", p.Message, "place", p.Place(),
				"hint", p.Hint)
		}
	} else {
		terminal.PrintProblems(c.Err, problems)
	}
	errs := problems.Errors()
	if len(errs) == 0 {
		return nil
	}
	return terminal.Hint(fmt.Errorf("the rules cannot be used: %s", terminal.CountText(problems)),
		"fix %s and start again", errs[0].Place())
}

// started logs the start, and reports it to systemd, as the end later.
func started(ctx context.Context, r *app.Relay, o app.Options) {
	logStart(r, o)
	report := func(state string) {
		if err := systemd.Notify(state); err != nil {
			o.Logger.Warn("not reported to systemd", "error", err)
		}
	}
	report(fmt.Sprintf("%s\nSTATUS=qase-relay %s, %d rules, %d notifiers, admin address %s", systemd.Ready, o.Version,
		len(o.Config.Rules.Names()), len(o.Config.Notifiers), r.AdminURL()))
	context.AfterFunc(ctx, func() { report(systemd.Stopping) })
}

// logStart logs the version, the configuration and the addresses of a relay that has started.
func logStart(r *app.Relay, o app.Options) {
	o.Logger.Info("relay started", "version", o.Version, "rules", len(o.Config.Rules.Names()),
		"notifiers", len(o.Config.Notifiers), "store", redactStoreURL(o.StoreURL), "dry_run", o.DryRun,
		"admin", r.AdminURL())
	for _, source := range o.Config.Sources {
		o.Logger.Info("taking events", "source", source.Name, "url", r.WebhookURL(source.Name))
	}
	if len(o.Config.Sources) == 0 {
		o.Logger.Warn("the rules have no sources, so no events can come in")
	}
}

// redactStoreURL removes passwords from the URL of a store. Its parameters may hold one too, and so may any part of one
// whose signs are not escaped.
func redactStoreURL(storeURL string) string {
	u, err := url.Parse(storeURL)
	if err != nil || u.Host == "" || u.Fragment != "" || u.User == nil && strings.Contains(storeURL, "@") {
		return store.Redact(storeURL)
	}
	u.RawQuery = ""
	return u.Redacted()
}

func newLogger(s *terminal.Screen, f serveFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, terminal.Hint(fmt.Errorf("--log-level: unknown level %q", f.logLevel), "debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(s, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s, options)), nil
	}
	return nil, terminal.Hint(fmt.Errorf("--log-format: unknown format %q", f.logFormat), "text or json")
}
