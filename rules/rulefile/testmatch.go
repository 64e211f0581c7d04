package rulefile

import (
	"fmt"
	"strconv"
	"strings"

	"qaserelay/rules/value"
)

// String says for people what the value has to be.
func (m Matcher) String() string {
	if m.List != nil {
		return value.JSONText(anys(m.List))
	}
	if m.IsExact() {
		return strconv.Quote(m.Exact)
	}
	var parts []string
	for _, part := range m.Contains {
		parts = append(parts, "contains "+strconv.Quote(part))
	}
	for _, pattern := range m.Matches {
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

// String names the expectation for people.
func (e *Expectation) String() string {
	return fmt.Sprintf("%s → %s", orAny(e.Rule, "any rule"), orAny(e.Notifier, "any notifier"))
}

func orAny(name, any string) string {
	if name == "" {
		return any
	}
	return name
}
