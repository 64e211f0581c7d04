package rulefile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/yamldoc"
)

// otherTypes are the names of other tools for types of notifiers.
var otherTypes = map[string]string{
	"smtp": "email", "mail": "email", "e-mail": "email", "sendmail": "email", "gmail": "email",
	"webhook": "http", "rest": "http", "https": "http", "api": "http", "url": "http", "post": "http", "custom": "http",
	"msteams": "teams", "ms-teams": "teams", "microsoft-teams": "teams", "office365": "teams", "ms_teams": "teams",
	"gchat": "googlechat", "google_chat": "googlechat", "google-chat": "googlechat", "hangouts": "googlechat",
	"pd": "pagerduty", "pager": "pagerduty", "tg": "telegram", "push": "ntfy",
}

// typeHint returns a hint for an unknown type of notifiers.
func typeHint(name string, types []string) string {
	if meant := otherTypes[strings.ToLower(name)]; slices.Contains(types, meant) {
		return fmt.Sprintf("did you mean %q?", meant)
	}
	return catalog.DidYouMean(name, types)
}

// otherLevels are the names of other tools for the levels of messages.
var otherLevels = map[string]string{
	"critical": "error", "fatal": "error", "high": "error", "danger": "error", "failure": "error", "failed": "error",
	"err": "error", "emergency": "error", "alert": "error", "red": "error",
	"warn": "warning", "caution": "warning", "medium": "warning", "yellow": "warning",
	"ok": "success", "good": "success", "passed": "success", "green": "success", "resolved": "success",
	"debug": "info", "notice": "info", "normal": "info", "low": "info", "information": "info", "none": "info",
}

// levelHint returns a hint for an unknown level.
func levelHint(name string, levels []string) string {
	if meant := otherLevels[strings.ToLower(name)]; meant != "" {
		return "write " + meant
	}
	return catalog.DidYouMean(name, levels)
}

// entryMeant returns the mapping that a text in its place means, or "".
func entryMeant(what, text string) string {
	quoted := yamldoc.Written(&yaml.Node{Kind: yaml.ScalarNode, Value: text})
	switch {
	case text == "":
		return ""
	case what == "an earlier event":
		return "{event: " + quoted + "}"
	case what == "an expectation" && isNothing(text):
		return "expect: [] if nothing must be sent"
	case what == "an expectation":
		return "{rule: " + quoted + "}"
	case what == "a person" && strings.Contains(text, "@"):
		return "{name: …, email: " + quoted + "}"
	case what == "a person":
		return "{name: " + quoted + ", email: …}"
	case what == "an entry of failures":
		return "{title: " + quoted + "}"
	case what == "an entry of owns":
		return "{suite: " + quoted + "}"
	case what == "a source":
		return "{name: " + quoted + ", secrets: […]}"
	}
	return ""
}

// isNothing reports whether a text is a word for nothing.
func isNothing(text string) bool {
	words := []string{"none", "nothing", "no", "false", "off", "never", "~", "null", "0"}
	return slices.Contains(words, strings.ToLower(strings.TrimSpace(text)))
}

// notifierHint returns a hint for a name that no notifier has: a channel, an address or a type in place of one.
func (t notifierTable) notifierHint(name string) string {
	with := func(option string) string {
		for _, n := range slices.Sorted(maps.Keys(t)) {
			if kind := t[n].kind; hasOption(kind, option) {
				return n
			}
		}
		return ""
	}
	entry := func(option, value string) string {
		if n := with(option); n != "" {
			return fmt.Sprintf("write {notifier: %s, %s: %s}", n, option, value)
		}
		return ""
	}
	hint := ""
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ' ' || r == '|' || r == ';' })
	rest, dashed := strings.CutPrefix(name, "-")
	switch {
	case len(t) == 0:
		return "there are no notifiers yet; add notifiers:"
	case len(parts) > 1 && !slices.ContainsFunc(parts, func(p string) bool { return t[p] == nil }):
		return "two names in one text: write [" + strings.Join(parts, ", ") + "]"
	case dashed:
		return `a dash needs a space after it: write "- ` + rest + `"`
	case strings.HasPrefix(name, "#"):
		hint = entry("channel", `"`+name+`"`)
	case strings.HasPrefix(name, "@"):
		hint = entry("dm", `"`+name+`"`)
	case strings.Contains(name, "@"):
		hint = entry("to", name)
	}
	for _, n := range slices.Sorted(maps.Keys(t)) {
		if hint == "" && strings.EqualFold(t[n].kindName, name) {
			hint = fmt.Sprintf("did you mean %q?", n)
		}
	}
	if hint == "" {
		hint = catalog.DidYouMean(name, t.names())
	}
	return hint
}

// nameInEntry returns the key of an entry of notify that is the name of a notifier, or nil.
func (t notifierTable) nameInEntry(entries []yamldoc.Entry) *yaml.Node {
	for _, e := range entries {
		if t[e.Key.Value] != nil {
			return e.Key
		}
	}
	return nil
}

// entryHint says how to write an entry of notify that names no notifier.
func (t notifierTable) entryHint(n *yaml.Node) string {
	var parts []string
	for key, v := range yamldoc.Pairs(n) {
		if (key.Value == "name" || key.Value == "type" || key.Value == "to") && t[v.Value] != nil {
			return "write {notifier: " + v.Value + "}"
		}
		parts = append(parts, key.Value+": "+yamldoc.Written(v))
	}
	for _, name := range slices.Sorted(maps.Keys(t)) {
		fits := true
		for key := range yamldoc.Pairs(n) {
			fits = fits && hasOption(t[name].kind, key.Value)
		}
		if fits {
			return "write {" + strings.Join(append([]string{"notifier: " + name}, parts...), ", ") + "}"
		}
	}
	return "write {" + strings.Join(append([]string{"notifier: NAME"}, parts...), ", ") + "}"
}

// hasOption reports whether messages to a kind have an option.
func hasOption(k Kind, option string) bool {
	if k.Options == nil {
		return false
	}
	_, known := yamldoc.FieldsOf(reflect.TypeOf(k.Options))[option]
	return known
}

// first returns the name of the first notifier in order, or "".
func (t notifierTable) first() string {
	for _, name := range slices.Backward(slices.Sorted(maps.Keys(t))) {
		return name
	}
	return ""
}
