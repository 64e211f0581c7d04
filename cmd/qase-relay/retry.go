package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

func newDeliveriesRetry(c *terminal.Console) *cobra.Command {
	var f listFlags
	var dead bool
	cmd := &cobra.Command{
		Use:   "retry ID… | --dead",
		Short: "Send dead deliveries again, or pending ones now",
		Long: `Makes dead or pending deliveries due now, with all their attempts again. They keep their ids, by
which receivers can drop duplicates. --dead takes all dead ones; filters limit them, and --state pending takes
pending ones.

Exits with 1 if a delivery does not exist, or is neither dead nor pending.`,
		Example: `  qase-relay deliveries retry 06bq1xk2zv8c0
  qase-relay deliveries retry --dead
  qase-relay deliveries retry --dead --notifier qa-slack --since 2h`,
		Args: terminal.ArgsBetween(0, desk.MaxPage, ""),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.checkRetry(args, dead); err != nil {
				return err
			}
			retry := change{f.askFlags, "retry", "retried"}
			if len(args) > 0 {
				return retry.apply(cmd.Context(), c, args)
			}
			return retry.applyChosen(cmd.Context(), c, f.filterFlags)
		},
	}
	cmd.Flags().BoolVar(&dead, "dead", false, "all dead ones, or those that match the filters")
	f.addDeliveryFilters(cmd.Flags())
	return cmd
}

// checkRetry checks that the ids or flags choose deliveries, so that a bare retry does not retry everything.
func (f *filterFlags) checkRetry(ids []string, dead bool) error {
	filtered := f.rule+f.notifier+f.project+f.event+f.since+f.until+f.state != ""
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

// applyChosen retries page by page, so that each answer is fast.
func (w change) applyChosen(ctx context.Context, c *terminal.Console, f filterFlags) error {
	q, err := f.query()
	if err != nil {
		return err
	}
	cl, retried := newRelayClient(w.clientFlags), []desk.Delivery{}
	for before, more := "", true; more; more = before != "" {
		p, err := cl.page(ctx, "deliveries", q, before, desk.MaxPage)
		if err == nil && len(p.Deliveries) > 0 {
			err = cl.post(ctx, "deliveries/retry", map[string][]string{"ids": idsOf(p.Deliveries)}, &struct{}{})
		}
		if err != nil {
			return errors.Join(w.print(c, retried), err)
		}
		retried, before = append(retried, asPending(p.Deliveries)...), p.Next
	}
	return w.print(c, retried)
}

func idsOf(list []desk.Delivery) []string {
	ids := make([]string, len(list))
	for i, d := range list {
		ids[i] = d.ID
	}
	return ids
}

// asPending returns deliveries in the state after a retry.
func asPending(list []desk.Delivery) []desk.Delivery {
	for i := range list {
		list[i].State, list[i].Attempts, list[i].Status, list[i].Error = store.Pending, 0, "", ""
	}
	return list
}
