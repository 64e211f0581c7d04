package rules

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// String says for people what the value has to be.
func (m matcher) String() string {
	if m.list != nil {
		return jsonText(anys(m.list))
	}
	if m.isExact() {
		return strconv.Quote(m.exact)
	}
	var parts []string
	for _, part := range m.contains {
		parts = append(parts, "contains "+strconv.Quote(part))
	}
	for _, pattern := range m.matches {
		parts = append(parts, "matches "+pattern.String())
	}
	return strings.Join(parts, " and ")
}

func anys(texts []string) []any {
	list := make([]any, len(texts))
	for i, s := range texts {
		list[i] = s
	}
	return list
}

// holds reports whether a value is as wanted. Of a list, one element has to be, unless a whole list is wanted.
func (m matcher) holds(value any) bool {
	list, isList := value.([]any)
	switch {
	case m.list != nil:
		return slices.EqualFunc(m.list, list, func(want string, got any) bool { return want == valueText(got) })
	case isList && slices.ContainsFunc(list, func(one any) bool { return m.holdsText(valueText(one)) }):
		return true
	}
	return m.holdsText(valueText(value))
}

func (m matcher) holdsText(s string) bool {
	if m.isExact() {
		return strings.TrimRight(s, "\n") == m.exact
	}
	for _, part := range m.contains {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return !slices.ContainsFunc(m.matches, func(pattern *regexp.Regexp) bool { return !pattern.MatchString(s) })
}

// valueText is a value as a test writes it: what is not there is the empty text.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any, map[string]any:
		return jsonText(v)
	}
	return plainText(v)
}

// sent is a notification as expectations see it: with the options that hold for it.
type sent struct {
	*Notification
	options map[string]any
}

func (c *Config) sent(n *Notification) sent {
	options := map[string]any{}
	if i := slices.IndexFunc(c.Notifiers, func(one Notifier) bool { return one.Name == n.Notifier }); i >= 0 {
		overlay(options, c.Notifiers[i].Defaults)
	}
	overlay(options, n.Options)
	return sent{n, options}
}

// overlay puts options over others: maps entry by entry, all else whole.
func overlay(options map[string]any, own json.RawMessage) {
	layer, err := decodeObject(own)
	if err != nil {
		return // no options
	}
	for key, value := range layer {
		below, ok1 := options[key].(map[string]any)
		above, ok2 := value.(map[string]any)
		if ok1 && ok2 {
			maps.Copy(below, above)
			continue
		}
		options[key] = value
	}
}

// values returns what a field may be compared with, first what is shown. The body counts as written and without the signs
// that keep values from being read as Markdown; url and body are also options of some kinds, and then either may be meant.
func (n sent) values(field string) []any {
	var values []any
	if option, ok := within(n.options, field); ok {
		values = append(values, option)
	}
	switch field {
	case "fallback":
		names := []any{}
		for _, f := range n.Fallbacks {
			names = append(names, f.Notifier)
		}
		return []any{names}
	case "level":
		return append(values, n.Level)
	case "title":
		return append(values, n.Title)
	case "url":
		return append(values, n.URL)
	case "body":
		body := n.FullBody()
		return append(values, markdownEscape.ReplaceAllString(body, "$1"), body)
	}
	if len(values) == 0 {
		return []any{nil}
	}
	return values
}

// markdownEscape is a backslash before a sign.
var markdownEscape = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")

// within finds what a path such as headers.X-Run or blocks.0.text leads to. Keys may hold dots themselves.
func within(v any, path string) (any, bool) {
	if value, ok := child(v, path); ok {
		return value, true
	}
	head, rest, dotted := strings.Cut(path, ".")
	if next, ok := child(v, head); ok && dotted {
		return within(next, rest)
	}
	return nil, false
}

func child(v any, key string) (any, bool) {
	switch v := v.(type) {
	case map[string]any:
		value, ok := v[key]
		return value, ok
	case []any:
		if i, err := strconv.Atoi(key); err == nil && i >= 0 && i < len(v) {
			return v[i], true
		}
	}
	return nil, false
}

// FieldDiff is a field of a message that is not as expected.
type FieldDiff struct {
	Field    string `json:"field"`
	Expected string `json:"expected"` // for people: a quoted text, or what it must contain or match
	Got      string `json:"got"`
	// Exact is the expected text, where a text was expected to the letter.
	Exact *string `json:"-"`
}

// met reports whether n is what is expected.
func (e *expectation) met(n sent) bool {
	if e.rule != "" && e.rule != n.Rule || e.notifier != "" && e.notifier != n.Notifier {
		return false
	}
	return !slices.ContainsFunc(e.fields, func(f wantedField) bool { return !f.met(n) })
}

func (f wantedField) met(n sent) bool { return slices.ContainsFunc(n.values(f.key), f.want.holds) }

// diff returns what is not as expected.
func (e *expectation) diff(n sent) []FieldDiff {
	var diffs []FieldDiff
	name := func(field, want, got string) {
		if want != "" && want != got {
			diffs = append(diffs, FieldDiff{field, strconv.Quote(want), got, &want})
		}
	}
	name("rule", e.rule, n.Rule)
	name("notifier", e.notifier, n.Notifier)
	for _, f := range e.fields {
		if f.met(n) {
			continue
		}
		d := FieldDiff{Field: f.key, Expected: f.want.String(), Got: valueText(n.values(f.key)[0])}
		if f.want.isExact() {
			d.Exact = &f.want.exact
		}
		if secretHeader.MatchString(d.Field) {
			d.Got, d.Exact = hidden, nil
		}
		if option, _ := n.options["url"].(string); f.key == "url" && option != "" {
			d.Got = maskURL(option)
		}
		diffs = append(diffs, d)
	}
	return diffs
}

// secretHeader finds fields whose value may be a secret, which nothing prints.
var secretHeader = regexp.MustCompile(`(?i)^headers\..*(auth|cookie|token|secret|passw|key)`)

// shown is the notification for people: without what may hold a secret.
func (n sent) shown() *Notification {
	shown := *n.Notification
	shown.Options, shown.Fallbacks = maskOptions(n.Options), maskFallbacks(n.Fallbacks)
	return &shown
}

// String names the expectation for people.
func (e *expectation) String() string {
	return fmt.Sprintf("%s → %s", orAny(e.rule, "any rule"), orAny(e.notifier, "any notifier"))
}

func orAny(name, any string) string {
	if name == "" {
		return any
	}
	return name
}
