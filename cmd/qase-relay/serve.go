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
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/relay"
	"qaserelay/relay/config"
	"qaserelay/rules/diag"
)

type serveFlags struct {
	rules       []string
	listen      string
	adminListen string
	adminToken  string
	store       string
	dryRun      bool
	logFormat   string
	logLevel    string
	maxBody     byteSize
}

func newServe(c *console) *cobra.Command {
	f := serveFlags{maxBody: 1 << 20}
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the relay",
		Long: `Takes events from Qase at the public address (POST /webhooks/SOURCE), decides by the rules, and sends.
An event is answered once it and all that follows from it are on disk, so nothing is lost when the process dies.

The rules are read again when a file changes, on SIGHUP, and on POST /-/reload at the admin address; a bad file changes
nothing. SIGTERM and Ctrl-C end it within 10 seconds; what was not sent by then is sent after the next start.

Exits with 2 if it cannot start, and with 1 if the disk fails while it runs.`,
		Example: `  qase-relay serve
  qase-relay serve --dry-run                          decide and record, send nothing
  qase-relay serve --rules base.yaml --rules 'teams/*.yaml'
  qase-relay serve --admin-listen :9090 --admin-token "$TOKEN"`,
		Args: argsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), c, f) },
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&f.rules, "rules", []string{defaultRules}, "rules `FILE` or pattern (repeatable)")
	flags.StringVar(&f.listen, "listen", ":8080", "public address, where Qase posts events")
	flags.StringVar(&f.adminListen, "admin-listen", "127.0.0.1:9090", "address of metrics, health and the admin API")
	flags.StringVar(&f.adminToken, "admin-token", "", "bearer token of the admin address; needed unless it is loopback")
	flags.StringVar(&f.store, "store", "sqlite:data/relay.db", "where events and deliveries are kept: sqlite:PATH for one relay, or postgres://USER:PASSWORD@HOST:5432/DATABASE for many")
	flags.BoolVar(&f.dryRun, "dry-run", false, "decide and record, but send nothing")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.logLevel, "log-level", "info", "debug, info, warn or error")
	flags.Var(&f.maxBody, "max-body", "largest event that is taken, such as 512KiB or 2MiB")
	return cmd
}

func serve(ctx context.Context, c *console, f serveFlags) error {
	ignoreSizeSignal()
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(relay.GCPercent)
	}
	logger, err := newLogger(c.err, f)
	if err != nil {
		return err
	}
	if err := readable(f.rules); err != nil {
		return err
	}
	load := config.LoadOptions{Stdin: c.in}
	cfg, problems := config.Load(f.rules, load)
	if err := tellProblems(c, logger, f, problems); err != nil {
		return err
	}
	reloads := make(chan os.Signal, 1)
	notifyReloads(reloads)
	defer signal.Stop(reloads)
	s, err := newService(ctx, cfg, serviceOptions{rules: f.rules, load: load, listen: f.listen, adminListen: f.adminListen,
		adminToken: f.adminToken, storeURL: f.store, dryRun: f.dryRun, maxBody: int64(f.maxBody), logger: logger, reloads: reloads,
		started: func(s *service) { announce(s, cfg, f) }})
	if err != nil {
		return err
	}
	return s.run(ctx)
}

// tellProblems prints what is wrong with the rules as check does, or logs it where logs are JSON. It returns an error
// if the rules cannot be used.
func tellProblems(c *console, logger *slog.Logger, f serveFlags, problems diag.Problems) error {
	if f.logFormat == "json" {
		for _, p := range problems {
			logger.Log(context.Background(), slogLevel(p.Severity), "rules: "+p.Message, "place", p.Place(), "hint", p.Hint)
		}
	} else {
		printProblems(c.err, problems)
	}
	if !hasErrors(problems) {
		return nil
	}
	return hint(fmt.Errorf("the rules cannot be used: %s", faults(problems)), "mend %s and start again", onlyErrors(problems)[0].Place())
}

func slogLevel(s diag.Severity) slog.Level {
	if s == diag.Error {
		return slog.LevelError
	}
	return slog.LevelWarn
}

// announce logs what runs now, and where.
func announce(s *service, cfg *config.Config, f serveFlags) {
	s.o.logger.Info("relay started", "version", version(), "rules", len(cfg.Rules.Names()), "notifiers", len(cfg.Outs),
		"store", withoutPassword(f.store), "dry_run", f.dryRun, "admin", baseURL(s.adminLn))
	for _, source := range cfg.Sources {
		s.o.logger.Info("taking events", "source", source.Name, "url", s.webhookURL(source.Name))
	}
	if len(cfg.Sources) == 0 {
		s.o.logger.Warn("the rules have no sources, so no events can come in")
	}
}

// withoutPassword keeps of a store's address what tells stores apart. Parameters may hold a password too.
func withoutPassword(storeURL string) string {
	u, err := url.Parse(storeURL)
	if err != nil {
		scheme, _, _ := strings.Cut(storeURL, ":")
		return scheme + ":…"
	}
	u.RawQuery = ""
	return u.Redacted()
}

func newLogger(s *screen, f serveFlags) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(f.logLevel)); err != nil {
		return nil, hint(fmt.Errorf("--log-level: unknown level %q", f.logLevel), "debug, info, warn or error")
	}
	options := &slog.HandlerOptions{Level: level}
	switch f.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(s, options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(s, options)), nil
	}
	return nil, hint(fmt.Errorf("--log-format: unknown format %q", f.logFormat), "text or json")
}

// byteSize is a flag for an amount of memory: 1048576, 1024KiB or 1MiB.
type byteSize int64

func (b *byteSize) String() string {
	n := int64(*b)
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return strconv.FormatInt(n>>20, 10) + "MiB"
	case n >= 1<<10 && n%(1<<10) == 0:
		return strconv.FormatInt(n>>10, 10) + "KiB"
	}
	return strconv.FormatInt(n, 10)
}

func (b *byteSize) Type() string { return "SIZE" }

func (b *byteSize) Set(text string) error {
	unit := int64(1)
	digits := text
	for suffix, size := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20} {
		if rest, ok := strings.CutSuffix(text, suffix); ok {
			unit, digits = size, rest
		}
	}
	n, err := strconv.ParseInt(strings.TrimSpace(digits), 10, 64)
	if err != nil || n <= 0 || n > (1<<40)/unit {
		return errors.New("want a size such as 1048576, 512KiB or 2MiB")
	}
	*b = byteSize(n * unit)
	return nil
}
