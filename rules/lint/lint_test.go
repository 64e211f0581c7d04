package lint_test

import (
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestWarningsOfTheCatalog(t *testing.T) {
	if config := rulefiletest.GoldenProblems(t, "advice"); config == nil {
		t.Error("a file with warnings gave no config")
	}
}

// TestTheTemplateOfFailuresReadsItsOwnNames: it comes with the program; one of that name in the file is judged.
func TestTheTemplateOfFailuresReadsItsOwnNames(t *testing.T) {
	rule := `
sources: [{name: qase, secrets: [s3cret-s3cret], api_token: t0ken-of-qase}]
notifiers: [{name: ops, type: hook, url: "https://ops.example.com/hook"}]
rules:
  - name: r
    when: event_name == "run.completed" && payload.failed > 0
    body: "{{ template \"failures\" . }}"
    notify: [ops]
`
	if _, problems := rulefiletest.Check("rules.yaml", rule); len(problems) > 0 {
		t.Error(problems)
	}
	own := rule + "templates: {failures: \"{{ .failures.shown.note }}\"}\n"
	if _, problems := rulefiletest.Check("rules.yaml", own); len(problems) != 1 {
		t.Errorf("want a warning of .failures.shown, got %v", problems)
	}
}
