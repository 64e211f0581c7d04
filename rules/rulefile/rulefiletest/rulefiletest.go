// Package rulefiletest has kinds of notifiers and rules files for tests of the packages that read rules files.
package rulefiletest

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// The config and option structs of the kinds.
type (
	// ChatConfig is the config of the kind chat.
	ChatConfig struct {
		Token   Secret        `yaml:"token" secret:"true"`
		Timeout time.Duration `yaml:"timeout"`
		Tries   int           `yaml:"tries"`
	}
	chatOptions struct {
		Channel string   `yaml:"channel"`
		Mention []string `yaml:"mention" as:"mention"`
		Loud    bool     `yaml:"loud"`
		Blocks  any      `yaml:"blocks" as:"blocks"`
	}
	hookConfig struct {
		AllowHosts []string `yaml:"allow_hosts"`
	}
	hookOptions struct {
		URL     string            `yaml:"url" as:"url" secret:"masked"`
		Headers map[string]string `yaml:"headers" as:"header" secret:"masked"`
		Body    string            `yaml:"body" as:"json"`
		To      []string          `yaml:"to" as:"address" carries:"true"`
	}
	// Secret is a secret text.
	Secret struct{ Value *string }
)

// UnmarshalText implements [encoding.TextUnmarshaler].
func (s *Secret) UnmarshalText(b []byte) error { v := string(b); s.Value = &v; return nil }

type badKey struct{ key, text string }

func (e badKey) Error() string { return e.text }

func (e badKey) Field() string { return e.key }

// Options returns options with the kinds chat, hook and post, and some variables and files.
func Options() rulefile.Options {
	env := map[string]string{"TOKEN": "xoxb-1", "EMPTY": "", "SECRET": "s3cret"}
	return rulefile.Options{
		Kinds: map[string]rulefile.Kind{
			"chat": {
				Config: func() any { return &ChatConfig{Timeout: time.Second} }, Options: chatOptions{},
				Check: func(config any, _ json.RawMessage) error {
					var faults []error
					if config.(*ChatConfig).Tries > 9 {
						faults = append(faults, badKey{"tries", "at most 9 tries"})
					}
					if config.(*ChatConfig).Timeout > time.Hour {
						faults = append(faults, badKey{"timeout", "at most 1h"})
					}
					return errors.Join(faults...)
				},
				Advise: func(_ any, key string, value any) []rules.Remark {
					list, _ := value.([]any)
					if key != "blocks" || len(list) != 2 {
						return nil
					}
					return []rules.Remark{{Message: "two"},
						{Path: []string{"1", "text", "text"}, Wrong: true, Message: fmt.Sprint(list[1]), Hint: "one"}}
				},
			},
			"hook": {Config: func() any { return &hookConfig{} }, Options: hookOptions{},
				Mask: notifiers.Kind{Options: hookOptions{}}.MaskOptions},
			"post": {
				Config: func() any { return &hookConfig{} }, Options: hookOptions{},
				Mask: notifiers.Kind{Options: hookOptions{}}.MaskOptions,
				Missing: func(_ any, options map[string]bool) (what, hint string) {
					if options["to"] {
						return "", ""
					}
					return "has no recipient", "add to: [someone@example.com] here or on the notifier"
				},
			},
		},
		LookupEnv: func(name string) (string, bool) { v, ok := env[name]; return v, ok },
		ReadFile: func(name string) ([]byte, error) {
			switch name {
			case "token.txt":
				return []byte("from-file\n"), nil
			case "dir/more.yaml":
				return []byte("rules:\n  - {name: included, when: \"true\", notify: [qa]}\n"), nil
			}
			return nil, errors.New("open " + name + ": no such file")
		},
	}
}

// Check parses and checks a rules file. The file is nil if it has errors.
func Check(name, text string) (*rulefile.File, diag.Problems) {
	return lint.Parse([]yamldoc.File{{Name: name, Data: []byte(text)}}, Options())
}

// GoldenProblems compares the problems of testdata/NAME.yaml with testdata/NAME.golden. It returns the parsed file.
func GoldenProblems(t *testing.T, name string) *rulefile.File {
	t.Helper()
	text, err := os.ReadFile("testdata/" + name + ".yaml")
	if err != nil {
		t.Fatal(err)
	}
	file, problems := Check(name+".yaml", string(text))
	Golden(t, "testdata/"+name+".golden", problems.Error()+"\n")
	return file
}

// Parse parses and checks a rules file, which must have no errors.
func Parse(t testing.TB, text string) *rulefile.File {
	t.Helper()
	file, problems := Check("dir/rules.yaml", text)
	if problems.Err() != nil {
		t.Fatalf("problems:\n%v", problems)
	}
	return file
}

// WithRules returns a rules file with some notifiers and the given rules.
func WithRules(rules string) string {
	return `
sources: [{name: qase, secrets: [s]}]
people: [{name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH}]
notifiers:
  - {name: qa, type: chat, channel: "#qa"}
  - {name: ops, type: hook, url: "https://ops.example.com/hook"}
templates:
  counts: "{{ .payload.failed }} of {{ .payload.cases }} failed"
rules:
` + rules
}

// GoodFile is a rules file that uses most keys, for Parse.
const GoodFile = `
include: [more.yaml]
settings: {qase_url: "https://qase.example.com/", timezone: Europe/Berlin, retention: {events: 7d}}
sources:
  - {name: qase, secrets: ["${SECRET}", old], projects: [WEB], allow_from: [203.0.113.7, 198.51.100.0/24]}
people:
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: qa}
notifiers:
  - {name: qa, type: chat, token: "${TOKEN}", timeout: 1m30s, channel: "#qa"}
  - {name: filed, type: chat, token_file: token.txt}
  - name: ops
    type: hook
    url: https://ops.example.com/hook?run={{ .payload.id }}
    headers: {Authorization: "Bearer ${TOKEN}", X-Run: "{{ .payload.id }}"}
templates:
  counts: "{{ .payload.failed }} of {{ .payload.cases }} failed"
rules:
  - name: failed
    when: event_name == "run.completed" && payload.failed > 0
    level: error
    title: '{{ template "counts" . }}'
    body: "**{{ .entity.title }}** in {{ .project_code }}"
    notify:
      - qa
      - {notifier: ops, headers: {X-Rule: "{{ .rule }}"}, body: '{"n": {{ .payload.failed }}, "t": "{{ .entity.title }}", "x": {{ .payload.missing }}}'}
  - name: short
    when: event_type == "run"
    notify: qa
`
