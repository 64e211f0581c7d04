package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/backtest"
	"qaserelay/relay/store"
)

func newEvents(c *terminal.Console) *cobra.Command {
	return cli.WithSubcommands(&cobra.Command{
		Use:   "events",
		Short: "List events, show what became of one, replay or export them",
		Long: `Lists the events of a running relay, by its admin address, with the outcome of each rule and the
state of each message. A replay re-evaluates an event with the current rules, and sends the messages. An
export writes events as JSON lines, for backtest and other programs.`,
		Example: `  qase-relay events list --project WEB --since 2h
  qase-relay events show 06bq1rk2tv8c0
  qase-relay events replay 06bq1rk2tv8c0
  qase-relay events export --since 7d --output events.jsonl`,
	}, newEventsList(c), newEventsShow(c), newEventsReplay(c), newEventsExport(c))
}

// addEventFilters adds the flags that filter events.
func (f *filterFlags) addEventFilters(flags *pflag.FlagSet) {
	flags.StringVar(&f.source, "source", "", "only those of the source `NAME`")
	flags.StringVar(&f.project, "project", "", "only those of the project `CODE`")
	flags.StringVar(&f.event, "event", "", "only events with this `NAME`, such as run.completed")
	f.addWindow(flags)
}

func newEventsList(c *terminal.Console) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List events, the newest first",
		Example: `  qase-relay events list --event run.completed --limit 10
  qase-relay events list --state dead
  qase-relay events list --words 'checkout card*'
  qase-relay events list --since 2026-01-31T09:00:00Z --json`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			cl := newRelayClient(f.clientFlags)
			found, err := f.collect(cmd.Context(), cl, "events")
			if err != nil {
				return err
			}
			if f.json {
				return c.WriteJSON(found.Events)
			}
			cl.useZone(cmd.Context(), c.Out)
			printEvents(c.Out, found.Events)
			found.printFooter(c.Out)
			return nil
		},
	}
	cmd.Flags().StringVar(&f.state, "state", "",
		"only with a delivery in the `STATE` pending, sending, delivered, dead or cancelled")
	cmd.Flags().StringVar(&f.rule, "rule", "", "only with a delivery of the rule `NAME`")
	cmd.Flags().StringVar(&f.notifier, "notifier", "", "only with a delivery to the notifier `NAME`")
	cmd.Flags().StringVar(&f.outcome, "outcome", "", "only those with the `OUTCOME` matched, held, none, error or waiting, or of a rule, such as silenced")
	f.addEventFilters(cmd.Flags())
	f.addWords(cmd.Flags())
	f.addPaging(cmd.Flags())
	f.askFlags.add(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("event", cli.CompleteEvent)
	return cmd
}

func printEvents(s *terminal.Screen, list []desk.Event) {
	if len(list) == 0 {
		s.Printf("no events\n")
		return
	}
	now := time.Now()
	t := &terminal.Table{S: s,
		Header: []string{"ID", "RECEIVED", "", "SOURCE", "PROJECT", "EVENT", "DELIVERIES", "MATCHED"}}
	for _, ev := range list {
		t.Add("", terminal.Cell{Text: ev.ID}, terminal.Cell{Text: s.In(ev.ReceivedAt).Format(time.DateTime)},
			terminal.Cell{Text: terminal.Ago(ev.ReceivedAt, now), Paint: s.Dim}, terminal.Cell{Text: ev.Source},
			terminal.Cell{Text: ev.Project}, terminal.Cell{Text: ev.Event, Paint: s.Bold}, statesCell(s, ev),
			terminal.Cell{Text: matchedRules(ev)})
	}
	t.Print()
}

// statesCell returns the number of deliveries in each state, in the color of the worst.
func statesCell(s *terminal.Screen, ev desk.Event) terminal.Cell {
	var parts []string
	worst := store.Delivered
	for _, state := range []store.State{store.Delivered, store.Pending, store.Sending, store.Cancelled, store.Dead} {
		n := ev.States[state]
		if state == store.Cancelled {
			n -= ev.DryRun
		}
		if n > 0 {
			parts, worst = append(parts, fmt.Sprintf("%d %s", n, state)), state
		}
	}
	if ev.DryRun > 0 {
		parts = append(parts, fmt.Sprintf("%d dry run", ev.DryRun))
	}
	return terminal.Cell{Text: strings.Join(parts, ", "), Paint: report.StateCell(s, worst).Paint}
}

