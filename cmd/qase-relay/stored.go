package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"qaserelay/cmd/qase-relay/gallery"
	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// explainStored prints the decision that a relay recorded about an event.
func explainStored(ctx context.Context, c *terminal.Console, f explainFlags) error {
	if f.event != "" || f.name != "" || len(f.sets)+len(f.given) > 0 || f.at != "" || f.source != "" {
		return terminal.Hint(errors.New("--id explains a stored event, which cannot be changed"),
			"leave out --event, --event-name, --set, --given, --at and --source")
	}
	cl, ev := newRelayClient(f.clientFlags), &desk.Event{}
	if err := cl.fetch(ctx, "events", f.id, ev); err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(ev)
	}
	g, err := f.storedGallery(ctx, c, cl, ev)
	if err != nil {
		return err
	}
	stored := report.Stored{Event: ev, Only: f.only}
	if g != nil {
		stored.Draw = func(d desk.Delivery) { g.ShowStored(d.Notifier, d.Message) }
	}
	if err := stored.Print(c.Out); err != nil {
		return err
	}
	if g != nil {
		return g.Write()
	}
	printCurrent(c, ev, f)
	return nil
}

// storedGallery returns a gallery for stored messages, and fetches them. It returns nil without --preview or --html.
func (f *explainFlags) storedGallery(ctx context.Context, c *terminal.Console, cl *relayClient,
	stored *desk.Event) (*gallery.Gallery, error) {
	if !f.previews() {
		return nil, nil
	}
	ev, err := event.Parse(stored.Source, stored.Body, stored.ReceivedAt)
	if err != nil {
		return nil, fmt.Errorf("reading the stored event: %w", err)
	}
	var cfg *rulefile.File
	if readable(f.rules) == nil {
		if cfg, err = readRules(c, f.rules); err != nil {
			return nil, err
		}
	}
	for i, d := range stored.Deliveries {
		var whole desk.Delivery
		if err := cl.fetch(ctx, "deliveries", d.ID, &whole); err != nil {
			return nil, err
		}
		stored.Deliveries[i].Message = whole.Message
	}
	return gallery.New(c.Out, cfg, ev, f.html), nil
}

// printCurrent prints how the local rules file decides about a stored event, with the trace of each condition. Without
// a rules file it prints a hint.
func printCurrent(c *terminal.Console, stored *desk.Event, f explainFlags) {
	files := strings.Join(f.rules, ", ")
	note := func(text string) { c.Out.PrintSentences("", text, c.Out.Dim) }
	if readable(f.rules) != nil {
		note("These are the decisions of that time. For those of a rules file today, with the value of each " +
			"condition, add --rules FILE.")
		return
	}
	cfg, err := readRules(c, f.rules)
	if err != nil {
		note(fmt.Sprintf("The decisions of %s today are not known: %v.", files, err))
		return
	}
	ev, err := event.Parse(stored.Source, stored.Body, stored.ReceivedAt)
	if err != nil {
		note(fmt.Sprintf("The stored body cannot be read: %v.", err))
		return
	}
	x := f.filter(cfg.Rules.Explain(ev, rules.State{Now: stored.ReceivedAt}))
	if len(x.Rules) == 0 {
		return
	}
	c.Out.Printf("\n%s\n\n", c.Out.Bold(fmt.Sprintf("Today, by %s, and without earlier events:", files)))
	report.Explanation{Explanation: x, Partial: len(f.only) > 0}.Print(c.Out)
}
