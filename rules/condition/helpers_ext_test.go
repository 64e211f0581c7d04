package condition_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// Stand-ins for the types of notifiers, which live in a package of their own.
type (
	chatConfig struct {
		Token   testSecret    `yaml:"token" secret:"true"`
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
		URL     string            `yaml:"url" as:"url"`
		Headers map[string]string `yaml:"headers" as:"header"`
		Body    string            `yaml:"body" as:"json"`
		To      []string          `yaml:"to" as:"address"`
	}
	testSecret struct{ value *string }
)

func (s *testSecret) UnmarshalText(b []byte) error { v := string(b); s.value = &v; return nil }

type badKey struct{ key, text string }

func (e badKey) Error() string { return e.text }

func (e badKey) Field() string { return e.key }

func testOptions() rulefile.Options {
	env := map[string]string{"TOKEN": "xoxb-1", "EMPTY": "", "SECRET": "s3cret"}
	return rulefile.Options{
		Kinds: map[string]rulefile.Kind{
			"chat": {
				Config: func() any { return &chatConfig{Timeout: time.Second} }, Options: chatOptions{},
				Check: func(config any, _ json.RawMessage) error {
					var faults []error
					if config.(*chatConfig).Tries > 9 {
						faults = append(faults, badKey{"tries", "at most 9 tries"})
					}
					if config.(*chatConfig).Timeout > time.Hour {
						faults = append(faults, badKey{"timeout", "at most 1h"})
					}
					return errors.Join(faults...)
				},
				Advise: func(_ any, key string, value any) []rulefile.Advice {
					list, _ := value.([]any)
					if key != "blocks" || len(list) != 2 {
						return nil
					}
					return []rulefile.Advice{{Message: "two"}, {Path: []string{"1", "text", "text"}, Wrong: true, Message: fmt.Sprint(list[1]), Hint: "one"}}
				},
			},
			"hook": {Config: func() any { return &hookConfig{} }, Options: hookOptions{}},
			"post": {
				Config: func() any { return &hookConfig{} }, Options: hookOptions{},
				Missing: func(_ any, options map[string]bool) (what, hint string) {
					if options["to"] {
						return "", ""
					}
					return "has nobody to write to", "add to: [someone@example.com] here or on the notifier"
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

const goodFile = `
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

func mustParse(t testing.TB, text string) *rulefile.File {
	t.Helper()
	config, problems := lint.Parse([]yamldoc.File{{Name: "dir/rules.yaml", Data: []byte(text)}}, testOptions())
	if problems.Err() != nil {
		t.Fatalf("problems:\n%v", problems)
	}
	return config
}
