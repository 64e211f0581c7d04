package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/flags"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/rulefile/rulefiletest"
)

// TestTheReadmeOfCommandsHasEachCommandAndFlag writes the page of commands from the help of the program, with -update.
func TestTheReadmeOfCommandsHasEachCommandAndFlag(t *testing.T) {
	program := newRoot(&terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}})
	program.InitDefaultCompletionCmd()
	file := filepath.Join(root(), "cmd", "qase-relay", "README.md")
	var list, details strings.Builder
	for _, group := range program.Groups() {
		fmt.Fprintf(&list, "**%s** ", group.Title)
		var links []string
		for _, cmd := range program.Commands() {
			if cmd.GroupID == group.ID && cmd.Name() != "help" {
				links = append(links, fmt.Sprintf("[`%s`](#%s)", cmd.Name(), anchor("qase-relay "+cmd.Name())))
				describe(&details, cmd, "##")
			}
		}
		list.WriteString(strings.Join(links, " · ") + "\n\n")
	}
	rulefiletest.GoldenPart(t, file, "list", list.String())
	rulefiletest.GoldenPart(t, file, "commands", details.String())
}

// describe writes the section of a command, and of those below it.
func describe(out *strings.Builder, cmd *cobra.Command, level string) {
	fmt.Fprintf(out, "%s %s\n\n%s.\n\n", level, cmd.CommandPath(), cmd.Short)
	if cmd.Name() == "completion" { // its help is about each shell
		out.WriteString("`qase-relay completion bash`, `zsh`, `fish` or `powershell` prints the completion of a shell, and " +
			"with `--help` how to use it.\n\n")
		return
	}
	if long := prose(cmd.Long); long != "" {
		out.WriteString(long + "\n\n")
	}
	if cmd.Runnable() && !cmd.HasSubCommands() {
		fmt.Fprintf(out, "```text test=\"TestTheReadmeOfCommandsHasEachCommandAndFlag\"\n%s\n```\n\n", cmd.UseLine())
	}
	if !cmd.HasSubCommands() && cmd.Example != "" {
		fmt.Fprintf(out, "```sh\n%s\n```\n\n", examplesOf(cmd.Example))
	}
	writeFlags(out, cmd)
	for _, sub := range cmd.Commands() {
		if !sub.Hidden {
			describe(out, sub, level+"#")
		}
	}
}

// prose returns the description of a command in Markdown: what the terminal shows indented becomes code.
func prose(text string) string {
	var out []string
	for _, paragraph := range strings.Split(strings.TrimSpace(text), "\n\n") {
		if strings.HasPrefix(paragraph, "  ") {
			paragraph = "```text test=\"TestTheReadmeOfCommandsHasEachCommandAndFlag\"\n" + paragraph + "\n```"
		} else {
			paragraph = strings.NewReplacer("*", `\*`, "<", "&lt;", "_", `\_`).Replace(paragraph)
		}
		out = append(out, paragraph)
	}
	return strings.Join(out, "\n\n")
}

// examplesOf returns examples of the help as lines of a shell: what follows two blanks is a remark.
func examplesOf(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		line = strings.TrimPrefix(line, "  ")
		if at := strings.Index(line, "   "); at > 0 {
			line = line[:at] + "   # " + strings.TrimSpace(line[at:])
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// writeFlags writes a table of the flags of a command with their variables.
func writeFlags(out *strings.Builder, cmd *cobra.Command) {
	var rows strings.Builder
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if f.Name == "help" || f.Hidden {
			return
		}
		kind, usage := pflag.UnquoteUsage(f)
		usage = strings.NewReplacer("|", `\|`, "*", `\*`, "<", "&lt;", "\n", " ").Replace(usage)
		value := f.DefValue
		if value == "[]" || value == "false" || value == "0" && kind != "NUMBER" {
			value = ""
		}
		if value != "" {
			value = "`" + strings.Trim(value, "[]") + "`"
		}
		fmt.Fprintf(&rows, "| `--%s` | %s | %s | `%s` |\n", strings.TrimSpace(f.Name+" "+strings.TrimSuffix(kind, "bool")),
			usage, value, flags.Variable(f.Name))
	})
	if rows.Len() > 0 {
		fmt.Fprintf(out, "| flag | is | default | variable |\n|---|---|---|---|\n%s\n", rows.String())
	}
}
