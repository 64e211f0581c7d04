package rulefile

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Expectation is what a test says of one notification. What it does not name may be anything.
type Expectation struct {
	Line           int
	Rule, Notifier string // "" for any
	Fields         []WantedField
}

// WantedField is one field of a message, such as title or headers.X-Run, and what it has to be.
type WantedField struct {
	Key  string
	Want Matcher
}

// messageFields are the fields that every message has.
func messageFields() []string { return []string{"level", "title", "body", "url"} }

// addExpectations reads what a test expects.
func (t *testBuilder) addExpectations(spec *testSpec) {
	n := spec.Expect.Node
	if n == nil {
		t.file.Report(spec.At.Node, diag.Error, fmt.Sprintf("the test %q says nothing of what it expects", spec.Name.S),
			"add expect: [{rule: …}], or expect: [] if nothing must be sent")
		return
	}
	var entries []yamldoc.Raw
	t.file.Decode(n, reflect.ValueOf(&entries).Elem(), "expect")
	for _, entry := range entries {
		if entry.Node != nil {
			t.test.Expect = append(t.test.Expect, t.expectation(entry.Node))
		}
	}
}

func (t *testBuilder) expectation(node *yaml.Node) Expectation {
	var spec struct {
		Rule     yamldoc.Text `yaml:"rule"`
		Notifier yamldoc.Text `yaml:"notifier"`
	}
	what := yamldoc.ItemOf("expect")
	rest := t.file.Fill(t.file.Entries(node, what), reflect.ValueOf(&spec).Elem(), what)
	e := Expectation{Line: node.Line, Rule: spec.Rule.S, Notifier: spec.Notifier.S}
	t.knownName(spec.Rule, "rule", t.config.Rules.Names())
	if !t.knownName(spec.Notifier, "notifier", slices.Collect(maps.Keys(t.kinds))) {
		return e
	}
	shapes := t.knownOptions(spec.Notifier.S)
	for _, entry := range rest {
		e.Fields = append(e.Fields, t.wantedFields(entry, shapes)...)
	}
	return e
}

// knownName reports a name that there is not. It returns false if nothing more can be said of what it stands for.
func (t *testBuilder) knownName(name yamldoc.Text, what string, known []string) bool {
	if !name.Given() || slices.Contains(known, name.S) {
		return !name.Given() || what != "notifier" || t.kinds[name.S].kind.Config != nil
	}
	hint := catalog.DidYouMean(name.S, known)
	if len(known) == 0 {
		hint = "there are none; include: the file with the " + what + "s"
	}
	t.file.Report(name.Node, diag.Error, fmt.Sprintf("no %s %q", what, name.S), hint)
	return false
}

// optionShape says what an option can be compared with.
type optionShape int

const (
	shapeText optionShape = iota
	shapeList
	shapeMap
	shapeFree
)

// knownOptions returns the message options of one notifier, or of all if it is "".
func (t *testBuilder) knownOptions(notifier string) map[string]optionShape {
	shapes := map[string]optionShape{"fallback": shapeList}
	for name, info := range t.kinds {
		if info.kind.Options == nil || notifier != "" && notifier != name {
			continue
		}
		options := reflect.TypeOf(info.kind.Options)
		for key, field := range yamldoc.StructFields(options) {
			shapes[key] = max(shapes[key], shapeOf(options.Field(field.Index).Type))
		}
	}
	return shapes
}

func shapeOf(t reflect.Type) optionShape {
	switch t.Kind() {
	case reflect.Slice:
		return shapeList
	case reflect.Map:
		return shapeMap
	case reflect.Interface:
		return shapeFree
	}
	return shapeText
}

