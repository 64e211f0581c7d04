package ruletest

import (
	"encoding/json"
	"maps"
	"regexp"
	"strconv"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/value"
)

// valueText is a value as a test writes it: what is not there is the empty text.
func valueText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any, map[string]any:
		return value.JSONText(v)
	}
	return value.PlainText(v)
}

// sent is a notification as expectations see it: with the options that hold for it.
type sent struct {
	*rules.Notification
	options map[string]any
}

// overlay puts options over others: maps entry by entry, all else whole.
func overlay(options map[string]any, own json.RawMessage) {
	layer, err := value.DecodeObject(own)
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
	if option, ok := Within(n.options, field); ok {
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

// Within finds what a path such as headers.X-Run or blocks.0.text leads to. Keys may hold dots themselves.
func Within(v any, path string) (any, bool) {
	if value, ok := child(v, path); ok {
		return value, true
	}
	head, rest, dotted := strings.Cut(path, ".")
	if next, ok := child(v, head); ok && dotted {
		return Within(next, rest)
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

// secretHeader finds fields whose value may be a secret, which nothing prints.
var secretHeader = regexp.MustCompile(`(?i)^headers\..*(auth|cookie|token|secret|passw|key)`)

// shown is the notification for people: without what may hold a secret.
func (n sent) shown() *rules.Notification {
	shown := *n.Notification
	shown.Options, shown.Fallbacks = rules.MaskOptions(n.Options), rules.MaskFallbacks(n.Fallbacks)
	return &shown
}
