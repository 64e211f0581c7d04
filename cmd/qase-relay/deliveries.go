package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/bulk"
	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/admin/jobs"
	"qaserelay/relay/store"
)

func newDeliveries(c *terminal.Console) *cobra.Command {
	return cli.WithSubcommands(&cobra.Command{
		Use:        "deliveries",
		SuggestFor: []string{"messages", "notifications", "dead"},
		Short:      "List deliveries, show why one failed, retry or cancel them",
		Long: `Lists the deliveries of a running relay, by its admin address: pending, delivered or dead, with
every attempt and the receiver's answer. Dead deliveries can be sent again, and pending ones cancelled.`,
		Example: `  qase-relay deliveries list --state dead --since 7d
  qase-relay deliveries show 06bq1rk2tv8c0
  qase-relay deliveries retry --dead --notifier qa-slack
  qase-relay deliveries cancel 06bq1rk2tv8c0`,
	}, newDeliveriesList(c), newDeliveriesShow(c), newDeliveriesRetry(c), newDeliveriesCancel(c))
}

// addDeliveryFilters adds the flags that filter deliveries.
func (f *listFlags) addDeliveryFilters(flags *pflag.FlagSet) {
	flags.StringVar(&f.state, "state", "", "only in the `STATE` pending, sending, delivered, dead or cancelled")
	flags.StringVar(&f.rule, "rule", "", "only those of the rule `NAME`")
	flags.StringVar(&f.notifier, "notifier", "", "only to the notifier `NAME`")
	flags.StringVar(&f.project, "project", "", "only about the project `CODE`")
	flags.StringVar(&f.event, "event", "", "only about the event with this id, or with this `NAME`")
	flags.StringVar(&f.reason, "reason", "", "only those of which an attempt failed for this `REASON`: "+
		strings.Join(notifiers.Reasons(), ", "))
	f.addWindow(flags)
	f.askFlags.add(flags)
}

func newDeliveriesList(c *terminal.Console) *cobra.Command {
	var f listFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List deliveries, the newest first",
		Example: `  qase-relay deliveries list --state dead
  qase-relay deliveries list --rule failed-run --since 2h --json`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error { return listDeliveries(cmd.Context(), c, f) },
	}
	f.addDeliveryFilters(cmd.Flags())
	f.addWords(cmd.Flags())
	f.addPaging(cmd.Flags())
	return cmd
}

func listDeliveries(ctx context.Context, c *terminal.Console, f listFlags) error {
	cl := newRelayClient(f.clientFlags)
	found, err := f.collect(ctx, cl, "deliveries")
	if err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(found.Deliveries)
	}
	cl.useZone(ctx, c.Out)
	report.PrintDeliveries(c.Out, found.Deliveries)
	found.printFooter(c.Out)
	return printWaits(ctx, cl, c.Out, found.Deliveries)
}

