package rulefile_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/santhosh-tekuri/jsonschema/v6"
	"gopkg.in/yaml.v3"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

const root = "../../"

func rulesSchema(t *testing.T) *jsonschema.Schema {
	t.Helper()
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(rulefile.JSONSchema()))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	if err := c.AddResource("rules.schema.json", doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile("rules.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

// againstSchema validates YAML as an editor would.
func againstSchema(t *testing.T, schema *jsonschema.Schema, text string) error {
	t.Helper()
	var content any
	if err := yaml.Unmarshal([]byte(text), &content); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(content)
	if err != nil {
		t.Fatal(err)
	}
	instance, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	return schema.Validate(instance)
}

func TestTheSchemaAcceptsAllRulesFilesOfTheProject(t *testing.T) {
	schema := rulesSchema(t)
	files := []string{root + "rules.example.yaml", root + "cmd/qase-relay/starter.yaml",
		root + "cmd/qase-relay/demo/demo.yaml"}
	examples, err := filepath.Glob(root + "examples/*/[a-z]*.yaml") // not those of other tools, which begin with a dot
	if err != nil || len(examples) == 0 {
		t.Fatalf("found no examples: %v", err)
	}
	for _, name := range append(files, examples...) {
		if strings.HasPrefix(filepath.Base(name), ".") { // of another program
			continue
		}
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if err := againstSchema(t, schema, strings.ReplaceAll(string(data), "@SMTP@", "25")); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSchemaAcceptsEachSpelling(t *testing.T) {
	schema := rulesSchema(t)
	for name, text := range map[string]string{
		"one value for a list of one": `rules: [{name: r, when: "true", notify: ops}]`,
		"numbers as names":            `sources: [{name: 1, secrets: 2}]`,
		"variables anywhere": `{notifiers: [{name: m, type: email, host: h, port: "${PORT}", tls: ` +
			`"${TLS:-none}", timeout: "${T}"}], rules: [{name: r, when: "true", level: "${L}", stop: "${S}"}]}`,
		"secrets in files": `{sources: [{name: qase, secrets_file: a}, {name: b, secrets_file: [a, b]}], notifiers: [{name: s, type: ` +
			`slack, token_file: b, retry: {for: 1h30m}}]}`,
		"options with a rule": `rules: [{name: r, when: "true", notify: [a, {notifier: b, channel: "#c", ` +
			`to: x, headers: {A: 1}}]}]`,
		"expectations of several shapes": `tests: [{name: t, event: e, expect: [{rule: r, title: {contains: [a, ` +
			`b]}, to: [x], headers.X-Run: {matches: "^1"}, headers: {X: y}}]}]`,
		"moments and steps in tests": `tests: [{name: t, given: [{event: a, advance: 24h}], event: e, at: ` +
			`2026-01-05 22:00, advance: 0, payload: {any: [1, {x: null}]}, expect: []}]`,
	} {
		if err := againstSchema(t, schema, text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestTheSchemaRefusesMistakes(t *testing.T) {
	schema := rulesSchema(t)
	options := rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), AllowUnset: true}
	for name, text := range map[string]string{
		"an unknown key at the top":         `rulez: []`,
		"an unknown key of a rule":          `rules: [{name: r, when: "true", notfy: [a]}]`,
		"a rule without a condition":        `rules: [{name: r}]`,
		"a rule that is no mapping":         `rules: [r]`,
		"rules that are no list":            `rules: {name: r}`,
		"an unknown level":                  `rules: [{name: r, when: "true", level: fatal}]`,
		"an entry of notify without a name": `rules: [{name: r, when: "true", notify: [{channel: "#qa"}]}]`,
		"an unknown option":                 `rules: [{name: r, when: "true", notify: [{notifier: a, chanel: "#qa"}]}]`,
		"a switch that is no switch":        `rules: [{name: r, when: "true", enabled: maybe}]`,
		"an unknown type":                   `notifiers: [{name: a, type: pager}]`,
		"a notifier without a type":         `notifiers: [{name: a, url: "https://example.com"}]`,
		"a key of another type":             `notifiers: [{name: a, type: slack, host: smtp.example.com}]`,
		"an unknown way of encryption":      `notifiers: [{name: a, type: email, tls: ssl}]`,
		"an unknown way to log in":          `notifiers: [{name: a, type: email, auth: magic}]`,
		"a port that is no number":          `notifiers: [{name: a, type: email, port: smtp}]`,
		"a time without a unit":             `settings: {retention: {events: 30}}`,
		"a time with a strange unit":        `notifiers: [{name: a, type: http, timeout: 3 minutes}]`,
		"a secret as a list":                `notifiers: [{name: a, type: slack, token: [x]}]`,
		"headers that are no mapping":       `notifiers: [{name: a, type: http, headers: X}]`,
		"a source without a name":           `sources: [{secrets: [s]}]`,
		"a test without an event":           `tests: [{name: t, expect: []}]`,
		"a test that expects nothing said":  `tests: [{name: t, event: run.completed}]`,
		"an unknown way to compare":         `tests: [{name: t, event: e, expect: [{title: {starts: x}}]}]`,
		"a payload that is no mapping":      `tests: [{name: t, event: e, payload: 3, expect: []}]`,
	} {
		if againstSchema(t, schema, text) == nil {
			t.Errorf("%s is not marked: %s", name, text)
		}
		if cfg, _ := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}}, options); cfg != nil {
			t.Errorf("%s is marked, but the relay takes it: %s", name, text)
		}
	}
}

func TestEachKeyIsDescribed(t *testing.T) {
	var schema any
	if err := json.Unmarshal(rulefile.JSONSchema(), &schema); err != nil {
		t.Fatal(err)
	}
	count := 0
	var look func(at string, v any)
	look = func(at string, v any) {
		node, _ := v.(map[string]any)
		properties, _ := node["properties"].(map[string]any)
		for key, p := range properties {
			count++
			if about, _ := p.(map[string]any)["description"].(string); about == "" && !strings.HasSuffix(at, ".if") {
				t.Errorf("%s.%s has no description", at, key)
			}
		}
		for key, inner := range node {
			look(at+"."+key, inner)
			list, _ := inner.([]any)
			for _, item := range list {
				look(at+"."+key, item)
			}
		}
	}
	look("", schema)
	if count < 50 {
		t.Errorf("found only %d keys", count)
	}
}

func TestRulesFilesNameTheirSchema(t *testing.T) {
	for name, want := range map[string]string{
		root + "rules.example.yaml":          `^# yaml-language-server: \$schema=rules/rulefile/rules\.schema\.json\n`,
		root + "cmd/qase-relay/starter.yaml": `(?m)^# yaml-language-server: \$schema=rules\.schema\.json$`,
	} {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(want).Match(data) {
			t.Errorf("%s does not say where its schema is", name)
		}
	}
}
