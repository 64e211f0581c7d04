package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/diag"
)

type checkFlags struct {
	format  string
	json    bool
	strict  bool
	online  bool
	verbose bool
	at      string
	timeout time.Duration
	// noSecrets accepts that secrets are missing.
	noSecrets bool
}

func newCheck(c *terminal.Console) *cobra.Command {
	var f checkFlags
	cmd := &cobra.Command{
		Use:        "check [FILE…]",
		SuggestFor: []string{"lint", "validate", "verify", "rules", "config"},
		Short:      "Find every problem in rules files",
		Long: `Reads rules files as serve does, without starting anything, and prints every problem at once with
its position and a hint. Several files are checked as one configuration, as serve reads them; - is standard input.

With --verbose it also says for each rule what keeps its messages back: windows of time, throttles, digests and waits.
With --at it does the same for a time, and lists the next three times at which windows open and digests leave.

With --online it then tries each notifier without sending anything: it checks that the credentials are accepted, the
server can be reached, and the channels or recipients in the rules exist, as far as the service can say. For each source
with an api_token it asks the Qase API whether the token is accepted and can read the results of its projects.

Exits with 0 if the rules can be used, with 1 if not, and with 2 if there is nothing to read. With --strict
warnings also give 1, and with --online notifiers and sources that fail. A variable that is not set is a warning here and an
error for serve.`,
		Example: `  qase-relay check
  qase-relay check rules.yaml 'teams/*.yaml'
  qase-relay check --online             try the notifiers too, without sending anything
  qase-relay check --strict --no-secrets --format github      in a GitHub workflow
  cat rules.yaml | qase-relay check -`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{terminal.DefaultRules}
			}
			return check(cmd.Context(), c, args, f)
		},
		ValidArgsFunction: completeYAML,
	}
	cmd.Flags().StringVar(&f.format, "format", "text", "`FORMAT`: text, json or github (annotations in a workflow)")
	cmd.Flags().BoolVar(&f.json, "json", false, "the same as --format json")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "fail on warnings too")
	cmd.Flags().BoolVar(&f.noSecrets, "no-secrets", false,
		"accept that variables are not set and files of secrets are missing, as in a pipeline")
	cmd.Flags().BoolVar(&f.verbose, "verbose", false, "say what keeps the messages of each rule back, and until when")
	cmd.Flags().StringVar(&f.at, "at", "", "the same as --verbose at this `TIME`, such as \"2026-03-28 12:00\"")
	cmd.Flags().BoolVar(&f.online, "online", false, "try each notifier as well, without sending anything")
	cmd.Flags().DurationVar(&f.timeout, "timeout", 10*time.Second, "with --online: `DURATION` that each notifier may take")
	return cmd
}

func check(ctx context.Context, c *terminal.Console, files []string, f checkFlags) error {
	if f.json {
		f.format = "json"
	}
	if f.timeout <= 0 {
		return terminal.Hint(errors.New("--timeout must be more than zero"), "such as 10s")
	}
	if f.online && f.noSecrets {
		return terminal.Hint(errors.New("--online and --no-secrets cannot be used together"),
			"notifiers can be tried with their secrets only")
	}
	if err := readable(files); err != nil {
		return err
	}
	cfg, problems := config.Load(files, config.LoadOptions{AllowUnset: true, IgnoreUnset: f.noSecrets, Stdin: c.In})
	at, err := f.time(cfg)
	if err != nil {
		return err
	}
	r := newCheckResult(strings.Join(files, ", "), cfg, problems)
	if f.online && cfg != nil {
		r.tryOnline(ctx, cfg, f.timeout)
	}
	if (f.verbose || f.at != "") && cfg != nil {
		r.Timing = report.Timings(cfg.Rules.All(), at)
	}
	if err := r.report(c, f.format, f.at != ""); err != nil {
		return err
	}
	if f.online && cfg == nil {
		c.Err.Printf("the notifiers were not tried, since the rules cannot be used\n")
	}
	if !r.OK || f.strict && r.Warnings > 0 {
		return terminal.Wrong(nil)
	}
	return nil
}

