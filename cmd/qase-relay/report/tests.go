package report

import (
	"bytes"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/yamldoc"
)

// Tests is the result of the tests in rules files.
type Tests struct {
	OK       bool              `json:"ok"`
	Passed   int               `json:"passed"`
	Failed   int               `json:"failed"`
	Tests    []ruletest.Result `json:"tests"`
	Coverage TestCoverage      `json:"coverage"`
	Problems diag.Problems     `json:"problems"` // the errors in the files
	Warnings diag.Problems     `json:"warnings"` // what check would warn of

	files string // their names
	// Total is the number of tests in the files, including those that the filter left out.
	Total int `json:"-"`
}

// TestCoverage holds the rules that the tests make match.
type TestCoverage struct {
	ruletest.Coverage
	Percent float64 `json:"percent"`
}

// NewTests runs the tests whose names match filter. A nil filter runs all.
func NewTests(files []yamldoc.File, o rulefile.Options, filter *regexp.Regexp) *Tests {
	r := &Tests{Tests: []ruletest.Result{}, Problems: diag.Problems{}, Warnings: diag.Problems{}}
	r.Coverage.Missing = []string{}
	var names []string
	for _, f := range files {
		names = append(names, f.Name)
	}
	r.files = strings.Join(names, ", ")
	cfg, problems := lint.Parse(files, o)
	for _, p := range problems {
		if p.Severity == diag.Warning {
			r.Warnings = append(r.Warnings, p)
		}
	}
	if cfg == nil {
		r.Problems = problems.Errors()
		return r
	}
	r.Total, r.Tests = len(cfg.Tests), ruletest.Run(cfg, filter)
	for _, t := range r.Tests {
		if t.Passed {
			r.Passed++
		} else {
			r.Failed++
		}
	}
	r.OK = r.Failed == 0
	coverage := ruletest.Cover(cfg.Rules, r.Tests)
	r.Coverage = TestCoverage{coverage, coverage.Percent()}
	return r
}

const firstTest = `tests:
  - name: a failed run reaches QA
    event: run.completed                # qase-relay catalog lists all events
    payload: {failed: 3}                # over the example of this event in the catalog
    expect: [{rule: failed-run, notifier: qa-slack, title: {contains: "3 of 14"}}]
`

// Print prints the results. It prints the coverage if asked, or if a least percentage is required (negative: none).
func (r *Tests) Print(s *terminal.Screen, coverage bool, least float64) {
	if len(r.Problems) > 0 {
		terminal.PrintProblems(s, r.Problems)
		s.Printf("%s\n", terminal.CountText(r.Problems))
		return
	}
	terminal.PrintProblems(s, r.Warnings)
	for _, t := range r.Tests {
		printTest(s, t)
	}
	if r.Total == 0 {
		s.Printf("there are no tests in %s; write a first one there:\n\n%s\n", r.files, firstTest)
	}
	if coverage || least >= 0 {
		r.Coverage.print(s, least)
	}
	if r.Total > 0 {
		s.Printf("%d passed, %d failed\n", r.Passed, r.Failed)
	}
}

func (c TestCoverage) print(s *terminal.Screen, least float64) {
	s.Printf("coverage: %d of %s (%.1f%%)", c.Covered, terminal.Plural(c.Rules, "rule"), c.Percent)
	if c.Percent < least {
		s.Printf(", %s", s.Bad(fmt.Sprintf("less than %v%%", least)))
	}
	s.Printf("\n")
	for _, name := range c.Missing {
		s.Printf("  no test makes it match: %s\n", terminal.OneLine(name))
	}
	for _, name := range c.Late {
		s.Printf("  fires late: %s\n", terminal.Printable(name))
	}
}

func printTest(s *terminal.Screen, t ruletest.Result) {
	if t.Passed {
		s.Printf("%s    %s\n", s.Good("ok"), terminal.OneLine(t.Name))
	} else {
		s.Printf("%s  %s (%s:%d)\n", s.Bad("FAIL"), s.Bold(terminal.OneLine(t.Name)), terminal.OneLine(t.File),
			t.Line)
	}
	step := 0
	for _, f := range t.Failures {
		if f.Step != step {
			step = f.Step
			s.Printf("    in the step of line %d:\n", step)
		}
		printFailure(s, f)
	}
	for _, note := range t.Notes {
		s.Printf("    %s %s\n", s.Warn("note:"), terminal.OneLine(note))
	}
	for _, warning := range t.Warnings {
		s.Printf("    %s %s\n", s.Warn("warning:"), terminal.OneLine(warning))
	}
}

