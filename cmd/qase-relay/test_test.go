package main

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/yamldoc"
)

func TestTheRulesThatComeWithItAreTestedWhole(t *testing.T) {
	starter := filepath.Join(t.TempDir(), "starter.yaml")
	if err := os.WriteFile(starter, []byte(starterRules), 0o600); err != nil {
		t.Fatal(err)
	}
	names, err := filepath.Glob(filepath.Join(root(), "examples", "*", "rules.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("found no examples: %v", err)
	}
	for _, name := range append(names, starter, filepath.Join(root(), "rules.example.yaml")) {
		files, err := testFiles([]string{name}, nil)
		if err != nil {
			t.Fatal(err)
		}
		r := newTestReport(files, nil)
		if !r.OK || r.total == 0 || r.Coverage.Percent < 100 {
			var out strings.Builder
			r.print(&terminal.Screen{Writer: &out, Columns: 100}, testFlags{coverage: true})
			t.Errorf("%s:\n%s", name, out.String())
		}
		for _, one := range r.Tests {
			if len(one.Notes) > 0 {
				t.Errorf("%s: %s: %v", name, one.Name, one.Notes)
			}
		}
	}
}

func TestTheFirstTestThatIsShownIsOne(t *testing.T) {
	text := "sources: [{name: qase, secrets: [s]}]\nnotifiers: [{name: qa-slack, type: slack, token: xoxb-1, channel: c}]\n" +
		"rules: [{name: failed-run, when: 'payload.failed > 0', notify: [qa-slack]}]\n" + firstTest
	if r := newTestReport([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}}, nil); r.Passed != 1 || !r.OK {
		t.Errorf("got %+v", r)
	}
}

func TestReportsAreXMLWhateverTheNames(t *testing.T) {
	odd := "a \x00 <b> & \"c\" ]]> \u202e \xff\n"
	r := &testReport{Failed: 1, Tests: []ruletest.Result{{Name: odd, File: odd, Failures: []ruletest.Failure{
		{Kind: ruletest.Unexpected, Got: &rules.Notification{Rule: odd, Notifier: odd, Title: odd, Body: odd}},
		{Kind: ruletest.Missing, Expected: odd, Reason: odd},
	}}}}
	name := filepath.Join(t.TempDir(), "report.xml")
	if err := r.writeJUnit(name); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var back junitSuites
	if err := xml.Unmarshal(data, &back); err != nil || len(back.Suites) != 1 || back.Suites[0].Cases[0].Failure == nil {
		t.Errorf("got %v, %s", err, data)
	}
}

func TestLinesThatDifferAreMarked(t *testing.T) {
	got := lineDiff("one\ntwo\nthree", "one\n2\n2b\nthree\n")
	if want := []string{"  one", "- two", "+ 2", "+ 2b", "  three"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}
