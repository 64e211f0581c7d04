// Package manual writes the manual pages and the completions of shells, for packages.
package manual

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"

	"qaserelay/cmd/qase-relay/terminal"
)

// New returns the hidden command man.
func New(c *terminal.Console) *cobra.Command {
	return &cobra.Command{
		Use:    "man FOLDER",
		Hidden: true,
		Short:  "Write the manual pages and completions, for packages",
		Long: `Writes a manual page for each command into FOLDER/man1, and the completions of shells into
FOLDER/completions. SOURCE_DATE_EPOCH, if it is set, is the date of the pages.`,
		Example: `  qase-relay man out`,
		Args:    terminal.ArgsBetween(1, 1, "FOLDER"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return write(cmd.Root(), args[0], c.Build.Version)
		},
	}
}

func write(root *cobra.Command, folder, version string) error {
	pages, completions := filepath.Join(folder, "man1"), filepath.Join(folder, "completions")
	for _, dir := range []string{pages, completions} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("writing manual pages: %w", err)
		}
	}
	root.DisableAutoGenTag = true
	header := &doc.GenManHeader{Section: "1", Source: "qase-relay " + version, Manual: "qase-relay"}
	if os.Getenv("SOURCE_DATE_EPOCH") == "" {
		now := time.Now()
		header.Date = &now
	}
	if err := doc.GenManTree(root, header, pages); err != nil {
		return fmt.Errorf("writing manual pages: %w", err)
	}
	for name, generate := range map[string]func(string) error{
		"qase-relay.bash": func(f string) error { return root.GenBashCompletionFileV2(f, true) },
		"_qase-relay":     root.GenZshCompletionFile,
		"qase-relay.fish": func(f string) error { return root.GenFishCompletionFile(f, true) },
	} {
		if err := generate(filepath.Join(completions, name)); err != nil {
			return fmt.Errorf("writing completions: %w", err)
		}
	}
	return nil
}
