package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/effective"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/config"
)

func newConfig(c *terminal.Console) *cobra.Command {
	var asJSON bool
	serve := newServe(c)
	cmd := &cobra.Command{
		Use:        "config",
		SuggestFor: []string{"settings", "env"},
		Short:      "Print the configuration that serve would run with",
		Long: `Prints the flags of serve with their values and where these come from, and what the rules files make of settings,
sources and notifiers, includes and defaults applied. Secrets are masked. It takes the flags and variables that serve
takes, and starts nothing.

Exits with 1 if the rules cannot be used.`,
		Example: `  qase-relay config
  qase-relay config --rules base.yaml --json
  docker compose run --rm relay config`,
		Args: terminal.ArgsBetween(0, 0, ""),
		RunE: func(cmd *cobra.Command, _ []string) error {
			patterns, err := cmd.Flags().GetStringArray("rules")
			if err == nil {
				err = readable(patterns)
			}
			if err != nil {
				return err
			}
			cfg, problems := config.Load(patterns, config.LoadOptions{AllowUnset: true, Stdin: c.In})
			terminal.PrintProblems(c.Err, problems)
			if cfg == nil {
				return terminal.Wrong(fmt.Errorf("the rules cannot be used: %s", terminal.CountText(problems)))
			}
			store := redactStoreURL(cmd.Flags().Lookup("store").Value.String())
			return effective.Print(c, effective.Options{Flags: cmd.Flags(), Store: store, Config: cfg, JSON: asJSON})
		},
	}
	cmd.Flags().AddFlagSet(serve.Flags())
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