// wantedFields reads one key of an expectation. A mapping for an option that is a map names several fields of it.
func (t *testBuilder) wantedFields(e yamldoc.Entry, shapes map[string]optionShape) []WantedField {
	name, _, dotted := strings.Cut(e.Key.Value, ".")
	shape, isOption := shapes[name]
	known := isOption || slices.Contains(messageFields(), name)
	switch {
	case !known || dotted && shape < shapeMap:
		keys := append(slices.Collect(maps.Keys(shapes)), messageFields()...)
		t.file.UnknownKey(e.Key, "an expectation", append(keys, "rule", "notifier"))
		return nil
	case shape == shapeMap && !dotted:
		return t.wantedEntries(e)
	case shape == shapeMap:
		shape = shapeText
	}
	m := t.matcher(e.Value, shape, e.Key.Value)
	if name == "level" && m.IsExact() && !rules.IsLevel(m.Exact) {
		t.file.Report(e.Value, diag.Error, fmt.Sprintf("no level %q", m.Exact), catalog.DidYouMean(m.Exact, []string{rules.LevelInfo, rules.LevelSuccess, rules.LevelWarning, rules.LevelError}))
	}
	return []WantedField{{e.Key.Value, m}}
}

func (t *testBuilder) wantedEntries(e yamldoc.Entry) []WantedField {
	var fields []WantedField
	if n := t.file.Follow(e.Value); n != nil {
		for _, inner := range t.file.Entries(n, e.Key.Value) {
			key := e.Key.Value + "." + inner.Key.Value
			fields = append(fields, WantedField{key, t.matcher(inner.Value, shapeText, key)})
		}
	}
	return fields
}

// Matcher is what a value has to be: an exact text, a text with certain parts, or a list of exact texts.
type Matcher struct {
	Exact    string
	List     []string // not nil if the value has to be this list
	Contains []string
	Matches  []*regexp.Regexp
}

func (m Matcher) IsExact() bool { return m.List == nil && len(m.Contains)+len(m.Matches) == 0 }

// matcher reads what a value has to be.
func (t *testBuilder) matcher(n *yaml.Node, shape optionShape, what string) (m Matcher) {
	if n = t.file.Follow(n); n == nil {
		return m
	}
	switch {
	case n.Kind == yaml.MappingNode && (shape != shapeFree || HasKey(n, "contains") || HasKey(n, "matches")):
		return t.partMatcher(n, what)
	case n.Kind == yaml.SequenceNode && shape == shapeList:
		var items []yamldoc.Text
		t.file.Decode(n, reflect.ValueOf(&items).Elem(), what)
		m.List = make([]string, len(items))
		for i, item := range items {
			m.List[i] = item.S
		}
	case n.Kind != yaml.ScalarNode && shape == shapeFree:
		m.Exact = value.JSONText(t.file.Any(n))
	case n.Kind != yaml.ScalarNode:
		t.file.Report(n, diag.Error, fmt.Sprintf("%s cannot be %s", what, yamldoc.Describe(n)), "write a text, {contains: TEXT} or {matches: REGEX}")
	default:
		s, _ := t.file.Scalar(n, what)
		m.Exact = strings.TrimRight(s, "\n")
	}
	return m
}

// partMatcher reads contains and matches. Where there are several, all have to hold.
func (t *testBuilder) partMatcher(n *yaml.Node, what string) (m Matcher) {
	var spec struct {
		Contains []yamldoc.Text `yaml:"contains"`
		Matches  []yamldoc.Text `yaml:"matches"`
	}
	before := len(t.Problems)
	t.file.Decode(n, reflect.ValueOf(&spec).Elem(), what)
	for _, part := range spec.Contains {
		m.Contains = append(m.Contains, part.S)
	}
	for _, part := range spec.Matches {
		pattern, err := regexp.Compile(part.S)
		if err != nil {
			t.file.Report(part.Node, diag.Error, fmt.Sprintf("%s.matches: %s", what, strings.TrimPrefix(err.Error(), "error parsing regexp: ")), "the syntax is that of RE2: https://github.com/google/re2/wiki/Syntax")
			continue
		}
		m.Matches = append(m.Matches, pattern)
	}
	if len(t.Problems) == before && m.IsExact() {
		t.file.Report(n, diag.Error, what+" says nothing", "write a text, {contains: TEXT} or {matches: REGEX}")
	}
	return m
}
