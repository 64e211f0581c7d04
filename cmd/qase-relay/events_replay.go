package main

import (
	"context"

	"github.com/spf13/cobra"
)

func newEventsReplay(c *console) *cobra.Command {
	var at clientFlags
	cmd := &cobra.Command{Use: "replay ID…", Short: "Decide about events again, by the rules in force, and send what follows",
		RunE: func(cmd *cobra.Command, args []string) error { return replayEvents(cmd.Context(), c, at, args) }}
	at.add(cmd.Flags())
	return cmd
}

func replayEvents(context.Context, *console, clientFlags, []string) error { return nil }
