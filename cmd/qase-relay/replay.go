package main

import (
	"context"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
	"qaserelay/relay/admin/desk"
)

// replayFlags are the flags of events replay.
type replayFlags struct {
	askFlags
	rehearse bool
}

func newEventsReplay(c *terminal.Console) *cobra.Command {
	var f replayFlags
	f.Timeout = bulkTimeout
	cmd := &cobra.Command{
		Use:   "replay ID…",
		Short: "Decide about events again by the current rules, and send the messages",
		Long: `Decides about stored events again by the current rules of the relay, and sends the messages. Each
replay is an event of its own with new deliveries, so receivers do not drop them as duplicates. --rehearse only
shows the messages.

Exits with 1 if an event could not be replayed.`,
		Example: `  qase-relay events replay --rehearse 06bq1xk2zv8c0
  qase-relay events replay 06bq1xk2zv8c0 06bq1xk2zv8c2`,
		Args: terminal.ArgsBetween(1, 1000, "the id of an event"),
		RunE: func(cmd *cobra.Command, args []string) error { return replayEvents(cmd.Context(), c, f, args) },
	}
	cmd.Flags().BoolVar(&f.rehearse, "rehearse", false, "store and send nothing")
	f.add(cmd.Flags())
	return cmd
}

func replayEvents(ctx context.Context, c *terminal.Console, f replayFlags, ids []string) error {
	var answer admin.Replays
	question := map[string]any{"ids": ids, "dry_run": f.rehearse}
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
		c.Err.Printf("%s %s: %s\n", c.Err.Bad("error:"), terminal.Printable(r.EventID), terminal.Printable(r.Error))
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
		s.Printf("  %s %s → %s%s\n      %s\n", s.Good("→"), terminal.Printable(m.Rule),
			s.Bold(terminal.Printable(m.Notifier)), delivery, terminal.Printable(m.Title))
	}
	if len(r.Messages) == 0 {
		s.Printf("  nothing to send\n")
	}
	for _, rule := range r.Gained {
		s.Printf("  %s %s newly matches\n", s.Good("+"), terminal.Printable(rule))
	}
	for _, rule := range r.Lost {
		s.Printf("  %s %s no longer matches\n", s.Bad("-"), terminal.Printable(rule))
	}
}
