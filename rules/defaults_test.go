package rules_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/lint"
	"qaserelay/rules/people"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/yamldoc"
)

// TestDefaultMessages compares the messages of the catalog's examples and of the scenes with the golden files.
func TestDefaultMessages(t *testing.T) {
	files := map[string]*strings.Builder{}
	show := func(name string, s scene) {
		file := s.Event
		if _, known := catalog.Lookup(file); !known {
			file = "unknown"
		}
		if files[file] == nil {
			files[file] = &strings.Builder{}
		}
		n := s.play(t)
		fmt.Fprintf(files[file], "=== %s\nlevel: %s %s %s\ntitle: %s\nurl:   %s\n\n%s\n\n",
			name, n.Level, n.Sign, n.ShownLabel(), n.Title, n.URL, n.FullBody())
		readsWell(t, s.Event+": "+name, n)
	}
	for _, e := range catalog.All() {
		show("example", scene{call: call{Event: e.Name}})
	}
	for _, s := range readScenes(t) {
		show(s.Name, s)
	}
	for file, got := range files {
		rulefiletest.Golden(t, filepath.Join("testdata", "defaults", file+".golden"), got.String())
	}
}

func TestDefaultMessagesTakeAnyPayload(t *testing.T) {
	values := []any{nil, "", "text", 3, -1, 0.5, 1e300, true, []any{}, []any{1}, []any{map[string]any{"name": 1}},
		map[string]any{}, map[string]any{"title": []any{}, "name": map[string]any{}, "email": 7}}
	elsewhere := []catalog.Field{{Name: "title"}, {Name: "plan"}, {Name: "environment"}, {Name: "reviewers"},
		{Name: "case_id"}, {Name: "cases"}, {Name: "cases_count"}, {Name: "hash"}}
	for _, e := range catalog.All() {
		readsWell(t, e.Name+" with nothing", scene{call: call{Event: e.Name, Payload: map[string]any{}}}.play(t))
		var example struct{ Payload map[string]any }
		if err := json.Unmarshal(e.Example, &example); err != nil {
			t.Fatal(err)
		}
		for _, f := range append(e.Fields, elsewhere...) {
			for _, value := range values {
				payload := maps.Clone(example.Payload)
				payload[f.Name] = value
				n := scene{call: call{Event: e.Name, Payload: payload}}.play(t)
				readsWell(t, fmt.Sprintf("%s with %s: %v", e.Name, f.Name, value), n)
			}
		}
	}
}

// clumsy matches the traces of an empty value in a text.
var clumsy = regexp.MustCompile(`<no value>|<nil>|%!|\(\)|\( |“”|[^\n> ]  |  [^\n ]|^ *·|· *·|·\s*$|·\n|: ·|: ` +
	`\n|:$|\b1 cases|\bmap\[| ,| \.|\n\n\n`)

func readsWell(t *testing.T, name string, n rules.Notification) {
	t.Helper()
	for part, text := range map[string]string{"title": n.Title, "body": n.FullBody()} {
		if at := clumsy.FindString(text); at != "" {
			t.Errorf("%s: the %s reads badly at %q: %q", name, part, at, text)
		}
		if text == "" || !utf8.ValidString(text) || text != strings.TrimSpace(text) {
			t.Errorf("%s: the %s is empty, has spaces around it or broken characters: %q", name, part, text)
		}
	}
	for _, f := range n.Fields {
		if f.Value == "" || f.Value != strings.TrimSpace(f.Value) || strings.ContainsAny(f.Value, "\r\n") {
			t.Errorf("%s: the field %s is empty, has spaces around it or more than one line: %q", name, f.Name, f.Value)
		}
	}
	if strings.ContainsAny(n.Title, "\r\n") {
		t.Errorf("%s: the title has more than one line: %q", name, n.Title)
	}
}

// scene is an event and the events before it.
type scene struct {
	Name    string        `yaml:"name"`
	Given   []call        `yaml:"given"`
	Advance time.Duration `yaml:"advance"`
	call    `yaml:",inline"`
}

// call is one event. Without a payload it is the catalog's example.
type call struct {
	Event   string         `yaml:"event"`
	Payload map[string]any `yaml:"payload"`
	Member  any            `yaml:"member"` // a number, or an invalid value
}

func readScenes(t *testing.T) []scene {
	t.Helper()
	text, err := os.Open(filepath.Join("testdata", "defaults", "scenes.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	var scenes []scene
	dec := yaml.NewDecoder(text)
	dec.KnownFields(true)
	if err := dec.Decode(&scenes); err != nil {
		t.Fatal(err)
	}
	return scenes
}

// play decides the events in order and returns the notification of the last one.
func (s scene) play(t *testing.T) rules.Notification {
	t.Helper()
	set, err := oneRule()
	if err != nil {
		t.Fatal(err)
	}
	w := rulefiletest.NewWorld()
	w.Now = time.Unix(1650540000, 0)
	decide := func(c call) rules.Notification {
		d := w.DecideEvent(set, c.parse(t, w.Now))
		if len(d.Notifications) != 1 || len(d.Results[0].Notes) > 0 {
			t.Fatalf("%s %v: %d notifications, results %+v", c.Event, c.Payload, len(d.Notifications), d.Results)
		}
		return d.Notifications[0]
	}
	for _, c := range s.Given {
		decide(c)
	}
	w.Now = w.Now.Add(s.Advance)
	return decide(s.call)
}

func (c call) parse(t *testing.T, now time.Time) *event.Event {
	t.Helper()
	envelope := map[string]any{"event_name": c.Event, "payload": c.Payload, "timestamp": now.Unix(),
		"team_member_id": 40, "project_code": "WEB"}
	if c.Payload == nil {
		example, _ := catalog.Lookup(c.Event)
		if err := json.Unmarshal(example.Example, &envelope); err != nil {
			t.Fatalf("%s: %v", c.Event, err)
		}
	}
	if c.Member != nil {
		envelope["team_member_id"] = c.Member
	}
	body, err := json.Marshal(envelope)
	if err != nil {
		t.Fatalf("%s: %v", c.Event, err)
	}
	ev, err := event.Parse("qase", body, now)
	if err != nil {
		t.Fatalf("%s: %v", c.Event, err)
	}
	return ev
}

// oneRule is a set with a rule for every event, which has no message of its own. It is that of a summary too, whose events
// other rules do not match.
var oneRule = sync.OnceValues(func() (*rules.Set, error) {
	text := `
settings: {qase_url: "https://app.qase.io"}
sources: [{name: qase, secrets: [secret]}]
people: [{name: Jane Roe, email: jane@example.com, member_id: 41}]
notifiers: [{name: out, type: test}]
rules: [{name: everything, when: "true", notify: [out]}]
`
	kind := rulefile.Kind{Config: func() any { return &struct{}{} }, Options: struct{}{},
		Check: func(any, json.RawMessage) error { return nil }}
	config, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}},
		rulefile.Options{Kinds: map[string]rulefile.Kind{"test": kind}})
	if err := problems.Err(); err != nil {
		return nil, err
	}
	rule := config.Rules.All()[0]
	rule.Summary = &rules.RunSummary{}
	return rules.NewSet(rules.Options{Settings: config.Settings, People: people.New(config.Source.People)},
		[]*rules.Rule{rule}), nil
})
