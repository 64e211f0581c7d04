package report

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules/silence"
)

// PrintSilences prints a table of silences.
func PrintSilences(s *terminal.Screen, list []desk.Silence) {
	if len(list) == 0 {
		s.Printf("no silences\n")
		return
	}
	now := time.Now()
	t := &terminal.Table{S: s, Header: []string{"ID", "STATE", "UNTIL", "", "MATCHED", "MATCHERS", "BY", "COMMENT"}}
	for _, one := range list {
		t.Add("", terminal.Cell{Text: one.ID}, silenceState(s, one.State),
			terminal.Cell{Text: s.In(one.EndsAt).Format(time.DateTime)},
			terminal.Cell{Text: terminal.Ago(one.EndsAt, now), Paint: s.Dim}, terminal.Cell{Text: strconv.Itoa(one.Matched)},
			terminal.Cell{Text: matchersOf(&one), Paint: s.Bold}, terminal.Cell{Text: one.Author},
			terminal.Cell{Text: one.Comment})
	}
	t.Print()
}

func silenceState(s *terminal.Screen, state silence.State) terminal.Cell {
	paint := s.Dim
	switch state {
	case silence.Active:
		paint = s.Good
	case silence.Pending:
		paint = s.Warn
	case silence.Expired:
	}
	return terminal.Cell{Text: string(state), Paint: paint}
}

// matchersOf returns what a silence is about.
func matchersOf(one *desk.Silence) string {
	parts := one.Matchers
	if one.When != "" {
		parts = append(parts[:len(parts):len(parts)], "when "+one.When)
	}
	return cmp.Or(strings.Join(parts, " "), "every message")
}

// PrintSilence prints one silence.
func PrintSilence(s *terminal.Screen, one *desk.Silence) {
	now := time.Now()
	state := silenceState(s, one.State)
	s.Printf("%s  %s\n", s.Bold("silence "+one.ID), state.Paint(state.Text))
	s.Printf("%s\n", terminal.Printable(matchersOf(one)))
	s.Printf("from %s\n", s.TimeWithAge(one.StartsAt, now))
	s.Printf("until %s\n", s.TimeWithAge(one.EndsAt, now))
	if one.Quiet != "" {
		s.Printf("ends early when it has matched nothing for %s\n", one.Quiet)
	}
	if about := strings.Trim(one.Author+": "+one.Comment, ": "); about != "" {
		s.Printf("by %s\n", terminal.Printable(about))
	}
	s.Printf("%s held back\n", terminal.Plural(one.Matched, "message"))
	if one.MatchedAt != nil {
		s.Printf("the last %s\n", s.TimeWithAge(*one.MatchedAt, now))
	}
	printWarnings(s, one.Warnings)
}

func printWarnings(s *terminal.Screen, warnings []string) {
	for _, w := range warnings {
		s.Printf("%s %s\n", s.Warn("warning:"), terminal.Printable(w))
	}
}

// PrintSilencePreview prints which messages a silence would have held back.
func PrintSilencePreview(s *terminal.Screen, p *desk.SilencePreview) {
	if len(p.Messages) > 0 {
		now := time.Now()
		t := &terminal.Table{S: s, Header: []string{"DELIVERY", "MADE", "", "RULE → NOTIFIER", "TITLE"}}
		for _, m := range p.Messages {
			t.Add("", terminal.Cell{Text: m.ID}, terminal.Cell{Text: s.In(m.CreatedAt).Format(time.DateTime)},
				terminal.Cell{Text: terminal.Ago(m.CreatedAt, now), Paint: s.Dim},
				terminal.Cell{Text: m.Rule + " → " + m.Notifier}, terminal.Cell{Text: m.Title, Paint: s.Bold})
		}
		t.Print()
	}
	more := ""
	if p.Matched > len(p.Messages) {
		more = ", of which the newest " + strconv.Itoa(len(p.Messages)) + " are shown"
	}
	s.Printf("it would have held back %d of %s since %s%s\n", p.Matched, terminal.Plural(p.Examined, "message"),
		s.TimeWithAge(p.Since, time.Now()), more)
	if !p.Complete {
		s.Printf("%s\n", s.Dim("There are more messages: a shorter --preview looks at all of them."))
	}
	printWarnings(s, p.Warnings)
}
