package report

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/backtest"
	"qaserelay/rules/flow"
)

// PrintBacktest prints the report of a backtest, and examples of messages if asked.
func PrintBacktest(s *terminal.Screen, r *backtest.Report, examples bool) {
	backtestPrinter{Report: r, examples: examples}.print(s)
}

type backtestPrinter struct {
	*backtest.Report
	examples bool // show examples of messages
}

func (r backtestPrinter) print(s *terminal.Screen) {
	if r.Events == 0 {
		s.Printf("no events%s\n", r.leftOut())
		return
	}
	s.Printf("%s\n", s.Bold(fmt.Sprintf("%s would make %s of %s", terminal.OneLine(r.Rules),
		terminal.Plural(r.Messages, "message"), terminal.Plural(r.Events, "event"))))
	s.Printf("%s\n", s.Dim(fmt.Sprintf("%s – %s%s", s.In(r.First).Format(terminal.TimeFormat),
		s.In(r.Last).Format(terminal.TimeFormat), r.leftOut())))
	r.printRules(s)
	r.printNotifiers(s)
	r.printExamples(s)
	r.printChanges(s)
	s.Printf("\n")
	s.PrintSentences("", r.conclusion(), s.Bold)
	for _, note := range r.notes() {
		s.PrintSentences("", note, s.Dim)
	}
}

func (r backtestPrinter) leftOut() string {
	text := ""
	if r.Replays > 0 {
		text += fmt.Sprintf(" · %s left out", terminal.Plural(r.Replays, "replay"))
	}
	if r.Unreadable > 0 {
		text += fmt.Sprintf(" · %s cannot be read", terminal.Plural(r.Unreadable, "event"))
	}
	return text
}

func (r backtestPrinter) printRules(s *terminal.Screen) {
	if len(r.PerRule) == 0 {
		s.Printf("\nno rule matches\n")
		return
	}
	s.Printf("\n")
	t := &terminal.Table{S: s, Header: r.header("MATCHES", "NEWLY", "NO LONGER", "RULE")}
	for _, c := range r.PerRule {
		below := ""
		if c.Errors > 0 {
			below = fmt.Sprintf("its condition fails on %s, first %s", terminal.Plural(c.Errors, "event"), c.FirstError)
		}
		t.Add(below, r.counts(s, [4]int{c.Events, c.Before, c.Gained, c.Lost}, c.Rule)...)
	}
	t.Print()
}

func (r backtestPrinter) printNotifiers(s *terminal.Screen) {
	if len(r.PerWay) == 0 {
		return
	}
	s.Printf("\n")
	t := &terminal.Table{S: s, Header: r.header("MESSAGES", "MORE", "FEWER", "NOTIFIER")}
	for _, c := range r.PerWay {
		t.Add("", r.counts(s, [4]int{c.Messages, c.Before, c.Added, c.Removed}, c.Notifier)...)
	}
	t.Print()
}

// header returns the column names. Without a comparison there is one count.
func (r backtestPrinter) header(now, more, fewer, name string) []string {
	if r.Compared == 0 {
		return []string{now, name}
	}
	return []string{now, "BEFORE", more, fewer, name}
}

func (r backtestPrinter) counts(s *terminal.Screen, n [4]int, name string) []terminal.Cell {
	cells := []terminal.Cell{{Text: strconv.Itoa(n[0])}}
	if r.Compared > 0 {
		cells = append(cells, terminal.Cell{Text: strconv.Itoa(n[1])},
			terminal.Cell{Text: signed("+", n[2]), Paint: s.Good}, terminal.Cell{Text: signed("-", n[3]), Paint: s.Bad})
	}
	return append(cells, terminal.Cell{Text: name, Paint: s.Bold})
}

// signed returns n with a sign, or a dot for zero.
func signed(sign string, n int) string {
	if n == 0 {
		return "·"
	}
	return sign + strconv.Itoa(n)
}

