package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"qaserelay/cmd/qase-relay/gallery"
	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// explainStored shows what a relay recorded about an event.
func explainStored(ctx context.Context, c *terminal.Console, f explainFlags) error {
	if f.event != "" || f.name != "" || len(f.sets)+len(f.given) > 0 || f.at != "" || f.source != "" {
		return terminal.Hint(errors.New("--id is about an event as it came, so nothing of it can be chosen"), "leave out --event, --event-name, --set, --given, --at and --source")
	}
	ev, err := askForEvent(ctx, f.clientFlags, f.id)
	if err != nil {
		return err
	}
	if f.json {
		return c.WriteJSON(ev)
	}
	g, err := f.storedGallery(ctx, c, ev)
	if err != nil {
		return err
	}
	if err := printStored(c.Out, ev, f.only, g); err != nil {
		return err
	}
	if g != nil {
		return g.Write()
	}
	printToday(c, ev, f)
	return nil
}

// askForEvent gets one stored event from the admin address of a relay.
func askForEvent(ctx context.Context, f clientFlags, id string) (*admin.Event, error) {
	c, err := newRelayClient(f)
	if err != nil {
		return nil, err
	}
	var ev admin.Event
	err = c.get(ctx, "events/"+url.PathEscape(id), nil, &ev)
	return &ev, aboutOne(err, "event", id)
}

// storedGallery draws the messages that a relay keeps, if they are asked for.
func (f *explainFlags) storedGallery(ctx context.Context, c *terminal.Console, stored *admin.Event) (*gallery.Gallery, error) {
	if !f.draws() {
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
	cl, err := newRelayClient(f.clientFlags)
	if err != nil {
		return nil, err
	}
	for i, d := range stored.Deliveries {
		whole, err := askForDelivery(ctx, cl, d.ID)
		if err != nil {
			return nil, err
		}
		stored.Deliveries[i].Message = whole.Message
	}
	return gallery.New(c.Out, cfg, ev, f.html), nil
}

// printStored shows what was decided when the event came, and what became of it. g draws the messages; it may be nil.
func printStored(s *terminal.Screen, ev *admin.Event, only []string, g *gallery.Gallery) error {
	var d rules.Decision
	if err := json.Unmarshal(ev.Decisions, &d); err != nil {
		return fmt.Errorf("reading what the relay decided: %w", err)
	}
	s.Printf("%s  %s\n", s.Bold(terminal.Printable(ev.Event)), s.Dim(terminal.Printable(fmt.Sprintf("event %s · project %s · source %s · received %s",
		ev.ID, ev.Project, ev.Source, ev.ReceivedAt.Format("2006-01-02 15:04:05 MST")))))
	slices.Reverse(ev.Deliveries) // they are listed newest first
	listed := 0
	for _, r := range d.Results {
		if r.Outcome == rules.NotMatched {
			listed++
		}
		if len(only) > 0 && !slices.Contains(only, r.Rule) {
			continue
		}
		s.Printf("\n%s\n", verdictLine(s, r, nil))
		for _, note := range r.Notes {
			printNote(s, note)
		}
		for _, delivery := range ev.Deliveries {
			if delivery.Rule == r.Rule {
				printDelivery(s, delivery)
				g.ShowStored(delivery.Notifier, delivery.Message)
			}
		}
	}
	if more := d.NotMatched - listed; more > 0 && len(only) == 0 {
		s.Printf("\n%s and %s more that did not match\n", s.Dim("·"), terminal.Plural(more, "rule"))
	}
	printFootnotes(s, ev)
	return nil
}

func printDelivery(s *terminal.Screen, d admin.Delivery) {
	state := string(d.State)
	switch d.State {
	case store.Delivered:
		state = s.Good(state)
	case store.Dead:
		state = s.Bad(state)
	case store.Pending, store.Sending, store.Cancelled:
		state = s.Warn(state)
	}
	s.Printf("    %s %s  %s after %s  %s\n", s.Good("→"), s.Bold(terminal.Printable(d.Notifier)), state, terminal.Plural(d.Attempts, "attempt"), s.Dim("delivery "+d.ID))
	for _, line := range terminal.Sentences(s, d.Title, 6) {
		s.Printf("      %s\n", line)
	}
	if d.Error != "" {
		for _, line := range terminal.Sentences(s, d.Error, 6) {
			s.Printf("      %s\n", s.Bad(line))
		}
	}
	if d.NextAt != nil {
		s.Printf("      next attempt at %s\n", d.NextAt.Format("2006-01-02 15:04:05 MST"))
	}
}

func printFootnotes(s *terminal.Screen, ev *admin.Event) {
	sum := "nothing was to be sent"
	if n := len(ev.Deliveries); n > 0 {
		sum = terminal.Plural(n, "delivery")
		if n > 1 {
			sum = fmt.Sprintf("%d deliveries", n)
		}
	}
	s.Printf("\n%s\n", s.Bold(strings.ToUpper(sum[:1])+sum[1:]+"."))
	for _, line := range terminal.Sentences(s, "The same body again within 24 hours is a duplicate: it gets this id too, sends nothing, and is not recorded.", 0) {
		s.Printf("%s\n", s.Dim(line))
	}
}

// printToday shows what the rules at hand make of a stored event, with the value of each condition. Without rules there is only
// a word on how to get that.
func printToday(c *terminal.Console, stored *admin.Event, f explainFlags) {
	files := strings.Join(f.rules, ", ")
	say := func(text string) {
		for _, line := range terminal.Sentences(c.Out, text, 0) {
			c.Out.Printf("%s\n", c.Out.Dim(line))
		}
	}
	if readable(f.rules) != nil {
		say("These are the decisions of that time. With --rules FILE it also shows what rules make of the event today, with the value of each condition.")
		return
	}
	cfg, err := readRules(c, f.rules)
	if err != nil {
		say(fmt.Sprintf("What %s makes of it today cannot be told: %v.", files, err))
		return
	}
	ev, err := event.Parse(stored.Source, stored.Body, stored.ReceivedAt)
	if err != nil {
		say(fmt.Sprintf("The stored body cannot be read: %v.", err))
		return
	}
	x := f.chosen(cfg.Rules.Explain(ev, rules.State{Now: stored.ReceivedAt}))
	if len(x.Rules) == 0 {
		return
	}
	c.Out.Printf("\n%s\n\n", c.Out.Bold(fmt.Sprintf("Today, by %s, and without what earlier events said:", files)))
	explanationPrinter{s: c.Out, some: len(f.only) > 0}.print(x)
}
