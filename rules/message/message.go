// Package message holds the message that a rule makes and a notifier sends, and the one list of its keys.
//
// It imports nothing of this module, so that rules and notifiers share a type without knowing each other. A new key is
// one line in [Message] and one in [Keys]: templates, tests of rules, explain, the HTTP body, stored messages and the
// JSON Schema follow the list.
package message

import (
	"slices"
	"strings"
)

// Message is the message that a rule makes of an event.
type Message struct {
	// Rule is the name of the rule.
	Rule string `json:"rule"`
	// Level is one of Info, Success, Warning and Error.
	Level string `json:"level"`
	// Label says in a word or two what has happened, in capitals, such as FAILED. If it is empty, the level says it.
	Label string `json:"label,omitempty"`
	// Sign is the emoji of the level, which chats show before the title, or empty.
	Sign string `json:"sign,omitempty"`
	// Title is one line of plain text. It holds no markup: each channel escapes all of it.
	Title string `json:"title"`
	// Shortcodes are those of the emoji in the title, such as :tada:, that the rule has written: the places of each among
	// all that the title looks to have, from 0. Others are text of an event.
	Shortcodes []int `json:"shortcodes,omitempty"`
	// Body is Markdown (CommonMark with tables and strikethrough), in which values from the event are escaped. It may
	// be empty.
	Body string `json:"body,omitempty"`
	// Fields belong to the default body, below it; a rule's own body has none.
	Fields []Field `json:"fields,omitempty"`
	// Failures are the tests that failed, of a message about the end of a run with the default body; nil without any.
	Failures *Failures `json:"failures,omitempty"`
	// URL leads to the entity of the event, or is empty.
	URL string `json:"url,omitempty"`
}

// Field is a named value below the body, such as Plan: Smoke. Name and value are Markdown in one line.
type Field struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// The levels of a message.
const (
	Info    = "info"
	Success = "success"
	Warning = "warning"
	Error   = "error"
)

// levels returns the levels, the least urgent first.
func levels() []string { return []string{Info, Success, Warning, Error} }

// Worse reports whether a level is more urgent than another.
func Worse(level, than string) bool {
	return slices.Index(levels(), level) > slices.Index(levels(), than)
}

// IsLevel reports whether s is a level.
func IsLevel(s string) bool { return slices.Contains(levels(), s) }

// ShownLabel returns the label, or else the level in capitals.
func (m *Message) ShownLabel() string {
	if m.Label != "" {
		return m.Label
	}
	return strings.ToUpper(m.Level)
}

// FullBody returns the body with the failing tests, and with the fields as its last line, for readers without a better way
// to show them.
func (m *Message) FullBody() string {
	parts := []string{m.Body}
	if m.Failures != nil {
		parts = append(parts, m.Failures.Markdown)
	}
	fields := make([]string, len(m.Fields))
	for i, f := range m.Fields {
		fields[i] = f.Name + ": " + f.Value
	}
	parts = append(parts, strings.Join(fields, " · "))
	return strings.Join(slices.DeleteFunc(parts, func(part string) bool { return part == "" }), "\n\n")
}

// Key is a text of a message under its name.
type Key struct {
	Name   string
	Text   func(*Message) *string
	Values []string // the only valid texts; nil for any

	Variable bool // templates of rules can read it
	Expected bool // tests can expect a value of it, and explain prints it
}

// Keys lists the texts of a message, in the order in which they are shown. All of them are in the default body of HTTP.
func Keys() []Key { return keys }

var keys = []Key{
	{Name: "rule", Text: func(m *Message) *string { return &m.Rule }, Variable: true},
	{Name: "level", Text: func(m *Message) *string { return &m.Level }, Values: levels(), Variable: true,
		Expected: true},
	{Name: "title", Text: func(m *Message) *string { return &m.Title }, Expected: true},
	{Name: "body", Text: func(m *Message) *string { return &m.Body }, Expected: true},
	{Name: "url", Text: func(m *Message) *string { return &m.URL }, Expected: true},
}

// Lookup returns the key with a name.
func Lookup(name string) (k Key, ok bool) {
	for _, k := range keys {
		if k.Name == name {
			return k, true
		}
	}
	return k, false
}

// Get returns the text as people read it: the body with the fields.
func (k Key) Get(m *Message) string {
	if k.Name == "body" {
		return m.FullBody()
	}
	return *k.Text(m)
}

// Variables returns the names of the keys that templates can read.
func Variables() []string { return names(func(k Key) bool { return k.Variable }) }

// Expected returns the names of the keys that tests can expect.
func Expected() []string { return names(func(k Key) bool { return k.Expected }) }

func names(wanted func(Key) bool) []string {
	var all []string
	for _, k := range keys {
		if wanted(k) {
			all = append(all, k.Name)
		}
	}
	return all
}

// MessageVariables returns the names of the variables that only options and bodies of notifiers can read: the message
// that the rule made.
func MessageVariables() []string { return []string{"title", "body", "text", "fields", "url"} }

// SetMessage sets the MessageVariables. plain returns Markdown as plain text.
func (m *Message) SetMessage(vars map[string]any, plain func(string) string) {
	m.SetVariables(vars)
	body, fields := m.FullBody(), make([]any, len(m.Fields))
	for i, f := range m.Fields {
		fields[i] = map[string]any{"name": plain(f.Name), "value": plain(f.Value)}
	}
	vars["title"], vars["body"], vars["text"], vars["fields"], vars["url"] = m.Title, body, plain(body), fields, m.URL
}

// ClearVariables removes the MessageVariables.
func ClearVariables(vars map[string]any) {
	for _, name := range MessageVariables() {
		delete(vars, name)
	}
}

// SetVariables sets the variables of templates to the texts of the message.
func (m *Message) SetVariables(vars map[string]any) {
	for _, k := range keys {
		if k.Variable {
			vars[k.Name] = *k.Text(m)
		}
	}
}