// time returns the time of --at, in the time zone of the settings unless it names one, or now.
func (f *checkFlags) time(cfg *config.Config) (time.Time, error) {
	now, zone := time.Now(), time.UTC
	if f.at == "" {
		return now, nil
	}
	if cfg != nil {
		zone = cfg.Settings.Location
	}
	for _, layout := range []string{time.RFC3339, "2006-01-02 15:04", "2006-01-02T15:04", time.DateOnly} {
		if at, err := time.ParseInLocation(layout, f.at, zone); err == nil {
			return at, nil
		}
	}
	return now, terminal.Hint(fmt.Errorf("--at %q is not a valid time", f.at), "such as 2026-03-28T12:00:00Z, or 2026-03-28 12:00 in settings.timezone")
}

// checkResult is the result of checking rules files.
type checkResult struct {
	Name     string          `json:"name"`
	OK       bool            `json:"ok"`
	Errors   int             `json:"errors"`
	Warnings int             `json:"warnings"`
	Counts   *counts         `json:"counts"` // null if the rules cannot be used
	Problems diag.Problems   `json:"problems"`
	Timing   []report.Timing `json:"timing,omitempty"`  // with --verbose or --at
	Online   []attempt       `json:"online,omitempty"`  // with --online
	Sources  []sourceAttempt `json:"sources,omitempty"` // with --online, those with an api_token
}

// counts holds the numbers of the parts of rules files.
type counts struct {
	Rules     int `json:"rules"`
	Notifiers int `json:"notifiers"`
	Sources   int `json:"sources"`
}

func countsOf(cfg *config.Config) *counts {
	written := slices.DeleteFunc(cfg.Rules.Rules(), func(r rules.RuleInfo) bool { return r.Implicit })
	return &counts{Rules: len(written), Notifiers: len(cfg.Notifiers), Sources: len(cfg.Sources)}
}

func newCheckResult(name string, cfg *config.Config, problems diag.Problems) checkResult {
	errs, warnings := problems.Count()
	if problems == nil {
		problems = diag.Problems{}
	}
	r := checkResult{Name: name, OK: errs == 0, Errors: errs, Warnings: warnings, Problems: problems}
	if cfg != nil {
		r.Counts = countsOf(cfg)
	}
	return r
}

func (r checkResult) report(c *terminal.Console, format string, times bool) error {
	switch format {
	case "text":
		terminal.PrintProblems(c.Out, r.Problems)
		report.PrintTimings(c.Out, r.Timing, times)
	case "github":
		terminal.PrintForGitHub(c.Out, r.Problems)
	case "json":
		return c.WriteJSON(r)
	default:
		return terminal.Hint(fmt.Errorf("unknown format %q", format), "text, json or github")
	}
	c.Out.Printf("%s\n", r.summary())
	r.reportOnline(c.Out, format)
	r.reportSources(c.Out, format)
	return nil
}

// summary returns the closing line: the number of problems, or of rules and notifiers.
func (r checkResult) summary() string {
	if r.Errors+r.Warnings > 0 {
		return terminal.CountText(r.Problems)
	}
	return fmt.Sprintf("%s: %s, %s, no problems", r.Name, terminal.Plural(r.Counts.Rules, "rule"),
		terminal.Plural(r.Counts.Notifiers, "notifier"))
}

// addRules adds the flag --rules.
func addRules(flags *pflag.FlagSet, to *[]string) {
	flags.StringArrayVar(to, "rules", []string{terminal.DefaultRules}, "rules `FILE` or pattern (repeatable)")
}

// readable checks that each named file exists, and that each pattern matches a file.
func readable(files []string) error {
	for _, name := range files {
		if name == "-" {
			continue
		}
		if strings.ContainsAny(name, "*?[") {
			if found, err := filepath.Glob(name); err != nil || len(found) == 0 {
				return fmt.Errorf("no file matches %s", name)
			}
			continue
		}
		_, err := os.Stat(name)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return terminal.Hint(fmt.Errorf("there is no file %s", name), "write a first one with: qase-relay init %s",
				name)
		case err != nil:
			return fmt.Errorf("reading rules: %w", err)
		}
	}
	return nil
}

func completeYAML(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	return []string{"yaml", "yml"}, cobra.ShellCompDirectiveFilterFileExt
}
