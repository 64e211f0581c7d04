// Package cli holds what all commands of the program share: their help, and errors about unknown commands and flags.
package cli

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
)

// Finish sets the help and the errors of a program whose commands are all added. It has a group other.
func Finish(root *cobra.Command) {
	root.Args, root.RunE = knownCommand, noCommand
	root.SetFlagErrorFunc(flagError)
	root.SetUsageTemplate(strings.NewReplacer("{{if .Runnable}}\n  {{.UseLine}}{{end}}",
		"{{if not .HasAvailableSubCommands}}\n  {{.UseLine}}{{end}}", "Flags.FlagUsages", "Flags.FlagUsagesWrapped 80",
		`Use "{{.CommandPath}} [command] --help" for more information about a command.`,
		"More about a command: {{.CommandPath}} COMMAND --help").
		Replace(root.UsageTemplate()))
	root.SetHelpCommandGroupID("other")
	root.SetCompletionCommandGroupID("other")
	refuseUnknownShells(root)
	wrapHelp(root)
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

// Add adds commands to a group of the help.
func Add(parent *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, cmd := range cmds {
		cmd.GroupID = group
		cmd.DisableFlagsInUseLine = true
		parent.AddCommand(cmd)
	}
}

// WithSubcommands makes a command of its subcommands: alone it is wrong usage.
func WithSubcommands(cmd *cobra.Command, subs ...*cobra.Command) *cobra.Command {
	cmd.Args, cmd.RunE = knownCommand, noCommand
	Add(cmd, "", subs...)
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
