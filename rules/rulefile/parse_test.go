package rulefile_test

import (
	"crypto/sha256"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

func TestACompleteFileIsParsed(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.GoodFile)
	if got := strings.Join(c.Rules.Names(), " "); got != "failed short included" {
		t.Errorf("rules: %s", got)
	}
	if c.Settings.QaseURL != "https://qase.example.com" || c.Settings.Location.String() != "Europe/Berlin" ||
		c.Settings.Retention != (rules.Retention{Events: 7 * 24 * time.Hour, Dead: 90 * 24 * time.Hour,
			Entities: 90 * 24 * time.Hour}) {
		t.Errorf("settings: %+v", c.Settings)
	}
	if s := c.Sources[0]; s.Name != "qase" || len(s.Secrets) != 2 || len(s.AllowFrom) != 2 ||
		s.AllowFrom[0].String() != "203.0.113.7/32" {
		t.Errorf("source: %+v", s)
	}
	qa, filed := c.Notifiers[0].Config.(*rulefiletest.ChatConfig), c.Notifiers[1].Config.(*rulefiletest.ChatConfig)
	if *qa.Token.Value != "xoxb-1" || qa.Timeout != 90*time.Second || *filed.Token.Value != "from-file" ||
		filed.Timeout != time.Second {
		t.Errorf("notifiers: %v %v", *qa.Token.Value, *filed.Token.Value)
	}
	if got := string(c.Notifiers[0].Defaults); got != `{"channel":"#qa"}` {
		t.Errorf("defaults of qa: %s", got)
	}
	if got := string(c.Notifiers[2].Defaults); got != `{"headers":{"Authorization":"Bearer xoxb-1"}}` {
		t.Errorf("defaults of ops: %s", got)
	}
}

func TestAllProblemsAreReportedWithPositions(t *testing.T) {
	if config := rulefiletest.GoldenProblems(t, "problems"); config != nil {
		t.Error("a file with errors gave a config")
	}
}

func TestFilesThatAreNotARulesFile(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "r.yaml:1:1: error: the file is empty",
		"- a":                   "expected a mapping",
		"rules: [":              "not valid YAML",
		"a: 1\n---\nb: 2\n":     "second document",
		"rules:\n\t- name: x\n": "r.yaml:2:2: error: not valid YAML",
		"rules:\n  - name: x\n    level: error\n   when: a\n": "r.yaml:4:4: error: not valid YAML: did " +
			"not find expected '-' indicator (look at the indentation",
		"rules:\n  - name: x\n    when: a\n\tlevel: error\n": "r.yaml:4:2: error: not valid YAML: found " +
			"a tab character that violates indentation (YAML is indented with spaces",
		"rules:\n  - name: x\n    title: \"a\n    body: \"b\"\nx: []\n": "r.yaml:3:5: error: not valid YAML: did " +
			"not find expected key",
		"rules:\n  - name: x\n    title: {{ .payload.title }} failed\n": `r.yaml:3:5: error: not valid YAML: did ` +
			`not find expected key (put {{ … }} in quotes`,
		"rules:\n  - name: x\n    when: \"run\" in event_name\n": "YAML takes the first quotes for the whole value",
		"rules:\n  - name: x\n    title: “Run: red”\n": "r.yaml:3:5: error: not valid YAML: mapping " +
			"values are not allowed in this context (YAML knows only straight quotes",
		"rules:\n  - name: x: y\n":                              "a colon and a space begin a new value: put the value in quotes",
		"\xff\xfer\x00u\x00l\x00e\x00":                          "r.yaml:1:1: error: the file is not UTF-8 text",
		"rules: []\n# caf\xe9":                                  "r.yaml:2:1: error: the file is not UTF-8 text",
		"\uFEFFruels: []":                                       `r.yaml:1:1: error: unknown key "ruels"`,
		"notifiers: [{name: x, type: chat, blocks: &a [*a]}]\n": "nested too deeply",
		"<<: {{a: b}: c}\n":                                     "a key must be plain text",
		"rules: 5":                                              "must be a list",
	} {
		_, problems := rulefiletest.Check("r.yaml", text)
		if !strings.Contains(problems.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, problems, want)
		}
	}
}

func TestIncludedFilesHoldNoNotifiers(t *testing.T) {
	o := rulefiletest.Options()
	more := "sources: [{name: other, secrets: [x]}]\nnotifiers: [{name: qa, type: chat}]\nrules: [{name: a, when: " +
		"\"true\", notify: qa}]\n"
	o.ReadFile = func(string) ([]byte, error) { return []byte(more), nil }
	main := yamldoc.File{Name: "main.yaml",
		Data: []byte("include: [more.yaml]\nsources: [{name: qase, secrets: [x]}]\n")}
	_, problems := lint.Parse([]yamldoc.File{main}, o)
	const want = "more.yaml:1:1: error: an included file cannot hold sources"
	if errs, _ := problems.Count(); errs != 2 || !strings.Contains(problems.Error(), want) {
		t.Errorf("got %v, want %q", problems, want)
	}
	tests := yamldoc.File{Name: "more_test.yaml", Data: []byte("include: [more.yaml]\ntests: []\n")}
	if _, problems = lint.Parse([]yamldoc.File{tests}, o); problems.Err() != nil {
		t.Errorf("tests include all that they are about: %v", problems)
	}
	_, problems = lint.Parse([]yamldoc.File{main, {Name: "more.yaml", Data: []byte(more)}}, o)
	if problems.Err() != nil {
		t.Errorf("a file that is given as well may hold everything: %v", problems)
	}
}

