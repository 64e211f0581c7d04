// Package cli holds what all commands of the program share: their help, and errors about unknown commands and flags.
package cli

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
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
	refuseUnknownTopics(root)
	wrapHelp(root)
}

// CompleteEvent completes the name of an event of the catalog.
func CompleteEvent(_ *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	var names []string
	for _, ev := range catalog.All() {
		if len(args) == 0 {
			names = append(names, ev.Name+"\t"+ev.Label)
		}
	}
	return names, cobra.ShellCompDirectiveNoFileComp
}

// Check returns an error for the help or version of a command that does not exist, such as `rules --help`. Cobra would
// print those of the command above it and exit with 0.
func Check(root *cobra.Command, args []string) error {
	root.InitDefaultHelpFlag() // so that Find knows that they have no value
	root.InitDefaultVersionFlag()
	cmd, rest, err := root.Find(args)
	if err != nil || !slices.ContainsFunc(rest, isAboutCommand) {
		return nil // other arguments are checked when the command runs
	}
	return subcommand(cmd, rest)
}

// isAboutCommand reports whether an argument asks about the command itself.
func isAboutCommand(arg string) bool {
	return slices.Contains([]string{"-h", "--help", "-v", "--version"}, arg)
}

// subcommand checks the name that follows a command, among flags.
func subcommand(cmd *cobra.Command, rest []string) error {
	i := slices.IndexFunc(rest, func(arg string) bool { return !strings.HasPrefix(arg, "-") })
	if i < 0 || !cmd.HasSubCommands() || strings.HasPrefix(rest[i], cobra.ShellCompRequestCmd) {
		return nil
	}
	return knownCommand(cmd, rest[i:])
}

// refuseUnknownTopics makes `help rules` wrong usage, for the same reason.
func refuseUnknownTopics(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() == "help" {
			cmd.Args = func(_ *cobra.Command, args []string) error {
				about, rest, err := root.Find(args)
				if err != nil {
					return err
				}
				return subcommand(about, rest)
			}
		}
	}
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
	near := ""
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			names = append(names, sub.Name())
		}
		if slices.Contains(sub.SuggestFor, args[0]) {
			near = sub.Name()
		}
	}
	if near = cmp.Or(near, catalog.Nearest(args[0], names)); near != "" {
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
