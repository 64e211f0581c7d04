package report

import (
	"cmp"
	"strconv"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules"
)

// PrintWaiting prints a table of what waits.
func PrintWaiting(s *terminal.Screen, list []desk.Waiting) {
	if len(list) == 0 {
		s.Printf("nothing waits\n")
		return
	}
	now := time.Now()
	t := &terminal.Table{S: s, Header: []string{"ID", "KIND", "DUE", "", "MESSAGES", "RULE", "KEY", "TITLE"}}
	for _, w := range list {
		t.Add(w.Error, terminal.Cell{Text: w.ID}, terminal.Cell{Text: w.Kind},
			terminal.Cell{Text: s.In(w.Due).Format(time.DateTime)}, terminal.Cell{Text: terminal.Ago(w.Due, now), Paint: s.Dim},
			terminal.Cell{Text: strconv.Itoa(w.Count)}, terminal.Cell{Text: waitingRoute(&w), Paint: s.Bold},
			terminal.Cell{Text: w.Key}, terminal.Cell{Text: w.Title})
	}
	t.Print()
}

// waitingRoute returns the rule and the notifier of what waits, or the source of a feed or of events.
func waitingRoute(w *desk.Waiting) string {
	if w.Notifier != "" {
		return w.Rule + " → " + w.Notifier
	}
	return cmp.Or(w.Rule, "source "+w.Source)
}

// PrintWaitingOne prints one digest, hold, wait or feed, or events that wait.
func PrintWaitingOne(s *terminal.Screen, w *desk.Waiting) {
	now := time.Now()
	s.Printf("%s  %s\n", s.Bold(w.Kind+" "+w.ID), terminal.OneLine(waitingRoute(w)))
	for _, text := range []string{w.Title, w.Key} {
		if text != "" {
			s.Printf("%s\n", terminal.OneLine(text))
		}
	}
	if w.Since != nil {
		s.Printf("since %s\n", s.TimeWithAge(*w.Since, now))
	}
	due := "due"
	if w.Kind == "event" {
		due = "decided at the latest"
	}
	s.Printf("%s %s\n", due, s.TimeWithAge(w.Due, now))
	if w.Silenced != nil {
		s.Printf("postponed by a silence until %s\n", s.TimeWithAge(*w.Silenced, now))
	}
	if w.Event != "" {
		s.Printf("%s event %s\n", begun(w.Kind), w.Event)
	}
	if w.Sent > 0 {
		s.Printf("%s sent so far\n", terminal.Plural(w.Sent, "message"))
	}
	if w.Error != "" {
		s.Printf("%s %s failed: %s\n", s.Bad("error:"), terminal.Plural(w.Tries, "attempt"), terminal.OneLine(w.Error))
	}
	if len(w.Members) == 0 {
		return
	}
	s.Printf("%s\n\n", terminal.Plural(w.Count, thing(w.Kind)))
	t := &terminal.Table{S: s, Header: []string{"EVENT", "RECEIVED", "PROJECT", "NAME", "LEVEL", "TITLE"}}
	for _, m := range w.Members {
		received := ""
		if m.ReceivedAt != nil {
			received = s.In(*m.ReceivedAt).Format(time.DateTime)
		}
		t.Add("", terminal.Cell{Text: m.Event}, terminal.Cell{Text: received}, terminal.Cell{Text: m.Project},
			terminal.Cell{Text: m.Name}, terminal.Cell{Text: m.Level}, terminal.Cell{Text: m.Title, Paint: s.Bold})
	}
	t.Print()
	if more := w.Count - len(w.Members); more > 0 {
		s.Printf("%s\n", s.Dim("and "+strconv.Itoa(more)+" more"))
	}
}

// begun says what an event is to what waits.
func begun(kind string) string {
	if kind == "event" {
		return "first"
	}
	return "begun by"
}

// thing returns the word for the members of what waits.
func thing(kind string) string {
	if kind == "event" {
		return "event"
	}
	return "message"
}

// PrintEnded prints what became of a digest, hold, wait or feed that was sent or dropped.
func PrintEnded(s *terminal.Screen, e *desk.Ended) {
	switch {
	case e.Outcome == rules.Dropped:
		s.Printf("dropped %s\n", e.ID)
	case len(e.Messages) == 0:
		s.Printf("%s had nothing to send\n", e.ID)
	}
	for _, m := range e.Messages {
		s.Printf("%s %s → %s  %s\n    %s\n", s.Good("→"), terminal.OneLine(m.Rule), s.Bold(terminal.OneLine(m.Notifier)),
			s.Dim("delivery "+m.ID), terminal.OneLine(m.Title))
	}
}
