package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"qaserelay/cmd/qase-relay/terminal"
)

// surroundings are what the snippets of pages leave out: each key replaces one that a snippet lacks, and
// its notifiers and people are beside those of the snippet.
const surroundings = `
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret], api_token: t0ken-of-qase}]
windows: {office: {days: [mon-fri], hours: "09:00-18:00"}}
people:
  - {name: Ana López, email: ana@example.com, member_id: 12, slack: U024BE7LA, team: qa}
  - {name: Bob Bar, email: bob@example.com, member_id: 40, slack: U024BE7LH, team: dev}
notifiers:
  - {name: qa-slack, type: slack, token: "${SLACK_TOKEN}", channel: "#qa"}
  - {name: mail, type: email, host: smtp.example.com, from: Qase <qase@example.com>, to: [qa@example.com]}
  - {name: ops, type: http, url: "https://ops.example.com/hook"}
`

// surroundingRules are the rules of snippets that have only tests.
const surroundingRules = `
rules:
  - {name: failed-run, when: event_name == "run.completed" && payload.failed > 0, notify: [qa-slack]}
`

// TestEachYAMLOfReadmesIsValid puts each snippet among the surroundings, checks it as check --strict does, and runs its
// tests.
func TestEachYAMLOfReadmesIsValid(t *testing.T) {
	for name, value := range exampleVariables() {
		t.Setenv(name, value)
	}
	n := 0
	for _, p := range allPages(t) {
		for _, b := range p.blocks {
			if b.language != "yaml" || isTestedElsewhere(t, b) {
				continue
			}
			n++
			file := writeRules(t, completed(t, b))
			commands := [][]string{{"check", "--strict", "--no-secrets", file}}
			if strings.Contains(b.text, "tests:") {
				commands = append(commands, []string{"test", file})
			}
			for _, args := range commands {
				var out bytes.Buffer
				screen := &terminal.Screen{Writer: &out, Columns: 120}
				if code := run(t.Context(), args, &terminal.Console{Out: screen, Err: screen}); code != 0 {
					t.Errorf("%s:%d: %s:\n%s", b.page, b.line, args[0], out.String())
				}
			}
		}
	}
	if n < 30 {
		t.Errorf("only %d snippets were checked", n)
	}
}

// completed returns a snippet with what it leaves out.
func completed(t *testing.T, b block) string {
	t.Helper()
	var snippet, around yaml.Node
	decodeYAML(t, b, &snippet)
	if len(snippet.Content) == 0 { // comments only
		return surroundings + surroundingRules + b.text
	}
	text := surroundings
	if strings.Contains(b.text, "\ntests:") || strings.HasPrefix(b.text, "tests:") || !strings.Contains(b.text, "rules:") {
		text += surroundingRules
	}
	if err := yaml.Unmarshal([]byte(text), &around); err != nil {
		t.Fatal(err)
	}
	merge(snippet.Content[0], around.Content[0])
	out, err := yaml.Marshal(&snippet)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// merge adds to a mapping the keys of another that it lacks, and to lists of named things those whose names it lacks.
func merge(into, from *yaml.Node) {
	for i := 0; i < len(from.Content); i += 2 {
		key, value := from.Content[i], from.Content[i+1]
		own := valueOf(into, key.Value)
		switch {
		case own == nil:
			into.Content = append(into.Content, key, value)
		case key.Value == "notifiers" || key.Value == "people":
			for _, item := range value.Content {
				if !slices.ContainsFunc(own.Content, func(n *yaml.Node) bool { return nameOf(n) == nameOf(item) }) {
					own.Content = append(own.Content, item)
				}
			}
		}
	}
}

func nameOf(mapping *yaml.Node) string {
	if name := valueOf(mapping, "name"); name != nil {
		return name.Value
	}
	return ""
}

func valueOf(mapping *yaml.Node, key string) *yaml.Node {
	for i := 0; i+1 < len(mapping.Content); i += 2 {
		if mapping.Content[i].Value == key {
			return mapping.Content[i+1]
		}
	}
	return nil
}

func decodeYAML(t *testing.T, b block, v any) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(b.text), v); err != nil {
		t.Errorf("%s:%d: %v", b.page, b.line, err)
	}
}

