package ruletest

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/testfile"
	"qaserelay/rules/value"
)

// sent is a notification with its effective options: its own and those of the notifier.
type sent struct {
	*rules.Notification
	options map[string]any
	set     *rules.Set
}

func sentOf(c *rulefile.Config, n *rules.Notification) sent {
	options := map[string]any{}
	if i := slices.IndexFunc(c.Notifiers, func(one rulefile.Notifier) bool { return one.Name == n.Notifier }); i >= 0 {
		overlay(options, c.Notifiers[i].Defaults)
	}
	overlay(options, n.Options)
	return sent{n, options, c.Rules}
}

// overlay sets options over others: the entries of maps are merged, other values replaced.
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

// meets reports whether the notification is as expected.
func (n sent) meets(e *testfile.Expectation) bool {
	if e.Rule != "" && e.Rule != n.Rule || e.Notifier != "" && e.Notifier != n.Notifier {
		return false
	}
	return !slices.ContainsFunc(e.Fields, func(f testfile.ExpectedField) bool { return !n.hasField(f) })
}

func (n sent) hasField(f testfile.ExpectedField) bool {
	if slices.ContainsFunc(n.values(f.Key), func(v any) bool { return matches(f.Want, v) }) {
		return true
	}
	return slices.Contains(peopleOptions, f.Key) && n.namesPeople(f.Want, n.people(f.Key))
}

// peopleOptions are the options that name people.
var peopleOptions = []string{"to", "cc", "bcc", "reply_to", "dm", "mention"}

// people returns the people of an option as rules name them: by the name in the directory, else by the address or id.
func (n sent) people(key string) (names []string) {
	list, _ := n.options[key].([]any)
	for _, one := range list {
		names = append(names, n.set.PersonText(text(one)))
	}
	return names
}

// namesPeople reports whether people are the expected ones, whatever names them: the address, the name, an id or a
// team. If a list is expected, they have to be the same people, in any order; a text has to be among them.
func (n sent) namesPeople(m testfile.Matcher, got []string) bool {
	switch {
	case m.List != nil:
		return n.set.SamePeople(m.List, got)
	case m.IsExact():
		return m.Exact != "" && n.set.IncludesPeople(got, []string{m.Exact})
	}
	return slices.ContainsFunc(got, func(one string) bool { return matchesText(m, one) })
}

// diff returns the fields that are not as expected, without secrets.
func (n sent) diff(e *testfile.Expectation) []FieldDiff {
	var diffs []FieldDiff
	name := func(field, want, got string) {
		if want != "" && want != got {
			diffs = append(diffs, FieldDiff{Field: field, Expected: strconv.Quote(want), Got: got, Exact: &want})
		}
	}
	name("rule", e.Rule, n.Rule)
	name("notifier", e.Notifier, n.Notifier)
	for _, f := range e.Fields {
		if n.hasField(f) {
			continue
		}
		d := FieldDiff{Field: f.Key, Expected: f.Want.String(), Got: text(n.values(f.Key)[0])}
		if slices.Contains(peopleOptions, f.Key) {
			n.describePeople(&d, f)
		}
		if f.Want.IsExact() {
			d.Exact = &f.Want.Exact
			d.Hint = cmp.Or(d.Hint, nearly(f.Want.Exact, d.Got))
		}
		if secretHeader.MatchString(d.Field) {
			d.Got, d.Exact, d.Hint = message.Hidden, nil, ""
		}
		if option, _ := n.options["url"].(string); f.Key == "url" && option != "" {
			d.Got, d.Hint = message.MaskURL(option), ""
		}
		diffs = append(diffs, d)
	}
	return diffs
}

// nearly returns a hint for two texts that differ only in a sign in front, in case or in blanks, or "".
func nearly(want, got string) string {
	bare := func(s string) string { return strings.Join(strings.Fields(strings.TrimLeft(s, "#@&")), " ") }
	if want == got || bare(want) == "" || !strings.EqualFold(bare(want), bare(got)) {
		return ""
	}
	return "they differ only in signs, case or blanks: write " + strconv.Quote(got)
}

// describePeople sets what was sent to the people of an option, in the form of an expectation.
func (n sent) describePeople(d *FieldDiff, f testfile.ExpectedField) {
	names := n.people(f.Key)
	if len(names) == 0 {
		return
	}
	d.Got = testfile.Matcher{List: names}.String()
	if n.Person != "" && len(names) == 1 && len(f.Want.List) > 1 {
		d.Hint = "each person of " + f.Key + " gets a message: write an expectation for each"
	}
}

// secretHeader matches fields whose value may be a secret.
var secretHeader = regexp.MustCompile(`(?i)^headers\..*(auth|cookie|token|secret|passw|key)`)

// masked returns the notification for people, without secrets.
func (n sent) masked() *rules.Notification {
	masked := n.set.Masked(*n.Notification)
	return &masked
}

// values returns the values that a field may be compared with, the one to show first. The body counts as written and
// without the backslashes that escape Markdown. url and body are also options of some kinds; either may be meant.
func (n sent) values(field string) []any {
	var values []any
	if option, ok := within(n.options, field); ok {
		values = append(values, option)
		if joined, isMap := option.(map[string]any); isMap && joined["across"] != nil {
			values = append(values, joined["key"])
		}
	}
	if field == "fallback" {
		names := []any{}
		for _, f := range n.Fallbacks {
			if !f.Beside {
				names = append(names, f.Notifier)
			}
		}
		return []any{names}
	}
	if key, ok := message.Lookup(field); ok && key.Expected {
		text := key.Get(&n.Message)
		if field == "body" {
			values = append(values, markdownEscape.ReplaceAllString(text, "$1"))
		}
		values = append(values, text)
	}
	if len(values) == 0 {
		return []any{nil}
	}
	return values
}

// markdownEscape matches an escaped character.
var markdownEscape = regexp.MustCompile("\\\\([!-/:-@\\[-`{-~])")

// within returns the value at a path such as headers.X-Run or blocks.0.text. Keys may hold dots themselves.
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

// matches reports whether a value is as expected. Of a list, one element has to be, unless the whole list is expected.
func matches(m testfile.Matcher, value any) bool {
	list, isList := value.([]any)
	switch {
	case m.List != nil:
		return slices.EqualFunc(m.List, list, func(want string, got any) bool { return want == text(got) })
	case isList && slices.ContainsFunc(list, func(one any) bool { return matchesText(m, text(one)) }):
		return true
	}
	return matchesText(m, text(value))
}

func matchesText(m testfile.Matcher, s string) bool {
	if m.IsExact() {
		return strings.TrimRight(s, "\n") == m.Exact
	}
	for _, part := range m.Contains {
		if !strings.Contains(s, part) {
			return false
		}
	}
	return !slices.ContainsFunc(m.Matches, func(pattern *regexp.Regexp) bool { return !pattern.MatchString(s) })
}

// text returns a value as a test writes it. A missing value is the empty text.
func text(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case []any, map[string]any:
		return value.JSONText(v)
	}
	return value.PlainText(v)
}
