package main

import (
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/why"
)

func newWhy(c *terminal.Console) *cobra.Command {
	var f askFlags
	var until string
	cmd := &cobra.Command{
		Use:   "why TEXT",
		Short: "Say what became of an event, a run or words, and why",
		Long: `Asks a running relay what became of something: the id of an event or delivery, the address of a page in Qase,
"WEB run 7", or words of a title. It goes from the arrival to the delivery, and says where the way ended and why.

Exits with 0 if the messages arrived, wait, or had not to be sent, with 1 if something failed or never came, and with 2 for
wrong usage.`,
		Example: `  qase-relay why WEB run 7
  qase-relay why https://app.qase.io/run/WEB/dashboard/7
  qase-relay why 06bq1rk2tv8c0
  qase-relay why nightly regression --until 2h`,
		Args: terminal.ArgsBetween(1, 50, "TEXT"),
		RunE: func(cmd *cobra.Command, args []string) error {
			relay, answer := newRelayClient(f.clientFlags), why.Answer{}
			query := url.Values{"q": {strings.Join(args, " ")}}
			if until != "" {
				query.Set("until", until)
			}
			if err := relay.get(cmd.Context(), "why", query, &answer); err != nil {
				return err
			}
			if f.json {
				if err := c.WriteJSON(answer); err != nil {
					return err
				}
			} else {
				relay.useZone(cmd.Context(), c.Out)
				report.PrintWhy(c.Out, answer)
			}
			if !answer.Verdict.IsFine() {
				return terminal.Wrong(nil)
			}
			return nil
		},
	}
	f.add(cmd.Flags())
	cmd.Flags().StringVar(&until, "until", "", "only events before this `TIME`, or this long ago, such as 2h")
	return cmd
}
