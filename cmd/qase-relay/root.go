package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/demo"
	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/manual"
	"qaserelay/cmd/qase-relay/send"
	"qaserelay/cmd/qase-relay/terminal"
)

// run executes one command line, prints its error, and returns its exit code.
func run(ctx context.Context, args []string, c *terminal.Console) int {
	root := newRoot(c)
	root.SetArgs(args)
	err := cli.Check(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	if err == nil {
		return terminal.ExitOK
	}
	var exit *terminal.ExitError
	if errors.As(err, &exit) && exit.Err == nil {
		return exit.Code
	}
	c.Err.Printf("%s %s\n", c.Err.Bad("error:"), terminal.Printable(err.Error()))
	var advice *terminal.HintError
	if errors.As(err, &advice) {
		c.Err.Printf("%s %s\n", c.Err.Dim(" hint:"), terminal.Printable(advice.Hint))
	}
	if exit != nil {
		return exit.Code
	}
	return terminal.ExitUsage
}

func newRoot(c *terminal.Console) *cobra.Command {
	root := &cobra.Command{
		Use:   "qase-relay",
		Short: "Notifies people of events in Qase",
		Long: `Receives Qase webhooks, applies your rules, and notifies the right people on Slack, Teams, Discord, Telegram,
Google Chat, Mattermost, PagerDuty, ntfy, by email and over HTTP.

Every flag can be set by an environment variable: --admin-token is QASE_RELAY_ADMIN_TOKEN.

Exit codes: 0 success, 1 a check failed or something was not found or not delivered, 2 wrong usage or a runtime error.`,
		Example: `  qase-relay demo           see it work, without accounts and network
  qase-relay init           write a first rules.yaml
  qase-relay check          check it for problems
  qase-relay serve          run the relay`,
		Version:           c.Build.Version,
		SilenceErrors:     true,
		SilenceUsage:      true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flags.FromEnvironment(cmd.Flags()) },
	}
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetVersionTemplate("{{.DisplayName}} {{.Version}}\n")
	root.AddGroup(&cobra.Group{ID: "server", Title: "Server:"}, &cobra.Group{ID: "rules", Title: "Rules:"},
		&cobra.Group{ID: "inspect", Title: "Inspect:"}, &cobra.Group{ID: "develop", Title: "Develop:"},
		&cobra.Group{ID: "other", Title: "Other:"})
	cli.Add(root, "server", newServe(c), newConfig(c), newHealthcheck(c), newBackup(c), newCopy(c))
	cli.Add(root, "rules", newInit(c), newCheck(c), newTest(c), newBacktest(c), newSchema(c))
	cli.Add(root, "inspect", newEvents(c), newDeliveries(c), newSilences(c), newWaiting(c), newExplain(c), newWhy(c))
	cli.Add(root, "develop", demo.New(c), send.New(c), newNotify(c), newCatalog(c))
	cli.Add(root, "other", newVersion(c), manual.New(c))
	cli.Finish(root)
	return root
}
