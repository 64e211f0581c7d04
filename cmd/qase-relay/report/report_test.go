package report

import (
	"encoding/xml"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"testing"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/yamldoc"
)

func TestTheTestThatIsSuggestedPasses(t *testing.T) {
	text := `
sources: [{name: qase, secrets: [s]}]
notifiers: [{name: qa-slack, type: slack, token: xoxb-1, channel: c}]
rules: [{name: failed-run, when: 'payload.failed > 0', notify: [qa-slack]}]
` + firstTest
	if r := NewTests([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}},
		rulefile.Options{Kinds: config.Kinds(builtin.Kinds())}, nil); r.Passed != 1 || !r.OK {
		t.Errorf("got %+v", r)
	}
}

func TestReportsAreXMLForAnyNames(t *testing.T) {
	odd := "a \x00 <b> & \"c\" ]]> \u202e \xff\n"
	r := &Tests{Failed: 1, Tests: []ruletest.Result{{Name: odd, File: odd, Failures: []ruletest.Failure{
		{Kind: ruletest.Unexpected, Got: &rules.Notification{Message: message.Message{Rule: odd, Title: odd, Body: odd},
			Notifier: odd}},
		{Kind: ruletest.Missing, Expected: odd, Reason: odd},
	}}}}
	name := filepath.Join(t.TempDir(), "report.xml")
	if err := r.WriteJUnit(name); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var back junitSuites
	if err := xml.Unmarshal(data, &back); err != nil || len(back.Suites) != 1 ||
		back.Suites[0].Cases[0].Failure == nil {
		t.Errorf("got %v, %s", err, data)
	}
}

func TestLinesThatDifferAreMarked(t *testing.T) {
	got := lineDiff("one\ntwo\nthree", "one\n2\n2b\nthree\n")
	if want := []string{"  one", "- two", "+ 2", "+ 2b", "  three"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestOptionsAreReadable(t *testing.T) {
	got := optionLines([]byte(`{"thread": "run-7", "broadcast": true,
		"mention": ["Ana L\u00f3pez \u003cana@example.com\u003e"]}`))
	want := []string{"broadcast: true", `mention: ["Ana López <ana@example.com>"]`, "thread: run-7"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
