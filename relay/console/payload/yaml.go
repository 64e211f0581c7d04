package payload

import (
	"bytes"
	"encoding/json"
	"fmt"

	"gopkg.in/yaml.v3"
)

// Test is an event as a test of rules has it.
type Test struct {
	Name   string
	Source string
	At     string // when it came
	Body   []byte // as Qase sent it
	Expect []Message
}

// Message is one that the test expects.
type Message struct{ Rule, Notifier string }

// YAML returns the test as an entry of the list tests in a rules file.
func (t Test) YAML() (string, error) {
	b := builder{dec: json.NewDecoder(bytes.NewReader(t.Body)), bytes: len(t.Body) * 8, nodes: len(t.Body), depth: 1000}
	body, err := b.build()
	if err != nil {
		return "", fmt.Errorf("reading the event: %w", err)
	}
	entry := &yaml.Node{Kind: yaml.MappingNode}
	add := func(key string, value *yaml.Node) { entry.Content = append(entry.Content, text(key), value) }
	add("name", text(t.Name))
	for _, field := range []struct{ of, key string }{{"event_name", "event"}, {"project_code", "project_code"},
		{"team_member_id", "team_member_id"}, {"payload", "payload"}} {
		for _, c := range body.Children {
			if c.Name == field.of && c.Text != "null" {
				add(field.key, yamlOf(c))
			}
		}
	}
	add("source", text(t.Source))
	add("at", text(t.At))
	expect := &yaml.Node{Kind: yaml.SequenceNode}
	for _, m := range t.Expect {
		one := &yaml.Node{Kind: yaml.MappingNode, Style: yaml.FlowStyle}
		one.Content = append(one.Content, text("rule"), text(m.Rule), text("notifier"), text(m.Notifier))
		expect.Content = append(expect.Content, one)
	}
	if len(t.Expect) == 0 {
		expect.Style = yaml.FlowStyle
	}
	add("expect", expect)
	var out bytes.Buffer
	enc := yaml.NewEncoder(&out)
	enc.SetIndent(2)
	list := &yaml.Node{Kind: yaml.MappingNode, Content: []*yaml.Node{text("tests"),
		{Kind: yaml.SequenceNode, Content: []*yaml.Node{entry}}}}
	if err := enc.Encode(list); err != nil {
		return "", fmt.Errorf("writing the test: %w", err)
	}
	return out.String(), nil
}

// yamlOf returns a value as YAML keeps it, with the order of its fields.
func yamlOf(n *Node) *yaml.Node {
	switch n.Kind {
	case "object":
		out := &yaml.Node{Kind: yaml.MappingNode}
		for _, c := range n.Children {
			out.Content = append(out.Content, text(c.Name), yamlOf(c))
		}
		return out
	case "list":
		out := &yaml.Node{Kind: yaml.SequenceNode}
		for _, c := range n.Children {
			out.Content = append(out.Content, yamlOf(c))
		}
		return out
	case "text":
		var s string
		_ = json.Unmarshal([]byte(n.Text), &s) // it was made by quoted
		return text(s)
	}
	return &yaml.Node{Kind: yaml.ScalarNode, Value: n.Text}
}

func text(s string) *yaml.Node {
	n := &yaml.Node{}
	n.SetString(s)
	if n.Value == "" || !isPlain(s) {
		n.Style = yaml.DoubleQuotedStyle
	}
	return n
}

// isPlain reports whether YAML takes a text for text without quotes.
func isPlain(s string) bool {
	var v any
	if yaml.Unmarshal([]byte(s), &v) != nil {
		return false
	}
	again, ok := v.(string)
	return ok && again == s
}
