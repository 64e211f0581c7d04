package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/demo"
	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
)

// run executes one command line, prints its error, and returns its exit code.
func run(ctx context.Context, args []string, c *terminal.Console) int {
	root := newRoot(c)
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return terminal.ExitOK
	}
	var exit *terminal.ExitError
	if errors.As(err, &exit) && exit.Err == nil {
		return exit.Code
	}
	c.Err.Printf("%s %v\n", c.Err.Bad("error:"), err)
	var advice *terminal.HintError
	if errors.As(err, &advice) {
		c.Err.Printf("%s %s\n", c.Err.Dim(" hint:"), advice.Hint)
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
		Args:              knownCommand,
		RunE:              noCommand,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error { return flags.FromEnvironment(cmd.Flags()) },
	}
	root.SetIn(c.In)
	root.SetOut(c.Out)
	root.SetErr(c.Err)
	root.SetVersionTemplate("{{.DisplayName}} {{.Version}}\n")
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.NewReplacer("{{if .Runnable}}\n  {{.UseLine}}{{end}}",
		"{{if not .HasAvailableSubCommands}}\n  {{.UseLine}}{{end}}", "Flags.FlagUsages", "Flags.FlagUsagesWrapped 80",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		"More about a command: {{.CommandPath}} COMMAND --help").
		Replace(root.UsageTemplate()))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	root.AddGroup(&cobra.Group{ID: "server", Title: "Server:"}, &cobra.Group{ID: "rules", Title: "Rules:"},
		&cobra.Group{ID: "inspect", Title: "Inspect:"}, &cobra.Group{ID: "develop", Title: "Develop:"},
		&cobra.Group{ID: "other", Title: "Other:"})
	addCommands(root, "server", newServe(c), newHealthcheck(c), newBackup(c), newCopy(c))
	addCommands(root, "rules", newInit(c), newCheck(c), newTest(c), newBacktest(c), newSchema(c))
	addCommands(root, "inspect", newEvents(c), newDeliveries(c), newExplain(c))
	addCommands(root, "develop", demo.New(c), newSend(c), newNotify(c), newCatalog(c))
	addCommands(root, "other", newVersion(c))
	refuseUnknownShells(root)
	wrapHelp(root)
	return root
}

// wrapHelp wraps the paragraphs of the help of all commands. Indented lines stay as they are.
func wrapHelp(cmd *cobra.Command) {
	var paragraphs []string
	for p := range strings.SplitSeq(cmd.Long, "\n\n") {
		if !strings.HasPrefix(p, "  ") {
			p = strings.Join(terminal.Wrap(strings.ReplaceAll(p, "\n", " "), 80), "\n")
		}
		paragraphs = append(paragraphs, p)
	}
	cmd.Long = strings.Join(paragraphs, "\n\n")
	for _, sub := range cmd.Commands() {
		wrapHelp(sub)
	}
}

// refuseUnknownShells makes `completion tcsh` wrong usage. Cobra would print help to standard output and exit with 0.
func refuseUnknownShells(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "completion" {
			cmd.Args, cmd.RunE = knownCommand, noCommand
		}
	}
}

func addCommands(parent *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, cmd := range cmds {
		cmd.GroupID = group
		cmd.DisableFlagsInUseLine = true
		parent.AddCommand(cmd)
	}
}

// withSubcommands makes a command of its subcommands: alone it is wrong usage.
func withSubcommands(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE = knownCommand, noCommand
	addCommands(cmd, "", subs...)
	return cmd
}

// noCommand prints help, since the name of a subcommand is missing.
func noCommand(cmd *cobra.Command, _ []string) error {
	cmd.SetOut(cmd.ErrOrStderr())
	if err := cmd.Help(); err != nil {
		return err
	}
	return &terminal.ExitError{Code: terminal.ExitUsage}
}

// knownCommand checks the name of a subcommand.
func knownCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	err := fmt.Errorf("unknown command %q", args[0])
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
	}
	if near := catalog.Nearest(args[0], names); near != "" {
		return terminal.Hint(err, "did you mean %q? All commands: %s --help", near, cmd.CommandPath())
	}
	return terminal.Hint(err, "all commands: %s --help", cmd.CommandPath())
}

func flagError(cmd *cobra.Command, err error) error {
	help := cmd.CommandPath() + " --help"
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return terminal.Hint(err, "see %s", help)
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
	if near := catalog.Nearest(unknown.GetSpecifiedName(), names); near != "" {
		return terminal.Hint(err, "did you mean --%s? All flags: %s", near, help)
	}
	return terminal.Hint(err, "all flags: %s", help)
}
