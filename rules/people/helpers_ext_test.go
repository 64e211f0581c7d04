package people_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/event"
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

func mustParse(t testing.TB, text string) *rulefile.File {
	t.Helper()
	config, problems := lint.Parse([]yamldoc.File{{Name: "dir/rules.yaml", Data: []byte(text)}}, testOptions())
	if problems.Err() != nil {
		t.Fatalf("problems:\n%v", problems)
	}
	return config
}

// world is what is remembered from one decision to the next.
type world struct {
	kept map[string][]byte
	now  time.Time
}

func newWorld() *world {
	return &world{kept: map[string][]byte{}, now: time.Date(2026, 4, 21, 12, 0, 0, 0, time.UTC)}
}

func (w *world) decide(t testing.TB, c *rulefile.File, name, payload string) rules.Decision {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"payload":%s,"team_member_id":40,"project_code":"WEB"}`, name, w.now.Unix(), payload)
	ev, err := event.Parse("qase", []byte(body), w.now)
	if err != nil {
		t.Fatal(err)
	}
	d := c.Rules.Decide(ev, rules.State{Now: w.now, Get: func(key string) ([]byte, error) { return w.kept[key], nil }})
	for _, change := range d.Changes {
		w.kept[change.Key] = change.Value
	}
	w.now = w.now.Add(time.Minute)
	return d
}