// isTestedElsewhere reports whether a block is marked with what checks it, or with a reason not to: ci="NAME" is a check
// of .ci/deploy that reads the page, test="NAME" a test of this package, and skip="REASON" none.
func isTestedElsewhere(t *testing.T, b block) bool {
	t.Helper()
	switch {
	case b.marks["ci"] != "":
		script, err := os.ReadFile(filepath.Join(root(), ".ci", "deploy"))
		if err != nil || !strings.Contains(string(script), fmt.Sprintf("page_block %s '", b.page)+b.marks["ci"]+"'") {
			t.Errorf("%s:%d: .ci/deploy has no page_block %s '%s'", b.page, b.line, b.page, b.marks["ci"])
		}
	case b.marks["test"] != "":
		tests, err := filepath.Glob("*_test.go")
		if err != nil || !slices.ContainsFunc(tests, func(name string) bool {
			data, err := os.ReadFile(name)
			return err == nil && bytes.Contains(data, []byte("\nfunc "+b.marks["test"]+"("))
		}) {
			t.Errorf("%s:%d: there is no test %s", b.page, b.line, b.marks["test"])
		}
	default:
		return b.marks["skip"] != ""
	}
	return true
}

// TestEachBlockOfReadmesIsTested fails for a block that no test looks at.
func TestEachBlockOfReadmesIsTested(t *testing.T) {
	for _, p := range allPages(t) {
		for _, b := range p.blocks {
			switch {
			case isTestedElsewhere(t, b) || b.language == "yaml" || b.language == "sh":
			case b.language == "json":
				if !json.Valid([]byte(b.text)) {
					t.Errorf("%s:%d: not valid JSON", b.page, b.line)
				}
			default:
				t.Errorf("%s:%d: nothing tests this block of %q: mark it with ci, test or skip", b.page, b.line, b.language)
			}
		}
	}
}

// TestTheKeysInTablesOfReadmesAreValid makes a rule of the keys in each row of the table of what to write, and of the
// options in the table of Slack.
func TestTheKeysInTablesOfReadmesAreValid(t *testing.T) {
	n := 0
	check := func(row, keys string) {
		n++
		when := `event_name == "run.started"`
		if strings.Contains(keys, "reviewers") {
			when = `event_type == "review"`
		}
		text := surroundings + "rules:\n  - name: r\n    when: " + when + "\n" + keys
		var out bytes.Buffer
		screen := &terminal.Screen{Writer: &out, Columns: 120}
		args := []string{"check", "--strict", "--no-secrets", writeRules(t, text)}
		if code := run(t.Context(), args, &terminal.Console{Out: screen, Err: screen}); code != 0 {
			t.Errorf("%s:\n%s", row, out.String())
		}
	}
	for _, row := range tableRows(t, "rules/README.md", "| to | write |") {
		keys := "    notify: [qa-slack]\n"
		for _, code := range codeIn(row) {
			keys += "    " + code + "\n"
		}
		check(row, keys)
	}
	for _, row := range tableRows(t, "notifiers/README.md", "| option | does |") {
		cell, _, _ := strings.Cut(strings.TrimPrefix(row, "| "), " | ")
		if codes := codeIn(cell); len(codes) > 0 && strings.Contains(codes[0], ": ") {
			check(row, "    notify:\n      - notifier: qa-slack\n        "+strings.NewReplacer("{to: […]", "{to: [qa]", "…", "text").Replace(codes[0])+"\n")
		}
	}
	if n < 11 {
		t.Errorf("only %d rows were checked", n)
	}
}

// tableRows returns the rows of a table by its head.
func tableRows(t *testing.T, page, head string) []string {
	t.Helper()
	_, table, found := strings.Cut(string(pageNamed(t, page).text), head+"\n|---|---|\n")
	if !found {
		t.Fatalf("%s has no table %s", page, head)
	}
	table, _, _ = strings.Cut(table, "\n\n")
	return strings.Split(table, "\n")
}
