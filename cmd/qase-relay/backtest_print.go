package main

import (
	"fmt"
	"strconv"
	"time"
)

func (r *report) print(s *screen) {
	if r.Events == 0 {
		s.Printf("no events%s\n", r.leftOut())
		return
	}
	s.Printf("%s\n", s.bold(fmt.Sprintf("%s would make %s of %s", printable(r.Rules), plural(r.Messages, "message"), plural(r.Events, "event"))))
	s.Printf("%s\n", s.dim(fmt.Sprintf("%s – %s%s", r.First.Local().Format(stamp), r.Last.Local().Format(stamp), r.leftOut())))
	r.printRules(s)
	r.printNotifiers(s)
	r.printExamples(s)
	r.printChanges(s)
	s.Printf("\n")
	for _, line := range sentences(s, r.verdict(), 0) {
		s.Printf("%s\n", s.bold(line))
	}
	for _, note := range r.notes() {
		for _, line := range sentences(s, note, 0) {
			s.Printf("%s\n", s.dim(line))
		}
	}
}

func (r *report) leftOut() string {
	text := ""
	if r.Replays > 0 {
		text += fmt.Sprintf(" · %s left out", plural(r.Replays, "replay"))
	}
	if r.Unreadable > 0 {
		text += fmt.Sprintf(" · %s cannot be read", plural(r.Unreadable, "event"))
	}
	return text
}

func (r *report) printRules(s *screen) {
	if len(r.PerRule) == 0 {
		s.Printf("\nno rule matches\n")
		return
	}
	s.Printf("\n")
	t := &table{s: s, header: r.header("MATCHES", "NEWLY", "NO MORE", "RULE")}
	for _, c := range r.PerRule {
		below := ""
		if c.Errors > 0 {
			below = fmt.Sprintf("its condition fails on %s, first %s", plural(c.Errors, "event"), c.FirstError)
		}
		t.add(below, r.counts(s, [4]int{c.Events, c.Before, c.Gained, c.Lost}, c.Rule)...)
	}
	t.print()
}

func (r *report) printNotifiers(s *screen) {
	if len(r.PerWay) == 0 {
		return
	}
	s.Printf("\n")
	t := &table{s: s, header: r.header("MESSAGES", "MORE", "FEWER", "NOTIFIER")}
	for _, c := range r.PerWay {
		t.add("", r.counts(s, [4]int{c.Messages, c.Before, c.Added, c.Removed}, c.Notifier)...)
	}
	t.print()
}

// header names the columns of counts; without a comparison there is only one.
func (r *report) header(now, more, fewer, name string) []string {
	if r.Compared == 0 {
		return []string{now, name}
	}
	return []string{now, "BEFORE", more, fewer, name}
}

func (r *report) counts(s *screen, n [4]int, name string) []cell {
	if r.Compared == 0 {
		return []cell{plainCell(strconv.Itoa(n[0])), {name, s.bold}}
	}
	return []cell{plainCell(strconv.Itoa(n[0])), plainCell(strconv.Itoa(n[1])), {signed("+", n[2]), s.good}, {signed("-", n[3]), s.bad}, {name, s.bold}}
}

func signed(sign string, n int) string {
	if n == 0 {
		return "·"
	}
	return sign + strconv.Itoa(n)
}

func (r *report) printExamples(s *screen) {
	if r.most == 0 || len(r.Examples) == 0 {
		return
	}
	s.Printf("\n%s\n", s.bold("What it would send"))
	for _, x := range r.Examples {
		s.Printf("  %s → %s  %s\n", printable(x.Rule), printable(x.Notifier), s.dim(plural(x.Messages, "message")))
		for _, title := range x.Titles {
			s.Printf("      %s\n", cutLine(printable(title), max(s.columns-6, 60)))
		}
	}
}

func (r *report) printChanges(s *screen) {
	if len(r.Changes) == 0 {
		return
	}
	s.Printf("\n%s\n", s.bold("What differs"))
	words := map[string]string{gained: "newly matches", lost: "matches no more", added: "also sends to ", removed: "sends no more to "}
	last := ""
	for _, c := range r.Changes {
		if head := c.Rule + c.Kind + c.Notifier; head != last {
			mark := s.good("+")
			if c.Kind == lost || c.Kind == removed {
				mark = s.bad("-")
			}
			s.Printf("  %s %s %s\n", mark, s.bold(printable(c.Rule)), printable(words[c.Kind]+c.Notifier))
			last = head
		}
		s.Printf("      %s\n", cutLine(printable(c.line()), max(s.columns-6, 100)))
	}
}

func (c eventChange) line() string {
	line := fmt.Sprintf("%s  %s", c.ReceivedAt.Local().Format(time.DateTime), c.Event)
	for _, part := range []string{c.Project, c.EventID, c.Title} {
		if part != "" {
			line += "  " + part
		}
	}
	return line
}

func (r *report) verdict() string {
	if r.Compared == 0 {
		return "Nothing to compare with: it is not known what was decided about these events."
	}
	gains, losses := 0, 0
	for _, c := range r.PerRule {
		gains, losses = gains+c.Gained, losses+c.Lost
	}
	if gains+losses+r.Added+r.Removed == 0 {
		return "The same as " + r.Against + "."
	}
	return fmt.Sprintf("Against %s: %s more and %d fewer; %s where a rule newly matches, %d where one no longer does.",
		r.Against, plural(r.Added, "message"), r.Removed, plural(gains, "event"), losses)
}

func (r *report) notes() (notes []string) {
	switch {
	case r.Compared == 0:
		notes = append(notes, "Compare with another file by --against FILE, or export with --decided.")
	case r.Compared < r.Events:
		notes = append(notes, fmt.Sprintf("Of %s it is not known what was decided.", plural(r.Events-r.Compared, "event")))
	}
	if r.Against == recordedDecisions {
		notes = append(notes, "What was known at the time from before the first event, and from the Qase API, is not known here, so entity and previous may hold less.")
	}
	if r.Forgot {
		notes = append(notes, "There was more to remember than fits in memory, so what was not heard of for long was forgotten.")
	}
	return notes
}
