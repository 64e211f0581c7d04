package silence

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/budget"
	"qaserelay/rules/catalog"
)

// Fields are what matchers of silences see of a message. What is not known is empty.
type Fields struct {
	Rule, Notifier, Level  string
	Project, Source, Event string
	Entity                 string // its key, such as qase/WEB/run/7
	Environment, Plan      string
}

// FieldNames lists the fields of a message that matchers name.
func FieldNames() []string {
	return []string{"rule", "notifier", "level", "project", "source", "event", "entity", "environment", "plan"}
}

// Get returns the value of a field.
func (f *Fields) Get(name string) string {
	switch name {
	case "rule":
		return f.Rule
	case "notifier":
		return f.Notifier
	case "level":
		return f.Level
	case "project":
		return f.Project
	case "source":
		return f.Source
	case "event":
		return f.Event
	case "entity":
		return f.Entity
	case "environment":
		return f.Environment
	case "plan":
		return f.Plan
	}
	return ""
}

// Matcher compares a field of a message with a text or a pattern.
type Matcher struct {
	Field   string
	Op      string // =, !=, =~ or !~
	Value   string
	pattern *budget.Pattern // of =~ and !~; it matches the whole value
}

const (
	// maxValue is the most bytes of a value.
	maxValue = 1 << 10
	// maxMatchers is the most matchers of a silence.
	maxMatchers = 20
)

var matcherText = regexp.MustCompile(`(?s)^\s*([^=!~\s]*)\s*(=~|=|!=|!~)\s*(.*?)\s*$`)

// ParseMatcher reads a matcher such as rule=failed-run or project=~"WEB|API".
func ParseMatcher(text string) (Matcher, error) {
	m := matcherText.FindStringSubmatch(text)
	if m == nil || m[1] == "" {
		return Matcher{}, fmt.Errorf("%q is not a matcher: write such as rule=failed-run or project=~\"WEB|API\"", text)
	}
	out := Matcher{Field: m[1], Op: m[2], Value: m[3]}
	if !slices.Contains(FieldNames(), out.Field) {
		return out, fmt.Errorf("no field %q in %q: %s", out.Field, text, fieldHint(out.Field))
	}
	if strings.HasPrefix(out.Value, "=") {
		return out, fmt.Errorf("%q has a second =: write %s%s%s", text, out.Field, out.Op, strings.TrimLeft(out.Value, "= "))
	}
	if strings.HasPrefix(out.Value, `"`) {
		value, err := strconv.Unquote(out.Value)
		if err != nil {
			return out, fmt.Errorf(`the value of %s is not text in quotes: write %s%s"…"`, out.Field, out.Field, out.Op)
		}
		out.Value = value
	}
	return out, out.compile()
}

func (m *Matcher) compile() (err error) {
	if len(m.Value) > maxValue {
		return fmt.Errorf("the value of %s has %d bytes, more than %d", m.Field, len(m.Value), maxValue)
	}
	if m.Op == "=~" || m.Op == "!~" {
		if m.pattern, err = budget.Compile(`\A(?:` + m.Value + `)\z`); err != nil {
			return fmt.Errorf("%s%s%q: %w", m.Field, m.Op, m.Value, err)
		}
	}
	return nil
}

// otherNames are names of fields elsewhere, and the ones that are meant.
var otherNames = map[string]string{
	"project_code": "project", "event_name": "event", "severity": "level", "env": "environment", "rule_name": "rule",
	"alertname": "rule", "receiver": "notifier", "channel": "notifier", "run": "entity", "name": "rule",
}

func fieldHint(name string) string {
	if other := otherNames[strings.ToLower(name)]; other != "" {
		return `did you mean "` + other + `"?`
	}
	return catalog.DidYouMean(name, FieldNames())
}

// matches reports whether the field of a message is as the matcher says.
func (m *Matcher) matches(f *Fields) bool { return m.accepts(f.Get(m.Field)) }

func (m *Matcher) accepts(value string) bool {
	switch m.Op {
	case "=":
		return value == m.Value
	case "!=":
		return value != m.Value
	case "=~":
		return m.pattern != nil && m.pattern.MatchString(value)
	}
	return m.pattern != nil && !m.pattern.MatchString(value)
}

var plainValue = regexp.MustCompile(`^[^\s"'=~!,{}\\][^\s"',{}\\]*$`)

// String returns the matcher as it is written.
func (m Matcher) String() string {
	if plainValue.MatchString(m.Value) {
		return m.Field + m.Op + m.Value
	}
	return m.Field + m.Op + strconv.Quote(m.Value)
}

// MarshalText implements [encoding.TextMarshaler].
func (m Matcher) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements [encoding.TextUnmarshaler].
func (m *Matcher) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMatcher(string(text))
	return err
}
