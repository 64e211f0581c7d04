package report

import (
	"encoding/json"
	"fmt"
	"slices"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules"
)

// Stored is an event that a relay has stored, and the way to print it.
type Stored struct {
	*desk.Event
	Only []string            // names of the rules to print; empty for all
	Draw func(desk.Delivery) // prints a preview of a message; may be nil
}

// Print prints the recorded decision, with the state of each delivery.
func (x Stored) Print(s *terminal.Screen) error {
	ev, only := x.Event, x.Only
	var d rules.Decision
	if err := json.Unmarshal(ev.Decisions, &d); err != nil {
		return fmt.Errorf("reading the decision: %w", err)
	}
	s.Printf("%s  %s\n", s.Bold(terminal.Printable(ev.Event)),
		s.Dim(terminal.Printable(fmt.Sprintf("event %s · project %s · source %s · received %s",
			ev.ID, ev.Project, ev.Source, ev.ReceivedAt.Format(terminal.TimeFormat)))))
	slices.Reverse(ev.Deliveries) // they are listed newest first
	listed := 0
	for _, r := range d.Results {
		if r.Outcome == rules.NotMatched {
			listed++
		}
		if len(only) > 0 && !slices.Contains(only, r.Rule) {
			continue
		}
		s.Printf("\n%s\n", outcomeLine(s, r, nil))
		for _, note := range r.Notes {
			printNote(s, note)
		}
		for _, delivery := range ev.Deliveries {
			if delivery.Rule == r.Rule {
				printSummary(s, delivery)
				if x.Draw != nil {
					x.Draw(delivery)
				}
			}
		}
	}
	if more := d.NotMatched - listed; more > 0 && len(only) == 0 {
		s.Printf("\n%s and %s more that did not match\n", s.Dim("·"), terminal.Plural(more, "rule"))
	}
	printFootnotes(s, ev)
	return nil
}

func printSummary(s *terminal.Screen, d desk.Delivery) {
	state := StateCell(s, d.State)
	s.Printf("    %s %s  %s after %s  %s\n", s.Good("→"), s.Bold(terminal.Printable(d.Notifier)), state.Paint(state.Text),
		terminal.Plural(d.Attempts, "attempt"), s.Dim("delivery "+d.ID))
	s.PrintSentences("      ", d.Title, nil)
	if d.Error != "" {
		s.PrintSentences("      ", d.Error, s.Bad)
	}
	if d.NextAt != nil {
		s.Printf("      next attempt at %s\n", d.NextAt.Format(terminal.TimeFormat))
	}
}

func printFootnotes(s *terminal.Screen, ev *desk.Event) {
	sum := "Nothing to send"
	if n := len(ev.Deliveries); n > 0 {
		sum = terminal.Plural(n, "delivery")
	}
	s.Printf("\n%s\n", s.Bold(sum+"."))
	s.PrintSentences("", "The same body within 24 hours is a duplicate: it gets this id too, sends nothing, and is "+
		"not recorded.", s.Dim)
}
