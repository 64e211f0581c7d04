package main

import (
	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
)

func newVersion(c *terminal.Console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "version [--json]",
		Short: "Print the version of this program",
		Example: `  qase-relay version
  qase-relay version --json`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if asJSON {
				return c.WriteJSON(terminal.Build())
			}
			f := terminal.Build()
			c.Out.Printf("qase-relay %s\n  revision %s\n  %s %s\n", f.Version, f.Revision, f.Go, f.Platform)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
