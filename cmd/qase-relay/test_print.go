package main

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"qaserelay/rules/ruletest"
)

const firstTest = `tests:
  - name: a failed run reaches QA
    event: run.completed                # qase-relay catalog lists all events
    payload: {failed: 3}                # over the example of this event in the catalogue
    expect: [{rule: failed-run, notifier: qa-slack, title: {contains: "3 failed"}}]
`

func (r *testReport) print(s *screen, f testFlags) {
	if len(r.Problems) > 0 {
		printProblems(s, r.Problems)
		s.Printf("%s\n", faults(r.Problems))
		return
	}
	for _, t := range r.Tests {
		printTest(s, t)
	}
	if r.total == 0 {
		s.Printf("there are no tests in %s; write a first one there:\n\n%s\n", r.files, firstTest)
	}
	if f.coverage || f.coverageMin >= 0 {
		r.Coverage.print(s, f.coverageMin)
	}
	if r.total > 0 {
		s.Printf("%d passed, %d failed\n", r.Passed, r.Failed)
	}
}

func (c testCoverage) print(s *screen, least float64) {
	s.Printf("coverage: %d of %s (%.1f%%)", c.Covered, plural(c.Rules, "rule"), c.Percent)
	if c.Percent < least {
		s.Printf(", %s", s.bad(fmt.Sprintf("less than %v%%", least)))
	}
	s.Printf("\n")
	for _, name := range c.Missing {
		s.Printf("  no test makes it fire: %s\n", printable(name))
	}
}

func printTest(s *screen, t ruletest.TestResult) {
	if t.Passed {
		s.Printf("%s    %s\n", s.good("ok"), printable(t.Name))
	} else {
		s.Printf("%s  %s (%s:%d)\n", s.bad("FAIL"), s.bold(printable(t.Name)), printable(t.File), t.Line)
	}
	for _, f := range t.Failures {
		printFailure(s, f)
	}
	for _, note := range t.Notes {
		s.Printf("    %s %s\n", s.warn("note:"), printable(note))
	}
}

func printFailure(s *screen, f ruletest.TestFailure) {
	switch f.Kind {
	case ruletest.Missing:
		s.Printf("    %s: %s (expected in line %d)\n      %s\n", s.bad("missing"), printable(f.Expected), f.Line, printable(f.Reason))
		if f.Condition != nil {
			printTrace(deeper(s), f.Condition)
		}
	case ruletest.Different:
		s.Printf("    %s: %s (expected in line %d)\n", s.bad("different"), printable(f.Expected), f.Line)
		for _, d := range f.Fields {
			printFieldDiff(s, d)
		}
	case ruletest.Unexpected:
		s.Printf("    %s: a message of %s\n", s.bad("unexpected"), printable(f.Got.Rule))
		printMessage(deeper(s), *f.Got)
	}
}

// printFieldDiff shows what a field has to be and what it is; where several lines are compared, those that differ.
func printFieldDiff(s *screen, d ruletest.FieldDiff) {
	s.Printf("      %s\n", s.bold(printable(d.Field)))
	if d.Exact != nil && strings.Contains(*d.Exact+d.Got, "\n") {
		for _, line := range lineDiff(*d.Exact, d.Got) {
			s.Printf("        %s\n", printable(line))
		}
		return
	}
	got := fmt.Sprintf("%q", d.Got)
	if d.Got == "" {
		got = "nothing"
	}
	s.Printf("        expected  %s\n        got       %s\n", s.good(printable(d.Expected)), s.bad(printable(got)))
}

// lineDiff marks the lines between the first and the last that differ: - expected, + got.
func lineDiff(expected, got string) []string {
	a, b := strings.Split(expected, "\n"), strings.Split(strings.TrimRight(got, "\n"), "\n")
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	tail := 0
	for tail < len(a)-same && tail < len(b)-same && a[len(a)-1-tail] == b[len(b)-1-tail] {
		tail++
	}
	lines := marked("  ", a[:same])
	lines = append(lines, marked("- ", a[same:len(a)-tail])...)
	lines = append(lines, marked("+ ", b[same:len(b)-tail])...)
	return append(lines, marked("  ", a[len(a)-tail:])...)
}

func marked(mark string, lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, mark+line)
	}
	return out
}

// deeper is a screen whose lines are indented a little more. Each write has to be a line.
func deeper(s *screen) *screen {
	inner := *s
	inner.Writer, inner.columns = indented{s.Writer}, s.columns-2
	return &inner
}

type indented struct{ io.Writer }

func (w indented) Write(line []byte) (int, error) {
	out := line
	if len(bytes.TrimSpace(line)) > 0 {
		out = append([]byte("  "), line...)
	}
	_, err := w.Writer.Write(out)
	return len(line), err
}