func newDeliveriesShow(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:   "show ID",
		Short: "Show one delivery with its message and every attempt",
		Long: `Shows one delivery: its message, and every attempt with the receiver's answer. Exits with 1 if it
is dead or does not exist.`,
		Example: `  qase-relay deliveries show 06bq1rk2tv8c0`,
		Args:    terminal.ArgsBetween(1, 1, "the id of a delivery"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return showDelivery(cmd.Context(), c, f, args[0])
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// showDelivery prints a delivery. Its error is an exit code if the delivery is dead.
func showDelivery(ctx context.Context, c *terminal.Console, f askFlags, id string) error {
	var d desk.Delivery
	cl := newRelayClient(f.clientFlags)
	err := cl.fetch(ctx, "deliveries", id, &d)
	switch {
	case err != nil:
		return err
	case f.json:
		err = c.WriteJSON(d)
	default:
		cl.useZone(ctx, c.Out)
		report.PrintDelivery(c.Out, &d)
		err = printWaits(ctx, cl, c.Out, []desk.Delivery{d})
	}
	if err == nil && d.State == store.Dead {
		return terminal.Wrong(nil)
	}
	return err
}

func newDeliveriesCancel(c *terminal.Console) *cobra.Command {
	var f askFlags
	cmd := &cobra.Command{
		Use:     "cancel ID…",
		Short:   "Cancel pending or dead deliveries, so that they are never sent",
		Example: `  qase-relay deliveries cancel 06bq1rk2tv8c0`,
		Args:    terminal.ArgsBetween(1, desk.MaxPage, "the id of a delivery"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return change{askFlags: f, verb: "cancel", done: "cancelled"}.apply(cmd.Context(), c, args)
		},
	}
	f.add(cmd.Flags())
	return cmd
}

// change is an operation on deliveries: retry or cancel.
type change struct {
	askFlags
	verb, done string // retry, retried
	rerender   bool   // of a retry
}

// body is the body of a request for one delivery or many.
func (w change) body(ids ...string) any {
	body := map[string]any{}
	if len(ids) > 0 {
		body["ids"] = ids
	}
	if w.rerender {
		body["rerender"] = true
	}
	return body
}

// apply changes the deliveries and prints them.
func (w change) apply(ctx context.Context, c *terminal.Console, ids []string) error {
	cl := newRelayClient(w.clientFlags)
	one := func(id string) (d desk.Delivery, err error) {
		path := "deliveries/" + url.PathEscape(id)
		if err := cl.post(ctx, path+"/"+w.verb, w.body(), &struct{}{}); err != nil {
			return d, notFound(err, "deliveries", id)
		}
		if err := cl.get(ctx, path, nil, &d); err != nil {
			return d, fmt.Errorf("it is %s, but: %w", w.done, err)
		}
		d.Message, d.Log = nil, nil
		return d, nil
	}
	return eachID(c, ids, one, func(changed []desk.Delivery) error { return w.print(c, changed) })
}

func (w change) print(c *terminal.Console, changed []desk.Delivery) error {
	if w.json {
		return c.WriteJSON(changed)
	}
	if len(changed) > 0 {
		report.PrintDeliveries(c.Out, changed)
	}
	c.Out.Printf("%s %s\n", w.done, terminal.Plural(len(changed), "delivery"))
	return nil
}

// printWaits prints why pending deliveries wait, once per notifier.
func printWaits(ctx context.Context, cl *relayClient, s *terminal.Screen, list []desk.Delivery) error {
	waiting := report.PendingByNotifier(list)
	if len(waiting) == 0 {
		return nil
	}
	var answer struct{ Notifiers []desk.Notifier }
	if err := cl.get(ctx, "notifiers", nil, &answer); err != nil {
		return err
	}
	for _, n := range answer.Notifiers {
		if d, ok := waiting[n.Name]; ok {
			report.PrintWaitReason(s, n, d)
		}
	}
	return nil
}

func newDeliveriesRetry(c *terminal.Console) *cobra.Command {
	var f listFlags
	var dead, rerender bool
	cmd := &cobra.Command{
		Use:   "retry ID… | --dead",
		Short: "Send dead deliveries again, or pending ones now",
		Long: `Makes dead or pending deliveries due now, with all their attempts again. They keep their ids, so that
receivers can drop duplicates. --dead selects all dead letters; filters limit them, and --state pending selects
pending ones. The relay does that in a job, which goes on if the command is stopped.

A retry sends the message as it was rendered. With --rerender it is rendered again with the current rules, for example
after a wrong channel was corrected; the other deliveries of the event stay as they are.

Exits with 1 if a delivery does not exist, is neither dead nor pending, or cannot be made by the current rules.`,
		Example: `  qase-relay deliveries retry 06bq1rk2tv8c0
  qase-relay deliveries retry --dead
  qase-relay deliveries retry --dead --rerender --rule failed-run
  qase-relay deliveries retry --dead --notifier qa-slack --since 2h`,
		Args: terminal.ArgsBetween(0, desk.MaxPage, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkRetry(args, dead); err != nil {
				return err
			}
			retry := change{f.askFlags, "retry", "retried", rerender}
			if len(args) > 0 {
				return retry.apply(cmd.Context(), c, args)
			}
			return f.retryChosen(cmd.Context(), c, rerender)
		},
	}
	cmd.Flags().BoolVar(&rerender, "rerender", false,
		"render the messages again with the current rules, such as after a corrected channel or text")
	cmd.Flags().BoolVar(&dead, "dead", false, "all dead letters, or those that match the filters")
	f.addDeliveryFilters(cmd.Flags())
	return cmd
}

// checkRetry checks that the ids or flags choose deliveries, so that a bare retry does not retry everything.
func (f *filterFlags) checkRetry(ids []string, dead bool) error {
	filtered := f.rule+f.notifier+f.project+f.event+f.reason+f.since+f.until+f.state != ""
	switch {
	case len(ids) > 0 && (dead || filtered):
		return errors.New("ids and filters cannot be used together")
	case len(ids) == 0 && !dead && !filtered:
		return terminal.Hint(errors.New("no deliveries to retry"),
			"give ids, or --dead for all dead ones; to list them: qase-relay deliveries list --state dead")
	case dead && f.state != "" && f.state != string(store.Dead):
		return fmt.Errorf("--dead and --state %s cannot be used together", f.state)
	case f.state == "":
		f.state = string(store.Dead)
	}
	if f.state != string(store.Dead) && f.state != string(store.Pending) {
		return fmt.Errorf("--state %s: only dead and pending deliveries can be retried", f.state)
	}
	return nil
}

// retryChosen retries what the filters select, by a job of the relay.
func (f *listFlags) retryChosen(ctx context.Context, c *terminal.Console, rerender bool) error {
	q, err := f.query()
	if err != nil {
		return err
	}
	cl := newRelayClient(f.clientFlags)
	job := bulk.Retry{Relay: bulk.Relay{Get: cl.get, Post: cl.post}, Console: c, JSON: f.json, Filter: q, Verb: jobs.Retry}
	if rerender {
		job.Verb = jobs.Rerender
	}
	return job.Run(ctx)
}
