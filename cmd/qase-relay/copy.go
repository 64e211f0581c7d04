package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
)

type copyFlags struct {
	from, to string
	json     bool
}

func newCopy(c *terminal.Console) *cobra.Command {
	var f copyFlags
	cmd := &cobra.Command{
		Use:        "copy --from URL --to URL",
		SuggestFor: []string{"migrate"},
		Short:      "Copy a store into another one, such as from SQLite to PostgreSQL",
		Long: `Copies everything from one store into another: events with their decisions, deliveries with their
attempts, and what rules and notifiers remember. Pending deliveries go on from the new store, with their ids.

Stop the relays that use either store first. The target has to be new; a copy that was interrupted goes on when it
is run again, and no relay starts on a target before it is complete. At the end the numbers of rows are compared. The
source does not change.`,
		Example: `  qase-relay copy --from sqlite:data/relay.db --to "postgres://relay:$PASSWORD@db.example.com/relay"
  qase-relay copy --from "$STORE" --to sqlite:data/relay.db`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return copyStore(cmd.Context(), c, f) },
	}
	flags.Secret{Name: "from", Usage: "`URL` of the store to read, as in serve --store"}.Add(cmd.Flags(), &f.from)
	flags.Secret{Name: "to", Usage: "`URL` of the store to write, which is new or holds an interrupted copy"}.
		Add(cmd.Flags(), &f.to)
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func copyStore(ctx context.Context, c *terminal.Console, f copyFlags) error {
	if f.from == "" || f.to == "" {
		return terminal.Hint(errors.New("copy needs --from and --to"),
			"for example: qase-relay copy --from sqlite:data/relay.db --to postgres://USER:PASSWORD@HOST:5432/DATABASE")
	}
	bar := &copyBar{terminal.Progress{Screen: c.Err}}
	done, err := app.Copy(ctx, f.from, f.to, bar.report)
	bar.clear()
	if err != nil {
		return copyHint(err, f)
	}
	if f.json {
		return c.WriteJSON(struct {
			From    string `json:"from"`
			To      string `json:"to"`
			Resumed bool   `json:"resumed"`
			Copied  int64  `json:"copied_rows"`
			storeRows
		}{redactStoreURL(f.from), redactStoreURL(f.to), done.Resumed, done.Copied, rowsOf(done.Rows)})
	}
	verb := "copied"
	switch {
	case done.Copied == 0 && done.Resumed:
		verb = "nothing to copy, the target has all"
	case done.Resumed:
		verb = "copied the rest, the target now has all"
	}
	c.Out.Printf("%s: %s; the numbers of rows agree\n", verb, rowsOf(done.Rows))
	if done.Copied > 0 {
		c.Out.Printf("%s\n", c.Out.Dim("Next: "+terminal.Program()+" serve --store with the new store. "+
			"Remove the old one when the new one works."))
	}
	return nil
}

func copyHint(err error, f copyFlags) error {
	switch {
	case errors.Is(err, context.Canceled):
		return terminal.Hint(errors.New("interrupted"), "the same command goes on where it stopped")
	case errors.Is(err, fs.ErrNotExist):
		return terminal.Hint(err, "--from names an existing store, such as sqlite:data/relay.db")
	}
	return fmt.Errorf("copying %s to %s: %w", redactStoreURL(f.from), redactStoreURL(f.to), err)
}
