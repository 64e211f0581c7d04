package trial

import (
	"bytes"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// testFile is the name under which a test is read before it is shown.
const testFile = "the test"

// TestOf returns an entry of tests, in YAML, that lets the event of a request happen after the earlier ones, and expects
// the messages that the current rules make; a draft is left out. Other messages that were made when a stored event came
// are named in a comment. The error is an [*InputError] for a request that is not valid.
func (t *Trial) TestOf(ctx context.Context, r Request) (string, error) {
	cfg := t.o.Config()
	r.Draft = Draft{}
	s, err := t.prepare(ctx, cfg, &r)
	if err != nil {
		return "", err
	}
	name := "as it was tried"
	if r.Event.ID != "" {
		name = "as it came in " + r.Event.ID
	}
	test, err := s.test(name)
	if err != nil {
		return "", err
	}
	made, err := test.run(cfg)
	if err != nil {
		return "", err
	}
	test["expect"] = made
	text, err := test.text()
	if err != nil || r.Event.ID == "" {
		return text, err
	}
	stored, err := store.ParseID(r.Event.ID)
	if err != nil {
		return "", err
	}
	before, _, err := t.o.Store.Deliveries(ctx, store.DeliveryFilter{Event: stored, OldestFirst: true, Limit: 1000})
	if err != nil {
		return "", err
	}
	return differs(before, made) + text, nil
}

// entry is a test or an event of one, as it is written.
type entry map[string]any

// test returns the test of a scene, without what it expects.
func (s *scene) test(name string) (entry, error) {
	var events []entry
	for i := range s.happened {
		ev, err := s.happened[i].parse()
		if err != nil {
			return nil, err
		}
		events = append(events, eventEntry(ev, s.happened[i].At))
	}
	test := events[len(events)-1]
	test["name"] = fmt.Sprintf("%s of %s, %s", s.tried[len(s.tried)-1].Name, s.tried[len(s.tried)-1].Project, name)
	if earlier := events[:len(events)-1]; len(earlier) > 0 {
		test["given"] = earlier
	}
	return test, nil
}

// eventEntry returns an event as tests write it. Fields of the example that it lacks are null, since tests are written
// over the example.
func eventEntry(ev *event.Event, at time.Time) entry {
	payload := map[string]any{}
	if example, is := event.Sample(ev.Name)["payload"].(map[string]any); is {
		for key := range example {
			payload[key] = nil
		}
	}
	for key, v := range ev.Payload {
		payload[key] = v
	}
	e := entry{"event": ev.Name, "payload": payload, "source": ev.Source, "at": at.UTC().Format(time.RFC3339)}
	if ev.Project != "" {
		e["project_code"] = ev.Project
	}
	if ev.MemberKnown {
		e["team_member_id"] = ev.MemberID
	}
	if ev.Timestamp > 0 {
		e["timestamp"] = ev.Timestamp
	}
	return e
}

// keysOfTests are those of an entry, in the order in which they are written.
var keysOfTests = []string{"name", "given", "event", "project_code", "team_member_id", "source", "at", "timestamp", "payload", "expect"}

// MarshalYAML implements [yaml.Marshaler].
func (e entry) MarshalYAML() (any, error) {
	n := &yaml.Node{Kind: yaml.MappingNode}
	for _, key := range keysOfTests {
		v, has := e[key]
		if !has {
			continue
		}
		var inner yaml.Node
		if err := inner.Encode(v); err != nil {
			return nil, err
		}
		n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Value: key}, &inner)
	}
	return n, nil
}

// text returns the test as a rules file with nothing else.
func (e entry) text() (string, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(map[string]any{"tests": []entry{e}}); err != nil {
		return "", fmt.Errorf("writing the test: %w", err)
	}
	return strings.ReplaceAll(b.String(), "${", "$${"), nil
}

// expected is a message that a test expects.
type expected struct {
	Rule     string `yaml:"rule"`
	Notifier string `yaml:"notifier"`
}

// run runs the test with the current rules, and returns the messages that are made.
func (e entry) run(cfg *config.Config) ([]expected, error) {
	e["expect"] = []expected{}
	text, err := e.text()
	if err != nil {
		return nil, err
	}
	source := cfg.Source
	var files []yamldoc.File
	for _, f := range source.Files {
		if slices.Contains(source.Named, f.Name) {
			files = append(files, f)
		}
	}
	in := Input{Contents: source.Contents}
	file, problems := rulefile.Parse(append(files, yamldoc.File{Name: testFile, Data: []byte(text)}), rulefile.Options{
		Kinds: config.Kinds(builtin.Kinds()), AllowUnset: true, IgnoreUnset: true, Glob: globber(source.Files),
		LookupEnv: func(name string) (string, bool) { text, set := source.Env[name]; return text, set },
		ReadFile:  in.reader(source.Files)})
	for _, p := range problems.Errors() {
		return nil, wrong("the event cannot be written as a test: %s", value.Shorten(p.Message, 200))
	}
	made := []expected{}
	name := regexp.MustCompile("^" + regexp.QuoteMeta(e["name"].(string)) + "$")
	for _, r := range ruletest.Run(file, name) {
		for _, f := range r.Failures {
			if f.Got != nil && r.File == testFile {
				made = append(made, expected{f.Got.Rule, f.Got.Notifier})
			}
		}
	}
	return made, nil
}

// differs returns a comment about the messages that were made otherwise when an event came.
func differs(before []store.Delivery, now []expected) string {
	left := slices.Clone(now)
	var gone []string
	for _, d := range before {
		if d.FallbackFor != 0 {
			continue
		}
		if i := slices.Index(left, expected{d.Rule, d.Notifier}); i >= 0 {
			left = slices.Delete(left, i, i+1)
			continue
		}
		gone = append(gone, "# When it came there was also a message of "+yamlWord(d.Rule)+" to "+yamlWord(d.Notifier)+".\n")
	}
	for _, m := range left {
		gone = append(gone, "# When it came there was no message of "+yamlWord(m.Rule)+" to "+yamlWord(m.Notifier)+".\n")
	}
	return strings.Join(gone, "")
}

// yamlWord returns a name for a comment.
func yamlWord(name string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, name)
}