func matchedRules(ev desk.Event) string {
	prefix := ""
	if ev.ReplayOf != "" {
		prefix = "replay of " + ev.ReplayOf + ": "
	}
	none := "no rule"
	if ev.State == "waiting" {
		none = "waits for what Qase says of it"
	}
	return prefix + cmp.Or(strings.Join(ev.Matched, ", "), none)
}

func newEventsShow(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one event: each rule's decision, deliveries, body",
		Long: `Shows one event: the outcome of each rule when it arrived, the state of its messages, and its
body. For the value of each condition, using the local rules file: qase-relay explain --id ID. Exits with 1 if the
event does not exist.`,
		Example: `  qase-relay events show 06bq1rk2tv8c0`,
		Args:    terminal.ArgsBetween(1, 1, "the id of an event"),
		RunE: func(cmd *cobra.Command, args []string) error {
			var ev desk.Event
			cl := newRelayClient(f.clientFlags)
			if err := cl.fetch(cmd.Context(), "events", args[0], &ev); err != nil {
				return err
			}
			if f.json {
				return c.WriteJSON(ev)
			}
			cl.useZone(cmd.Context(), c.Out)
			return printOneEvent(c.Out, &ev)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

func printOneEvent(s *terminal.Screen, ev *desk.Event) error {
	if ev.ReplayOf != "" {
		s.Printf("a replay of event %s\n", ev.ReplayOf)
	}
	if err := (report.Stored{Event: ev}).Print(s); err != nil {
		return err
	}
	var body bytes.Buffer
	if err := json.Indent(&body, ev.Body, "  ", "  "); err != nil {
		return fmt.Errorf("reading the body: %w", err)
	}
	s.Printf("\n%s\n  %s\n", s.Bold("As Qase sent it"), terminal.Printable(body.String()))
	s.Printf("\n%s\n", s.Dim("Why it matched or not: "+terminal.Program()+" explain --id "+ev.ID))
	return nil
}

// replayFlags are the flags of events replay.
type replayFlags struct {
	askFlags
	dryRun, force, askAgain bool
}

func newEventsReplay(c *terminal.Console) *cobra.Command {
	var f replayFlags
	f.Timeout = bulkTimeout
	cmd := &cobra.Command{
		Use:   "replay ID…",
		Short: "Re-evaluate events with the current rules, and send",
		Long: `Re-evaluates stored events with the current rules of the relay, and sends the messages. Each replay
is a new event with new deliveries, so receivers do not drop them as duplicates. --dry-run only shows the messages.
Silences hold back messages of a replay too, unless --force is given.

A replay uses what the Qase API said when the event came. With --ask-again the relay asks anew, such as after a retest,
or if Qase did not answer then.

Exits with 1 if an event could not be replayed.`,
		Example: `  qase-relay events replay --dry-run 06bq1rk2tv8c0
  qase-relay events replay 06bq1rk2tv8c0 06bq1rk2tv8c2
  qase-relay events replay --ask-again 06bq1rk2tv8c0`,
		Args: terminal.ArgsBetween(1, 1000, "the id of an event"),
		RunE: func(cmd *cobra.Command, args []string) error { return replayEvents(cmd.Context(), c, f, args) },
	}
	cmd.Flags().BoolVar(&f.dryRun, "dry-run", false, "show what would be sent; store and send nothing")
	cmd.Flags().BoolVar(&f.dryRun, "rehearse", false, "the old name of --dry-run")
	_ = cmd.Flags().MarkHidden("rehearse") // which exists
	cmd.Flags().BoolVar(&f.force, "force", false, "send also the messages that silences hold back")
	cmd.Flags().BoolVar(&f.askAgain, "ask-again", false,
		"ask the Qase API anew which tests failed, instead of using what it said when the event came")
	f.add(cmd.Flags())
	return cmd
}

func replayEvents(ctx context.Context, c *terminal.Console, f replayFlags, ids []string) error {
	var answer admin.Replays
	question := map[string]any{"ids": ids, "dry_run": f.dryRun}
	if f.force { // which an older relay does not know
		question["force"] = true
	}
	if f.askAgain {
		question["ask_again"] = true
	}
	if err := newRelayClient(f.clientFlags).post(ctx, "events/replay", question, &answer); err != nil {
		return err
	}
	failed := 0
	for _, r := range answer.Replays {
		if r.Error != "" {
			failed++
		}
		if !f.json {
			printReplay(c, r)
		}
	}
	if f.json {
		if err := c.WriteJSON(answer.Replays); err != nil {
			return err
		}
	}
	if failed > 0 {
		return terminal.Wrong(nil)
	}
	return nil
}

func printReplay(c *terminal.Console, r desk.Replay) {
	s := c.Out
	if r.Error != "" {
		c.Err.Printf("%s %s: %s\n", c.Err.Bad("error:"), terminal.OneLine(r.EventID), terminal.OneLine(r.Error))
		return
	}
	head := s.Bold("event "+r.EventID) + "  would be replayed"
	if r.ReplayID != "" {
		head = s.Bold("event "+r.EventID) + "  replayed as " + s.Bold("event "+r.ReplayID)
	}
	s.Printf("%s\n", head)
	for _, m := range r.Messages {
		delivery := ""
		if m.ID != "" {
			delivery = "  " + s.Dim("delivery "+m.ID)
		}
		s.Printf("  %s %s → %s%s\n      %s\n", s.Good("→"), terminal.OneLine(m.Rule),
			s.Bold(terminal.OneLine(m.Notifier)), delivery, terminal.OneLine(m.Title))
	}
	for _, rule := range r.Silenced {
		s.Printf("  %s %s is silenced; --force sends its messages\n", s.Warn("-"), terminal.OneLine(rule))
	}
	if len(r.Messages) == 0 {
		s.Printf("  nothing to send\n")
	}
	for _, rule := range r.Gained {
		s.Printf("  %s %s newly matches\n", s.Good("+"), terminal.OneLine(rule))
	}
	for _, rule := range r.Lost {
		s.Printf("  %s %s no longer matches\n", s.Bad("-"), terminal.OneLine(rule))
	}
}

func newEventsExport(c *terminal.Console) *cobra.Command {
	var f historyFlags
	var output string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write stored events as JSON lines, the oldest first",
		Long: `Writes stored events, one per line and the oldest first: id, received_at, source, project,
event_name and body, the event as Qase sent it; with --decided also the decision. It reads page by page from a
running relay, which accepts events meanwhile. With --store it reads a store directly, even if a relay uses it.`,
		Example: `  qase-relay events export --since 7d --output events.jsonl
  qase-relay events export --project WEB --event run.completed | jq .body.payload
  qase-relay events export --store sqlite:data/relay.db >events.jsonl      also while the relay is stopped`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return exportEvents(cmd.Context(), c, f, output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write to this `FILE` instead of standard output")
	cmd.Flags().BoolVar(&f.decided, "decided", false, "also write the rules that matched, and the messages")
	f.addStore(cmd.Flags())
	f.addEventFilters(cmd.Flags())
	f.clientFlags.add(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("event", cli.CompleteEvent)
	return cmd
}

func exportEvents(ctx context.Context, c *terminal.Console, f historyFlags, output string) error {
	events, err := f.read(ctx)
	if err != nil {
		return err
	}
	if output == "" {
		_, err := writeLines(c.Out, events)
		return err
	}
	n, err := writeFileAtomically(output, events)
	if err == nil {
		c.Out.Printf("%s in %s\n", terminal.Plural(n, "event"), output)
	}
	return err
}

func writeLines(w io.Writer, events backtest.History) (n int, err error) {
	out := bufio.NewWriterSize(w, 64<<10)
	lines := json.NewEncoder(out)
	lines.SetEscapeHTML(false)
	for e, err := range events {
		if err == nil {
			err = lines.Encode(e)
		}
		if err != nil {
			return n, errors.Join(err, out.Flush())
		}
		n++
	}
	return n, out.Flush()
}

// writeFileAtomically writes a temporary file and renames it, so that name never holds a partial export.
func writeFileAtomically(name string, events backtest.History) (n int, err error) {
	file, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return 0, fmt.Errorf("--output: %w", err)
	}
	n, err = writeLines(file, events)
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), name)
	}
	if err != nil {
		return n, errors.Join(err, os.Remove(file.Name()))
	}
	return n, nil
}
