package report

import (
	"encoding/xml"
	"os"
	"strings"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/ruletest"
)

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
