package report

import (
	"fmt"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/why"
)

// maxOthers is how many further events are named.
const maxOthers = 5

// PrintWhy prints what became of what was asked about. Of the steps before the reason only the first lines are shown.
func PrintWhy(s *terminal.Screen, a why.Answer) {
	if e := a.Event; e != nil {
		about := fmt.Sprintf("%s · event %s · project %s · received %s", e.Event, e.ID, e.Project,
			s.In(e.ReceivedAt).Format(terminal.TimeFormat))
		if e.Subject != "" {
			s.Printf("%s  %s\n", s.Bold(terminal.OneLine(e.Subject)), s.Dim(terminal.OneLine(about)))
		} else {
			s.Printf("%s\n", s.Bold(terminal.OneLine(about)))
		}
	}
	for _, step := range a.Steps {
		mark, paint := stepMark(s, step.State)
		s.Printf("%s %s\n", paint(mark), terminal.OneLine(step.Text))
		if step.State == why.Skipped {
			continue
		}
		for _, detail := range step.Details {
			s.PrintSentences("    ", detail, s.Dim)
		}
	}
	s.Printf("\n")
	s.PrintSentences("", a.Summary, s.Bold)
	if a.SearchedBack != nil {
		s.Printf("%s\n", s.Dim("searched back to "+s.In(*a.SearchedBack).Format(terminal.TimeFormat)))
	}
	for i, other := range a.Others {
		if i == maxOthers {
			s.Printf("%s\n", s.Dim(terminal.Plural(len(a.Others)-i, "more event")))
			break
		}
		s.Printf("%s\n", s.Dim(terminal.OneLine(fmt.Sprintf("also: %s  %s  %s  %s", other.ID, s.In(other.ReceivedAt).Format(terminal.TimeFormat),
			other.Event, other.Subject))))
	}
}

func stepMark(s *terminal.Screen, state why.State) (mark string, paint func(string) string) {
	switch state {
	case why.Passed:
		return "✓", s.Good
	case why.Broken:
		return "✗", s.Bad
	case why.Pending:
		return "◷", s.Warn
	case why.Stopped:
		return "■", s.Warn
	}
	return "·", s.Dim
}
