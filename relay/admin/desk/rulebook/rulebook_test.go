package rulebook_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/relay/admin/desk/rulebook"
	"qaserelay/relay/config"
	"qaserelay/rules/value"
)

const head = `sources: [{name: qase, secrets: [s3cr3t-source1]}]
notifiers:
  - {name: ops, type: http, url: "https://ops.example.com/${HOOK_PATH}", bearer: s3cr3t-bearer1}
rules:
`

// load loads a rules file and one that it includes.
func load(t *testing.T, text string) *config.Config {
	t.Helper()
	t.Setenv("HOOK_PATH", "s3cr3t-from-environment")
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return cfg
}

func TestARuleIsDescribedAsItWasLoaded(t *testing.T) {
	cfg := load(t, head+`  - name: failed-run
    description: for the QA team
    when: event_name == "run.completed" and payload.failed > 0   # more than one
    level: error
    title: "{{ .payload.failed }} failed"
    throttle: {every: 10m}
    notify:
      - notifier: ops
        headers: {X-Key: s3cr3t-header1}
        fallback: []
  - {name: off, enabled: false, when: "true", notify: [ops]}
summaries:
  - {name: week, at: "mon 09:00", project: WEB, notify: [ops]}
tests:
  - name: a failed run
    event: run.completed
    payload: {failed: 3}
    expect: [{rule: failed-run}]
`)
	book := rulebook.New(func() *config.Config { return cfg })
	if err := os.Remove(cfg.Source.Files[0].Name); err != nil {
		t.Fatal(err)
	}
	r, found := book.Rule("failed-run")
	if !found || r.Line != 5 || r.LastLine != 14 || r.File != cfg.Source.Files[0].Name || r.Level != "error" ||
		r.Title != "{{ .payload.failed }} failed" || len(r.Source) != 10 || r.Source[2] !=
		`    when: event_name == "run.completed" and payload.failed > 0   # more than one` {
		t.Errorf("got %+v", r)
	}
	if got := value.JSONText(r.Targets); got != `[{"notifier":"ops","options":{"headers":{"X-Key":"\u003csecret\u003e"}}}]` {
		t.Errorf("got the targets %s", got)
	}
	if len(r.Tests) != 1 || r.Tests[0].Name != "a failed run" || r.Tests[0].Line != 19 || !r.Tests[0].Passed {
		t.Errorf("got the tests %+v", r.Tests)
	}
	if got := value.JSONText(r.Timing); got != `{"throttle":{"every":"10m"}}` {
		t.Errorf("got the timing %s", got)
	}
	all := book.Rules()
	if len(all) != 3 || all[0].Name != "week-summary" || !all[0].Implicit || all[0].Line != 17 || all[2].Enabled || all[2].Line != 15 {
		t.Errorf("got %+v", all)
	}
	if text := value.JSONText(all) + value.JSONText(r); strings.Contains(text, "s3cr3t") {
		t.Errorf("shows a secret: %s", text)
	}
	if _, found := book.Rule("other"); found {
		t.Error("found a rule that is not there")
	}
	cfg = load(t, head+`  - {name: new, when: "true", notify: [ops]}`)
	if all := book.Rules(); len(all) != 1 || all[0].Name != "new" {
		t.Errorf("after a reload: got %+v", all)
	}
}
