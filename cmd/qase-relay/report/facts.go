package report

import (
	"fmt"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules/failures"
)

// stateWaiting is the state of an event that is not decided yet, as [desk.Event] has it.
const stateWaiting = "waiting"

// printFacts prints what an event waits for, and what the Qase API said of the failing tests of its run.
func printFacts(s *terminal.Screen, ev *desk.Event, now time.Time) {
	if ev.State == stateWaiting {
		s.PrintSentences("", waitingText(s, ev, now), s.Warn)
	}
	facts := failures.ReadFacts(ev.Facts)
	if facts == nil || facts.Run == nil {
		return
	}
	r := facts.Run
	paint := s.Dim
	if !r.Complete {
		paint = s.Warn
	}
	s.PrintSentences("", "Failing tests: "+knownText(r)+askedText(r), paint)
	if r.Error != "" && r.Known {
		s.PrintSentences("  ", terminal.OneLine(r.Error), s.Warn)
	}
}

// waitingText says what an event waits for, since when, and until when.
func waitingText(s *terminal.Screen, ev *desk.Event, now time.Time) string {
	text := "Waiting for " + now.Sub(ev.ReceivedAt).Round(time.Second).String()
	w := ev.Waiting
	switch {
	case w == nil:
		return text + " for what Qase says of it."
	case w.Behind != "":
		text += " behind event " + w.Behind
	case w.Results:
		text += " for the names of the failing tests"
	default:
		text += " for the names of what it is about"
	}
	if w.Until != nil {
		text += ", at the latest until " + s.In(*w.Until).Format(terminal.TimeFormat)
	}
	return text + ". As a list: " + terminal.Program() + " waiting show " + w.ID
}

// knownText says how many failing tests are known, and what is missing.
func knownText(r *failures.Run) string {
	n, from := len(r.Results)+r.Left, "the Qase API"
	if r.Source == failures.FromEvents {
		from = "events of results"
	}
	switch {
	case !r.Known && r.Error != "":
		return "not known: " + terminal.OneLine(r.Error)
	case !r.Known:
		return "not known"
	case r.Complete:
		return fmt.Sprintf("%s by %s", terminal.Plural(n, "case"), from) + leftText(r)
	}
	return fmt.Sprintf("%d of %s by %s, the others are not known", n, terminal.Plural(max(r.Failed, n), "result"),
		from) + leftText(r)
}

func leftText(r *failures.Run) string {
	if r.Left == 0 {
		return ""
	}
	return fmt.Sprintf(", %d without names", r.Left)
}

// askedText says what the list has cost.
func askedText(r *failures.Run) string {
	if r.Requests == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s in %v)", terminal.Plural(r.Requests, "request"),
		(time.Duration(r.WaitedMS) * time.Millisecond).Round(10*time.Millisecond))
}
