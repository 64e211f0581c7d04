package main

import (
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/template/funcs"
)

// The events of the run that the examples of pages are about.
const (
	startedEvent = `{"event_name": "run.started", "timestamp": 1767601800, "project_code": "WEB", "team_member_id": 12,
		"payload": {"id": 7, "title": "Nightly regression", "plan": {"id": 3, "title": "Checkout"}, "environment": "staging"}}`
	endedEvent = `{"event_name": "run.completed", "timestamp": 1767603600, "project_code": "WEB", "team_member_id": 12,
		"payload": {"id": 7, "cases": 14, "passed": 10, "failed": 3, "blocked": 1, "duration": 1800000}}`
)

const functionsHead = "| function | example | gives |\n|---|---|---|\n"

// TestTheReadmeOfRulesDescribesEachFunction compares the table of functions with those of templates, and renders its
// examples. -update writes what they give.
func TestTheReadmeOfRulesDescribesEachFunction(t *testing.T) {
	file := filepath.Join(root(), "rules", "README.md")
	before, after, _ := strings.Cut(string(pageNamed(t, "rules/README.md").text), functionsHead)
	table, after, _ := strings.Cut(after, "\n\n")
	var listed []string
	rows := strings.Split(table, "\n")
	for i, row := range rows {
		cells := strings.Split(strings.ReplaceAll(row, `\|`, "\x00"), "|")
		if len(cells) != 5 {
			t.Fatalf("not a row: %s", row)
		}
		about, _, _ := strings.Cut(cells[1], ": ")
		for _, code := range codeIn(about) {
			name, _, _ := strings.Cut(code, " ")
			listed = append(listed, name)
		}
		example := strings.ReplaceAll(strings.Trim(cells[2], " `"), "\x00", "|")
		cells[3] = " `" + strings.ReplaceAll(rendered(t, example), "|", "\x00") + "` "
		rows[i] = strings.ReplaceAll(strings.Join(cells, "|"), "\x00", `\|`)
	}
	rulefiletest.Golden(t, file, before+functionsHead+strings.Join(rows, "\n")+"\n\n"+after)
	slices.Sort(listed)
	if want := slices.Sorted(maps.Keys(funcs.All(time.UTC, people.New(nil)))); !slices.Equal(listed, want) {
		t.Errorf("got %v, want %v", listed, want)
	}
}

// rendered returns what a template prints about a run with failures: as a body, since titles have no links.
func rendered(t *testing.T, template string) string {
	t.Helper()
	text, err := yaml.Marshal(map[string]any{"rules": []any{map[string]any{"name": "r",
		"when": `event_name == "run.completed"`, "body": template, "notify": []string{"ops"}}}})
	if err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{writeRules(t, surroundings+string(text))},
		config.LoadOptions{AllowUnset: true, IgnoreUnset: true})
	if len(problems) > 0 {
		t.Errorf("%s: %v", template, problems)
	}
	if cfg == nil {
		return ""
	}
	memory := map[string][]byte{}
	started, ended := decided(t, cfg, memory, startedEvent), decided(t, cfg, memory, endedEvent)
	if len(started.Notifications) != 0 || len(ended.Notifications) != 1 {
		t.Fatalf("%s: %+v", template, ended)
	}
	body := strings.NewReplacer("\\\n", " ⏎ ", "\n", " ⏎ ").Replace(strings.TrimSpace(ended.Notifications[0].Body))
	return regexp.MustCompile(`\\([^\w\s])`).ReplaceAllString(body, "$1") // without the escapes of Markdown
}

// decided decides about an event and stores the state of the rules in memory.
func decided(t *testing.T, cfg *config.Config, memory map[string][]byte, body string) rules.Decision {
	t.Helper()
	ev, err := event.Parse(cfg.Sources[0].Name, []byte(body), time.Unix(1767603600, 0))
	if err != nil {
		t.Fatal(err)
	}
	d := cfg.Rules.Decide(ev, rules.State{Now: ev.ReceivedAt,
		Get: func(key string) ([]byte, error) { return memory[key], nil }})
	for _, c := range d.Changes {
		memory[c.Key] = c.Value
	}
	return d
}
