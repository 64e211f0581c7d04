package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/backtest"
)

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
			f.ignoreStoreVariable(cmd)
			return exportEvents(cmd.Context(), c, f, output)
		},
	}
	cmd.Flags().StringVar(&output, "output", "", "write to this `FILE` instead of standard output")
	cmd.Flags().BoolVar(&f.decided, "decided", false, "also write the rules that matched, and the messages")
	f.addStore(cmd.Flags())
	f.addEventFilters(cmd.Flags())
	f.clientFlags.add(cmd.Flags())
	_ = cmd.RegisterFlagCompletionFunc("event", completeEvent)
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