func TestFilesAreReadAsTheyAreMeant(t *testing.T) {
	o := rulefiletest.Options()
	o.LookupEnv = func(name string) (string, bool) { return map[string]string{"B": "from b"}[name], name == "B" }
	config, problems := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(`
x-common: &common {notify: [qa], anything: "${NOPE}", when: "true"}
x-list: [{a: 1}]
x-notify: &notify [qa]
x-rule: &rule {when: "true", notify: [qa]}
sources: [{name: qase, secrets: ["${A:-${B:-c}}"]}]
notifiers: [{name: qa, type: chat}]
rules:
  - {name: a, when: "true", notify: *notify, enabled: False, description: "${A:-<${C:-${B}>}>}"}
  - {<<: *rule, name: b, stop: TRUE}
  - {<<: *rule, name: c, enabled: "${ON:-True}", stop: FALSE, description: "${A:-{x}}"}
`)}}, o)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	rules := config.Rules.Rules()
	if rules[0].Enabled || !rules[1].Enabled || !rules[1].Stop || !rules[2].Enabled || rules[2].Stop {
		t.Errorf("got %+v", rules)
	}
	if rules[0].Description != "<from b>>" || rules[2].Description != "{x}" ||
		config.Sources[0].Secrets[0] != sha256.Sum256([]byte("from b")) {
		t.Errorf("got %q, %q", rules[0].Description, rules[2].Description)
	}
	for text, want := range map[string]string{
		"rules: [{name: a, when: \"true\", notify: [qa], enabled: no}]": `enabled must be true or false, not "no"`,
		"rules: [{name: a, x-a: 1}]":                                    `unknown key "x-a"`,
		"settings: {x-a: 1}":                                            `unknown key "x-a"`,
		"x_a: 1":                                                        `unknown key "x_a"`,
		"rules: [{name: \"" + strings.Repeat("${A:-", 30) + strings.Repeat("}", 30) + "\"}]": "too deep within each other",
		"rules: [{name: \"${A:-${B}\"}]": "without a closing }",
	} {
		if _, problems := rulefiletest.Check("r.yaml", text); !strings.Contains(fmt.Sprint(problems), want) {
			t.Errorf("%s: got %v, want %s", text, problems, want)
		}
	}
}

func TestUnsetVariablesAreWarningsWithAllowUnset(t *testing.T) {
	o := rulefiletest.Options()
	o.AllowUnset = true
	files := []yamldoc.File{{Name: "r.yaml", Data: []byte(`
sources: [{name: qase, secrets: ["${NOPE}"]}]
notifiers: [{name: qa, type: chat, token_file: nope}]
rules: [{name: a, when: "true", notify: qa}]
`)}}
	config, problems := lint.Parse(files, o)
	if errs, warnings := problems.Count(); config == nil || errs != 0 || warnings != 2 {
		t.Errorf("got %v", problems)
	}
	o.AllowUnset = false
	if config, problems = lint.Parse(files, o); config != nil {
		t.Errorf("got %v", problems)
	}
}

func TestWithoutSourcesTheSecretComesFromTheEnvironment(t *testing.T) {
	text := "notifiers: [{name: qa, type: chat}]\nrules: [{name: a, when: \"true\", notify: qa}]\n"
	if _, problems := rulefiletest.Check("r.yaml", text); !strings.Contains(problems.Error(), "QASE_WEBHOOK_SECRET") {
		t.Errorf("got %v", problems)
	}
	o := rulefiletest.Options()
	o.LookupEnv = func(string) (string, bool) { return "s", true }
	config, problems := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}}, o)
	if len(problems) > 0 || config.Sources[0].Name != "qase" || len(config.Sources[0].Secrets) != 1 {
		t.Errorf("got %v", problems)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(rulefiletest.GoodFile))
	if text, err := os.ReadFile("testdata/problems.yaml"); err == nil {
		f.Add(text)
	}
	f.Add([]byte("a: &a {x: *a}\nrules: [*a]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		config, problems := rulefiletest.Check("r.yaml", string(text))
		if (config == nil) != (problems.Err() != nil) {
			t.Errorf("config and errors disagree: %v", problems)
		}
		for _, p := range problems {
			if p.Message == "" || p.File == "" {
				t.Errorf("an empty problem: %+v", p)
			}
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for _, n := range []int{10, 1000, 10_000} {
		b.Run(fmt.Sprintf("rules=%d", n), func(b *testing.B) {
			var rules strings.Builder
			for i := range n {
				fmt.Fprintf(&rules,
					"  - {name: r%d, when: 'event_name == \"run.completed\" and payload.failed > %d', title: '{{ "+
						".entity.title }}: {{ .payload.failed }}', notify: [qa]}\n", i, i)
			}
			text := []byte(rulefiletest.WithRules(rules.String()))
			for b.Loop() {
				if _, problems := rulefiletest.Check("r.yaml", string(text)); problems.Err() != nil {
					b.Fatal(problems)
				}
			}
		})
	}
}

func TestHasIncludes(t *testing.T) {
	for text, want := range map[string]bool{"": false, "tests: []": false, "- a": false, "a: [": false,
		"include: x.yaml\n": true, "tests: []\ninclude: [x.yaml]": true} {
		if got := rulefile.HasIncludes([]byte(text)); got != want {
			t.Errorf("%q: %v", text, got)
		}
	}
}
