package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/backtest"
)

type backtestFlags struct {
	historyFlags
	events   string
	against  []string
	examples int
}

func newBacktest(c *terminal.Console) *cobra.Command {
	var f backtestFlags
	cmd := &cobra.Command{
		Use:   "backtest [FILE…]",
		Short: "Show what a candidate rules file would change, by stored events",
		Long: `Runs stored events through the rules in FILE (default ` + terminal.DefaultRules + `), with the
same code as serve, and sends nothing. It prints the messages that these rules would have sent, and the differences
from the decisions at the time: rules that newly match or no longer match, and messages that are added or missing.
 --against compares with another rules file instead.

Events come from a running relay, from a file (--events, as events export writes it; - is standard input), or from a
store (--store), which is only read, even if a relay uses it. entity and previous know only the events from the
first one on, so begin a little earlier than the time of interest. Silences are not applied.

Exits with 0 also if there are differences, with 1 if the rules are wrong, and with 2 if the events cannot be read.`,
		Example: `  qase-relay backtest --since 7d
  qase-relay backtest new.yaml --since 30d --project WEB --token "$TOKEN"
  qase-relay backtest new.yaml --against rules.yaml --events events.jsonl`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				args = []string{terminal.DefaultRules}
			}
			return runBacktest(cmd.Context(), c, args, f)
		},
		ValidArgsFunction: completeYAML,
	}
	flags := cmd.Flags()
	flags.StringVar(&f.events, "events", "", "take the events from this `FILE` of JSON lines")
	flags.StringArrayVar(&f.against, "against", nil,
		"compare with this rules `FILE` or pattern, instead of the recorded decisions (repeatable)")
	flags.StringVar(&f.source, "source", "", "only events of the source `NAME`")
	flags.StringVar(&f.project, "project", "", "only events of the project `CODE`")
	flags.IntVar(&f.examples, "examples", 3, "`NUMBER` of examples to show of each kind")
	f.addStore(flags)
	f.addWindow(flags)
	f.askFlags.add(flags)
	return cmd
}

func runBacktest(ctx context.Context, c *terminal.Console, files []string, f backtestFlags) error {
	if err := f.check(files); err != nil {
		return err
	}
	candidate, err := readRules(c, files)
	if err != nil {
		return err
	}
	o := backtest.Options{Rules: candidate.Rules, RulesFile: strings.Join(files, ", "), Examples: f.examples,
		Progress: progressOf(c.Err)}
	if len(candidate.Sources) > 0 {
		o.Source = candidate.Sources[0].Name
	}
	if len(f.against) > 0 {
		before, err := readRules(c, f.against)
		if err != nil {
			return err
		}
		o.AgainstRules, o.Against = before.Rules, strings.Join(f.against, ", ")
	}
	events, err := f.history(ctx, c)
	if err != nil {
		return err
	}
	r, err := backtest.Run(ctx, events, o)
	if err != nil {
		return err
	}
	if c.Err.Terminal {
		c.Err.Printf("\r\x1b[K")
	}
	if f.json {
		return c.WriteJSON(r)
	}
	report.PrintBacktest(c.Out, r, f.examples > 0)
	return nil
}

// progressOf returns a function that prints the number of events on a terminal.
func progressOf(s *terminal.Screen) func(events int) {
	return func(events int) {
		if s.Terminal && events%1000 == 0 {
			s.Printf("\r%d events", events)
		}
	}
}

func (f *backtestFlags) check(files []string) error {
	stdin := 0
	for _, name := range slices.Concat(files, f.against, []string{f.events}) {
		if name == "-" {
			stdin++
		}
	}
	switch {
	case stdin > 1:
		return errors.New("rules and events cannot both come from standard input")
	case f.events != "" && f.store != "":
		return errors.New("--events and --store cannot be used together")
	case f.examples < 0:
		return errors.New("--examples must not be negative")
	}
	if err := readable(files); err != nil {
		return err
	}
	if err := readable(f.against); err != nil {
		return fmt.Errorf("--against: %w", err)
	}
	return nil
}

// history returns the events to run. It reads their decisions only if they are compared with.
func (f *backtestFlags) history(ctx context.Context, c *terminal.Console) (backtest.History, error) {
	if f.events != "" {
		return f.fromFile(c, f.events)
	}
	if f.since == "" {
		f.since = "7d"
	}
	f.decided = len(f.against) == 0
	return f.read(ctx)
}
