package report

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Timing says for people what keeps the messages of one rule back, and for how long.
type Timing struct {
	Rule string `json:"rule"`
	Text string `json:"text"`
	// Next are the next times at which its window opens, or its digest leaves.
	Next []time.Time `json:"next,omitempty"`
}

// nextTimes is how many of the next times are listed.
const nextTimes = 3

// Timings returns what keeps the messages of rules back at a time. Rules that send at once have no entry.
func Timings(all []*rules.Rule, now time.Time) []Timing {
	list := []Timing{}
	for _, r := range all {
		var parts []string
		t := Timing{Rule: r.Name}
		if r.After != nil {
			parts = append(parts, afterText(r.After))
		}
		if r.Throttle != nil {
			parts = append(parts, throttleText(r.Throttle))
		}
		if r.Active != nil {
			t.Next = r.Active.Window.Openings(now, nextTimes)
			parts = append(parts, activeText(r.Active, t.Next))
		}
		if r.Group != nil {
			parts = append(parts, t.groupText(r, now))
		}
		if t.Text = strings.Join(parts, "; "); len(parts) > 0 {
			list = append(list, t)
		}
	}
	return list
}

func throttleText(t *rules.Throttle) string {
	number := "one"
	if t.AtMost > 1 {
		number = fmt.Sprint(t.AtMost)
	}
	text := fmt.Sprintf("at most %s%s in %s", number, perText(t.By), value.HumanDuration(t.Every))
	if t.SendLast {
		text += ", then the last one held back"
	}
	return text
}

// perText returns " per payload.id", or nothing if all messages count together.
func perText(by rules.By) string {
	if len(by) == 0 {
		return ""
	}
	sources := make([]string, len(by))
	for i, x := range by {
		sources[i] = x.Source
	}
	return " per " + strings.Join(sources, " and ")
}

func activeText(a *rules.Active, next []time.Time) string {
	then := "held until the window opens"
	if a.Drop {
		then = "dropped"
	}
	text := "outside " + a.String() + " " + then
	if len(next) > 0 {
		text += " (next: " + next[0].Format("Mon 2 Jan 15:04") + ")"
	}
	return text
}

func (t *Timing) groupText(r *rules.Rule, now time.Time) string {
	g := r.Group
	text := "one digest" + perText(g.By)
	switch {
	case g.At != nil:
		text += ", " + g.At.String()
		var times []time.Time
		for at := g.At.Next(now); !at.IsZero() && len(times) < nextTimes; at = g.At.Next(at) {
			times = append(times, at)
		}
		if len(times) > 0 {
			text += " (next: " + times[0].Format("Mon 2 Jan 15:04") + ")"
		}
		if t.Next == nil {
			t.Next = times
		}
		if g.SendEmpty {
			text += ", also when nothing happened"
		}
	case g.Quiet > 0:
		text += fmt.Sprintf(" %s after the last message, at the latest %s after the first",
			value.HumanDuration(g.Quiet), value.HumanDuration(g.Wait))
	default:
		text += " " + value.HumanDuration(g.Wait) + " after the first message"
	}
	if g.SendFirst {
		text += ", which is sent at once"
	}
	return text + ", " + templatesText(r)
}

// templatesText says which templates write a digest of several messages.
func templatesText(r *rules.Rule) string {
	title, body := r.DigestTemplates()
	origin := func(part string, used, own *template.Template) string {
		switch used {
		case nil:
			return "the default " + part
		case own:
			return "the " + part + " of the rule"
		}
		return "group." + part
	}
	if title == nil && body == nil {
		return "in the default layout"
	}
	return "with " + origin("title", title, r.Title) + " and " + origin("body", body, r.Body)
}

func afterText(a *rules.After) string {
	text := "at once"
	if len(a.Steps) > 0 {
		text = "after " + value.HumanDuration(a.Steps[0].At)
	}
	if a.In != nil {
		text += " of " + a.In.String()
	}
	text += perText(a.By)
	if a.Unless != nil {
		text += ", unless " + a.Unless.Source
	}
	reminders, escalations := 0, 0
	for _, s := range a.Steps {
		if s.Reminder > 0 {
			reminders++
		} else if s.Escalate {
			escalations++
		}
	}
	for _, more := range []struct {
		n    int
		noun string
	}{{reminders, "reminder"}, {escalations, "escalation"}} {
		if more.n > 0 {
			text += ", then " + terminal.Plural(more.n, more.noun)
		}
	}
	return text
}

// PrintTimings prints a line for each rule and, if all of them are wanted, its next times.
func PrintTimings(s *terminal.Screen, list []Timing, all bool) {
	for _, t := range list {
		s.Printf("%s %s\n", s.Bold(terminal.Printable(t.Rule)+":"), terminal.Printable(t.Text))
		for _, at := range t.Next {
			if all {
				s.Printf("  %s\n", at.Format("Mon 2 Jan 2006 15:04 MST"))
			}
		}
	}
}