func (r backtestPrinter) printExamples(s *terminal.Screen) {
	if !r.examples || len(r.Examples) == 0 {
		return
	}
	s.Printf("\n%s\n", s.Bold("What it would send"))
	for _, x := range r.Examples {
		s.Printf("  %s → %s  %s\n", terminal.OneLine(x.Rule), terminal.OneLine(x.Notifier),
			s.Dim(terminal.Plural(x.Messages, "message")))
		for _, title := range x.Titles {
			s.Printf("      %s\n", terminal.Truncate(terminal.OneLine(title), max(s.Columns-6, 60)))
		}
	}
}

func (r backtestPrinter) printChanges(s *terminal.Screen) {
	if len(r.Changes) == 0 {
		return
	}
	s.Printf("\n%s\n", s.Bold("What differs"))
	words := map[string]string{backtest.Gained: "newly matches", backtest.Lost: "no longer matches",
		backtest.Added: "also sends to ", backtest.Removed: "no longer sends to "}
	last := ""
	for _, c := range r.Changes {
		if head := c.Rule + c.Kind + c.Notifier; head != last {
			mark := s.Good("+")
			if c.Kind == backtest.Lost || c.Kind == backtest.Removed {
				mark = s.Bad("-")
			}
			s.Printf("  %s %s %s\n", mark, s.Bold(terminal.OneLine(c.Rule)),
				terminal.OneLine(words[c.Kind]+c.Notifier))
			last = head
		}
		s.Printf("      %s\n", terminal.Truncate(terminal.OneLine(changeLine(s, c)), max(s.Columns-6, 100)))
	}
}

func changeLine(s *terminal.Screen, c backtest.Change) string {
	line := fmt.Sprintf("%s  %s", s.In(c.ReceivedAt).Format(time.DateTime), c.Event)
	for _, part := range []string{c.Project, c.EventID, c.Title} {
		if part != "" {
			line += "  " + part
		}
	}
	return line
}

// conclusion returns the closing sentence.
func (r backtestPrinter) conclusion() string {
	if r.Compared == 0 {
		return "Nothing to compare with: the decisions about these events are not known."
	}
	gains, losses := 0, 0
	for _, c := range r.PerRule {
		gains, losses = gains+c.Gained, losses+c.Lost
	}
	if gains+losses+r.Added+r.Removed == 0 {
		return "The same as " + r.Against + "."
	}
	return fmt.Sprintf("Against %s: %s more and %d fewer; %s where a rule newly matches, %d where one no longer does.",
		r.Against, terminal.Plural(r.Added, "message"), r.Removed, terminal.Plural(gains, "event"), losses)
}

// open returns the slots that are still due at the end, such as "3 digests, 12 waits".
func (r backtestPrinter) open() string {
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(r.Open)) {
		if kind != flow.Feed.Text() {
			parts = append(parts, terminal.Plural(r.Open[kind], kind))
		}
	}
	return strings.Join(parts, ", ")
}

func (r backtestPrinter) notes() (notes []string) {
	switch {
	case r.Compared == 0:
		notes = append(notes, "Compare with another file by --against FILE, or export with --decided.")
	case r.Compared < r.Events:
		notes = append(notes, fmt.Sprintf("The decisions about %s are not known.",
			terminal.Plural(r.Events-r.Compared, "event")))
	}
	if r.Against == backtest.Recorded {
		notes = append(notes, "What came before the first event is missing here, so entity, previous, and which failures are "+
			"new may differ.")
	}
	if r.Unnamed > 0 {
		notes = append(notes, fmt.Sprintf("Of %s nothing is kept that Qase said of the tests that failed: their names "+
			"are unknown, and all failures count as new.", terminal.Plural(r.Unnamed, "run")))
	}
	if open := r.open(); open != "" {
		notes = append(notes, "Still open at the end: "+open+". Windows that were open before the first event are not known.")
	}
	if r.Forgot {
		notes = append(notes, "The state did not fit in memory, so entities without recent events were forgotten.")
	}
	return notes
}
