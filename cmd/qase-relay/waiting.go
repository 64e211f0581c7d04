package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/client"
	"qaserelay/relay/admin/desk"
)

func newWaiting(c *terminal.Console) *cobra.Command {
	return cli.WithSubcommands(&cobra.Command{
		Use:        "waiting",
		SuggestFor: []string{"wait", "digests", "holds", "held", "timers"},
		Short:      "Show, send or drop what waits for its time",
		Long: `What waits for its time, on a running relay: digests, messages that are held
until a window of time opens, waits of rules with after, the feeds of sources
with expect_every, and events whose rules wait for what Qase says of them. Each is
kept through restarts.`,
		Example: `  qase-relay waiting list --rule failed-run
  qase-relay waiting show 5c1f0b7e9a3d2468
  qase-relay waiting flush 5c1f0b7e9a3d2468`,
	}, newWaitingList(c), newWaitingShow(c), newWaitingEnd(c, "flush"), newWaitingEnd(c, "drop"))
}

// waitingFlags choose what is listed.
type waitingFlags struct {
	askFlags
	kind, rule string
	limit      int
}

func newWaitingList(c *terminal.Console) *cobra.Command {
	var f waitingFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List what waits, the first due first",
		Long: `Lists digests, held messages, waits, feeds and events that are not decided yet, the first
due first. The windows of throttles are not listed.`,
		Example: `  qase-relay waiting list
  qase-relay waiting list --kind hold --rule failed-run --json`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return listWaiting(cmd.Context(), c, f) },
	}
	cmd.Flags().StringVar(&f.kind, "kind", "", "only those of the `KIND` digest, hold, wait, feed or event")
	cmd.Flags().StringVar(&f.rule, "rule", "", "only those of the rule `NAME`")
	cmd.Flags().IntVar(&f.limit, "limit", 50, "`NUMBER` to show, the first due first; 0 is all")
	f.add(cmd.Flags())
	return cmd
}

func listWaiting(ctx context.Context, c *terminal.Console, f waitingFlags) error {
	if f.limit < 0 {
		return errors.New("--limit must not be negative; 0 is all")
	}
	cl, q := newRelayClient(f.clientFlags), url.Values{}
	for name, text := range map[string]string{"kind": f.kind, "rule": f.rule} {
		if text != "" {
			q.Set(name, text)
		}
	}
	all := desk.WaitingPage{Waiting: []desk.Waiting{}}
	for {
		n := desk.MaxPage
		if f.limit > 0 {
			n = min(n, f.limit-len(all.Waiting))
		}
		q.Set("limit", strconv.Itoa(n))
		var page desk.WaitingPage
		if err := cl.get(ctx, "waiting", q, &page); err != nil {
			return err
		}
		all.Waiting, all.Next = append(all.Waiting, page.Waiting...), page.Next
		if q.Set("after", page.Next); page.Next == "" || f.limit > 0 && len(all.Waiting) >= f.limit {
			break
		}
	}
	if f.json {
		return c.WriteJSON(all.Waiting)
	}
	cl.useZone(ctx, c.Out)
	report.PrintWaiting(c.Out, all.Waiting)
	if all.Next != "" {
		c.Out.Printf("%s\n", c.Out.Dim("There are more: a larger --limit shows them."))
	}
	return nil
}

func newWaitingShow(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one digest, hold, wait or feed, or events that wait",
		Long: `Shows one digest or hold with its oldest messages, one wait or feed, or the events of one
run, defect … that are not decided yet. The decisions about events name the id (events show ID). Exits with 1 if it does not wait any more.`,
		Example: `  qase-relay waiting show 5c1f0b7e9a3d2468`,
		Args:    terminal.ArgsBetween(1, 1, "the id of what waits"),
		RunE: func(cmd *cobra.Command, args []string) error {
			cl := newRelayClient(f.clientFlags)
			var one desk.Waiting
			r := client.Request{Method: http.MethodGet, Path: "waiting/" + url.PathEscape(args[0])}
			if err := cl.waiting(cmd.Context(), r, args[0], &one); err != nil {
				return err
			}
			if f.json {
				return c.WriteJSON(one)
			}
			cl.useZone(cmd.Context(), c.Out)
			report.PrintWaitingOne(c.Out, &one)
			return nil
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// waiting sends a request about what waits under an id.
func (c *relayClient) waiting(ctx context.Context, r client.Request, id string, v any) error {
	err := withHint(c.client.Send(ctx, r, v))
	var status *client.StatusError
	if errors.As(err, &status) && status.Code == http.StatusNotFound {
		return terminal.Wrong(terminal.Hint(fmt.Errorf("nothing waits under the id %s: it may have been sent, or have ended",
			terminal.Printable(id)), "to list what waits: qase-relay waiting list"))
	}
	return err
}

// endFlags are the flags of waiting flush and drop.
type endFlags struct {
	askFlags
	author string
}

// newWaitingEnd returns the command that sends what waits, or the one that drops it.
func newWaitingEnd(c *terminal.Console, verb string) *cobra.Command {
	var f endFlags
	cmd := &cobra.Command{
		Use:   "flush ID…",
		Short: "Send what waits now",
		Long: `Sends digests, held messages and waits now, also while the window of their rule is
closed. Events that wait are decided by what is known. Messages that a silence holds back stay where they are. A wait with further
steps goes on to the next one. Exits with 1 if one of them could not be sent.`,
		Example: `  qase-relay waiting flush 5c1f0b7e9a3d2468`,
		Args:    terminal.ArgsBetween(1, desk.MaxPage, "the id of what waits"),
		RunE:    func(cmd *cobra.Command, args []string) error { return endWaiting(cmd.Context(), c, f, verb, args) },
	}
	if verb == "drop" {
		cmd.Use, cmd.Short = "drop ID…", "Delete what waits, unsent"
		cmd.Example = "  qase-relay waiting drop 5c1f0b7e9a3d2468"
		cmd.Long = `Deletes digests, held messages, waits and feeds, unsent, and lets the rules that wait
for what Qase says of an event send nothing. An event of the kind dropped
records what was dropped, and by whom. A feed begins anew with the next event of its
project. Exits with 1 if one of them does not wait any more.`
	}
	cmd.Flags().StringVar(&f.author, "author", "", "`NAME` of who asks for it; default the user of this system")
	f.add(cmd.Flags())
	return cmd
}

// endWaiting sends or drops what waits.
func endWaiting(ctx context.Context, c *terminal.Console, f endFlags, verb string, ids []string) error {
	cl, body := newRelayClient(f.clientFlags), map[string]string{"author": authorOr(f.author)}
	end := func(id string) (one desk.Ended, err error) {
		path := "waiting/" + url.PathEscape(id) + "/" + verb
		err = cl.waiting(ctx, client.Request{Method: http.MethodPost, Path: path, Body: body}, id, &one)
		if err == nil && !f.json {
			report.PrintEnded(c.Out, &one)
		}
		return one, err
	}
	return eachID(c, ids, end, func(ended []desk.Ended) error {
		if f.json {
			return c.WriteJSON(ended)
		}
		return nil
	})
}
