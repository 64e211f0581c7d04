package main

import (
	"crypto/rand"
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
)

// starterRules is the file that init writes, with @SECRET@ replaced.
//
//go:embed starter.yaml
var starterRules string

func newInit(c *terminal.Console) *cobra.Command {
	return &cobra.Command{
		Use:        "init [FILE]",
		SuggestFor: []string{"new", "create", "setup"},
		Short:      "Write a commented first rules file",
		Long: `Writes a commented rules file to start from, by default ` + terminal.DefaultRules + `.
It never overwrites a file: if the file exists, it exits with 1. Missing directories are created.`,
		Example: `  qase-relay init
  qase-relay init teams/qa.yaml`,
		Args: terminal.ArgsBetween(0, 1, "FILE"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 {
				return initFile(c, args[0])
			}
			return initFile(c, terminal.DefaultRules)
		},
		ValidArgsFunction: completeYAML,
	}
}

func initFile(c *terminal.Console, name string) error {
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		return fmt.Errorf("creating the directory of %s: %w", name, err)
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return terminal.Wrong(terminal.Hint(fmt.Errorf("%s exists already; nothing was written", name),
			"check it with: qase-relay check %s\n"+
				"       or write to another file: qase-relay init other.yaml", name))
	}
	if err != nil {
		return fmt.Errorf("writing the starter rules: %w", err)
	}
	secret := rand.Text()
	_, err = f.WriteString(strings.ReplaceAll(starterRules, "@SECRET@", secret))
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("writing %s: %w", name, err)
	}
	c.Out.Printf("wrote %s\n\nNext:\n", name)
	for _, step := range nextSteps(name, secret) {
		c.Out.Printf("  %s\n      %s\n", c.Out.Bold(step[0]), c.Out.Dim(step[1]))
	}
	return nil
}

func nextSteps(name, secret string) [][2]string {
	flag, login, me := "", " --secret "+secret, terminal.Program()
	if name != terminal.DefaultRules {
		flag = " --rules " + name
	}
	if os.Getenv("QASE_WEBHOOK_SECRET") != "" { // the variable overrides the secret in the file
		login = ""
	}
	return [][2]string{
		{me + " check " + name, "check it for problems"},
		{me + " test " + name, "run its tests"},
		{me + " serve --dry-run" + flag, "run it without sending anything"},
		{me + " send run.completed --set payload.failed=3" + login, "post an event to it, from another terminal"},
	}
}
