package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"qaserelay/cmd/qase-relay/cli"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
)

func newCatalog(c *terminal.Console) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "catalog [EVENT]",
		SuggestFor: []string{"list"},
		Short:      "Show the events that Qase sends",
		Long: `Lists the events that Qase sends. With a name: its fields with their types, its quirks,
and an example as Qase sends it.`,
		Example: `  qase-relay catalog
  qase-relay catalog run.completed
  qase-relay catalog run.completed --json`,
		Args: terminal.ArgsBetween(0, 1, "EVENT"),
		RunE: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 {
				return listCatalog(c, asJSON)
			}
			ev, err := lookupEvent(args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return c.WriteJSON(ev)
			}
			return showEvent(c, ev)
		},
		ValidArgsFunction: cli.CompleteEvent,
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func lookupEvent(name string) (catalog.Event, error) {
	if ev, ok := catalog.Lookup(name); ok {
		return ev, nil
	}
	err := fmt.Errorf("Qase has no event %q", name)
	if advice := catalog.Hint(name); advice != "" {
		return catalog.Event{}, terminal.Hint(err, "%s", advice)
	}
	return catalog.Event{}, terminal.Hint(err, "all events: qase-relay catalog")
}

func listCatalog(c *terminal.Console, asJSON bool) error {
	events := catalog.All()
	if asJSON {
		return c.WriteJSON(events)
	}
	wide := 0
	for _, ev := range events {
		wide = max(wide, len(ev.Name))
	}
	entity := ""
	for _, ev := range events {
		if ev.Entity != entity {
			entity = ev.Entity
			c.Out.Printf("%s\n", c.Out.Bold(entity))
		}
		for i, line := range terminal.Wrap(ev.Summary, c.Out.Columns-wide-4) {
			if i == 0 {
				c.Out.Printf("  %-*s  %s\n", wide, ev.Name, line)
				continue
			}
			c.Out.Printf("  %-*s  %s\n", wide, "", line)
		}
	}
	c.Out.Printf("\n%s\n", c.Out.Dim(terminal.Plural(len(events),
		"event")+". Fields and an example of one: qase-relay catalog run.completed"))
	return nil
}

func showEvent(c *terminal.Console, ev catalog.Event) error {
	c.Out.Printf("%s\n", c.Out.Bold(ev.Name))
	c.Out.PrintWrapped("  ", ev.Summary)
	if ev.Label != "" {
		c.Out.PrintWrapped("  ", fmt.Sprintf("In the settings of Qase: %q.", ev.Label))
	}
	if !ev.Documented {
		c.Out.PrintWrapped("  ", "Qase does not document its payload.")
	}
	c.Out.Printf("\n%s\n", c.Out.Bold("Fields of payload"))
	if err := printFields(c.Out, ev.Fields); err != nil {
		return err
	}
	if len(ev.Quirks) > 0 {
		c.Out.Printf("\n%s\n", c.Out.Bold("Good to know"))
		for _, q := range ev.Quirks {
			c.Out.PrintWrapped("  - ", q)
		}
	}
	var example bytes.Buffer
	if err := json.Indent(&example, ev.Example, "  ", "  "); err != nil {
		return fmt.Errorf("example of %s: %w", ev.Name, err)
	}
	c.Out.Printf("\n%s\n  %s\n", c.Out.Bold("Example"), example.String())
	c.Out.Printf("\n%s\n", c.Out.Dim("Post it to a relay: qase-relay send "+ev.Name))
	return nil
}

func printFields(s *terminal.Screen, fields []catalog.Field) error {
	t := tabwriter.NewWriter(s, 0, 0, 2, ' ', 0)
	for _, f := range fields {
		kind := f.Type
		if f.Nullable {
			kind += " or null"
		}
		if _, err := fmt.Fprintf(t, "  %s\t%s\t%s\n", f.Name, kind, f.Note); err != nil {
			return fmt.Errorf("printing the fields: %w", err)
		}
	}
	return t.Flush()
}
