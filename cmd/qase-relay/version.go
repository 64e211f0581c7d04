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
			b := c.Build
			if asJSON {
				return c.WriteJSON(b)
			}
			c.Out.Printf("qase-relay %s\n  revision %s\n  %s %s\n", b.Version, b.Revision, b.Go, b.Platform)
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
