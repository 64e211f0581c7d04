package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/rulefile"
)

func newSchema(c *terminal.Console) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of rules files, for editors",
		Long: `Prints the JSON Schema (draft 7) of rules files, with which editors complete and describe keys, and
mark mistakes.

With the YAML language server, which many editors have, the first line of the rules file names it:

  # yaml-language-server: $schema=rules.schema.json

qase-relay check also checks names, conditions and templates, which the schema cannot.`,
		Example: `  qase-relay schema > rules.schema.json`,
		Args:    terminal.ArgsBetween(0, 0, ""),
		RunE: func(*cobra.Command, []string) error {
			if _, err := c.Out.Write(rulefile.JSONSchema()); err != nil {
				return fmt.Errorf("printing the schema: %w", err)
			}
			return nil
		},
	}
}