func printFailure(s *terminal.Screen, f ruletest.Failure) {
	switch f.Kind {
	case ruletest.Missing:
		s.Printf("    %s: %s (expected in line %d)\n      %s\n", s.Bad("missing"), terminal.OneLine(f.Expected),
			f.Line, terminal.OneLine(f.Reason))
		if f.Condition != nil {
			printTrace(indentedScreen(s), f.Condition)
		}
	case ruletest.Different:
		s.Printf("    %s: %s (expected in line %d)\n", s.Bad("different"), terminal.OneLine(f.Expected), f.Line)
		for _, d := range f.Fields {
			printFieldDiff(s, d)
		}
	case ruletest.Unexpected:
		s.Printf("    %s: a message of %s\n", s.Bad("unexpected"), terminal.OneLine(f.Got.Rule))
		printMessage(indentedScreen(s), *f.Got)
	}
}

// printFieldDiff prints the expected and the actual value of a field, or a line diff if they have several lines.
func printFieldDiff(s *terminal.Screen, d ruletest.FieldDiff) {
	s.Printf("      %s\n", s.Bold(terminal.OneLine(d.Field)))
	if d.Exact != nil && strings.Contains(*d.Exact+d.Got, "\n") {
		for _, line := range lineDiff(*d.Exact, d.Got) {
			s.Printf("        %s\n", terminal.OneLine(line))
		}
		return
	}
	got := fmt.Sprintf("%q", d.Got)
	switch {
	case d.Got == "":
		got = "nothing"
	case strings.HasPrefix(d.Got, "[") && strings.HasSuffix(d.Got, "]") && json.Valid([]byte(d.Got)):
		got = d.Got // a list, as an expectation has it
	}
	s.Printf("        expected  %s\n        got       %s\n", s.Good(terminal.OneLine(d.Expected)),
		s.Bad(terminal.OneLine(got)))
	if d.Hint != "" {
		s.Printf("        %s\n", terminal.OneLine(d.Hint))
	}
}

// lineDiff marks the lines between the first and the last difference: - expected, + got.
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

// indentedScreen returns a screen that indents lines by two columns. Each write has to be one line.
func indentedScreen(s *terminal.Screen) *terminal.Screen {
	inner := *s
	inner.Writer, inner.Columns = indented{s.Writer}, s.Columns-2
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

// The elements of a JUnit report that CI systems read.
type (
	junitSuites struct {
		XMLName  xml.Name     `xml:"testsuites"`
		Tests    int          `xml:"tests,attr"`
		Failures int          `xml:"failures,attr"`
		Errors   int          `xml:"errors,attr"`
		Suites   []junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name     string      `xml:"name,attr"`
		Tests    int         `xml:"tests,attr"`
		Failures int         `xml:"failures,attr"`
		Errors   int         `xml:"errors,attr"`
		Cases    []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string      `xml:"name,attr"`
		Class   string      `xml:"classname,attr"`
		File    string      `xml:"file,attr"`
		Line    int         `xml:"line,attr,omitempty"`
		Failure *junitFault `xml:"failure,omitempty"`
		Error   *junitFault `xml:"error,omitempty"`
	}
	junitFault struct {
		Message string `xml:"message,attr"`
		Text    string `xml:",chardata"`
	}
)

// WriteJUnit writes the report to a file: a suite per rules file, and the problems of the files as errors.
func (r *Tests) WriteJUnit(name string) error {
	data, err := xml.MarshalIndent(r.junit(), "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append([]byte(xml.Header), append(data, '\n')...), 0o644)
}

func (r *Tests) junit() junitSuites {
	all := junitSuites{Tests: len(r.Tests) + len(r.Problems), Failures: r.Failed, Errors: len(r.Problems)}
	for _, p := range r.Problems {
		s := all.suite(p.File)
		s.Tests, s.Errors = s.Tests+1, s.Errors+1
		s.Cases = append(s.Cases, junitCase{Name: p.Place(), Class: p.File, File: p.File, Line: p.Line,
			Error: &junitFault{p.Message, p.Error()}})
	}
	for _, t := range r.Tests {
		s := all.suite(t.File)
		s.Tests++
		one := junitCase{Name: t.Name, Class: t.File, File: t.File, Line: t.Line}
		if !t.Passed {
			s.Failures++
			one.Failure = junitFailure(t)
		}
		s.Cases = append(s.Cases, one)
	}
	return all
}

// suite returns the suite of a file, and adds it if it is new.
func (j *junitSuites) suite(file string) *junitSuite {
	for i := range j.Suites {
		if j.Suites[i].Name == file {
			return &j.Suites[i]
		}
	}
	j.Suites = append(j.Suites, junitSuite{Name: file})
	return &j.Suites[len(j.Suites)-1]
}

func junitFailure(t ruletest.Result) *junitFault {
	var text strings.Builder
	printTest(&terminal.Screen{Writer: &text, Columns: 100}, t)
	var kinds []string
	for _, f := range t.Failures {
		what := f.Expected
		if f.Got != nil && what == "" {
			what = f.Got.Rule + " → " + f.Got.Notifier
		}
		kinds = append(kinds, string(f.Kind)+": "+what)
	}
	return &junitFault{strings.Join(kinds, "; "), text.String()}
}
