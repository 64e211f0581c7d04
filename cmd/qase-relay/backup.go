package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/app"
)

// storeRows are the numbers of rows of a store.
type storeRows struct {
	Events     int64 `json:"events"`
	Deliveries int64 `json:"deliveries"`
	Attempts   int64 `json:"attempts"`
	Keys       int64 `json:"keys"`   // what rules and notifiers remember
	Bodies     int64 `json:"bodies"` // by which a repeated event is known
}

func rowsOf(rows map[string]int64) storeRows {
	return storeRows{rows["events"], rows["deliveries"], rows["attempts"], rows["kv"], rows["dedupe"]}
}

func (r storeRows) String() string {
	return fmt.Sprintf("%s, %s, %s, %s", plural64(r.Events, "event"), plural64(r.Deliveries, "delivery"),
		plural64(r.Attempts, "attempt"), plural64(r.Keys, "key"))
}

func plural64(n int64, noun string) string { return terminal.Plural(int(n), noun) }

type backupFlags struct {
	store       string
	force, json bool
}

func newBackup(c *terminal.Console) *cobra.Command {
	var f backupFlags
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a consistent copy of a store, also while a relay runs on it",
		Long: `Writes everything that a store holds at one moment into one file of SQLite. A relay may use the
store meanwhile. The file appears once it is complete, checked and on disk; it is readable for its owner only.

Copying relay.db by other means misses its newest events, which are in relay.db-wal until a checkpoint.

To restore: stop the relay, move relay.db, relay.db-wal and relay.db-shm away, put the file in the place of
relay.db, and start the relay. Into PostgreSQL: qase-relay copy --from sqlite:FILE --to postgres://…`,
		Example: `  qase-relay backup /var/backups/relay-$(date +%F).db
  qase-relay backup --force --store sqlite:/var/lib/qase-relay/relay.db latest.db
  qase-relay backup --store "$STORE" copy-of-postgres.db`,
		Args: terminal.ArgsBetween(1, 1, "the file to write"),
		RunE: func(cmd *cobra.Command, args []string) error { return backup(cmd.Context(), c, f, args[0]) },
	}
	addStore(cmd.Flags(), &f.store)
	cmd.Flags().BoolVar(&f.force, "force", false, "replace the file if it exists")
	cmd.Flags().BoolVar(&f.json, "json", false, "print JSON")
	return cmd
}

func backup(ctx context.Context, c *terminal.Console, f backupFlags, file string) error {
	bar := &copyBar{terminal.Progress{Screen: c.Err}}
	rows, err := app.Backup(ctx, f.store, file, f.force, bar.report)
	bar.clear()
	if err != nil {
		return backupHint(err, f.store)
	}
	info, err := os.Stat(file)
	if err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(struct {
			File  string `json:"file"`
			Bytes int64  `json:"bytes"`
			storeRows
		}{file, info.Size(), rowsOf(rows)})
	}
	c.Out.Printf("wrote %s: %s, checked\n", terminal.OneLine(file), rowsOf(rows))
	return nil
}

func backupHint(err error, store string) error {
	switch {
	case errors.Is(err, app.ErrExists):
		return terminal.Wrong(terminal.Hint(fmt.Errorf("%w; nothing was written", err),
			"--force replaces it, unless it is the store itself"))
	case errors.Is(err, fs.ErrNotExist):
		return terminal.Hint(err, "--store names the store, such as sqlite:data/relay.db; the folder of the file "+
			"has to exist")
	}
	return fmt.Errorf("backing up %s: %w", redactStoreURL(store), err)
}

// copyBar is the progress bar of a copy. Without a terminal it prints nothing.
type copyBar struct{ terminal.Progress }

func (b *copyBar) report(p app.Progress) {
	if b.Terminal && p.Total > 0 {
		b.Want = int(p.Total)
		b.Draw(int(p.Done))
	}
}

func (b *copyBar) clear() {
	if b.Terminal {
		b.Clear()
	}
}
