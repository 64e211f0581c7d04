package rules

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// expectation is what a test says of one notification. What it does not name may be anything.
type expectation struct {
	line           int
	rule, notifier string // "" for any
	fields         []wantedField
}

// wantedField is one field of a message, such as title or headers.X-Run, and what it has to be.
type wantedField struct {
	key  string
	want matcher
}

// messageFields are the fields that every message has.
func messageFields() []string { return []string{"level", "title", "body", "url"} }

// addExpectations reads what a test expects.
func (t *testBuilder) addExpectations(spec *testSpec) {
	n := spec.Expect.node
	if n == nil {
		t.file.report(spec.At.node, Error, fmt.Sprintf("the test %q says nothing of what it expects", spec.Name.s),
			"add expect: [{rule: …}], or expect: [] if nothing must be sent")
		return
	}
	var entries []raw
	t.file.decode(n, reflect.ValueOf(&entries).Elem(), "expect")
	for _, entry := range entries {
		if entry.node != nil {
			t.test.expect = append(t.test.expect, t.expectation(entry.node))
		}
	}
}

func (t *testBuilder) expectation(node *yaml.Node) expectation {
	var spec struct {
		Rule     text `yaml:"rule"`
		Notifier text `yaml:"notifier"`
	}
	what := itemOf("expect")
	rest := t.file.fill(t.file.entries(node, what), reflect.ValueOf(&spec).Elem(), what)
	e := expectation{line: node.Line, rule: spec.Rule.s, notifier: spec.Notifier.s}
	t.knownName(spec.Rule, "rule", t.config.Rules.Names())
	if !t.knownName(spec.Notifier, "notifier", slices.Collect(maps.Keys(t.kinds))) {
		return e
	}
	shapes := t.knownOptions(spec.Notifier.s)
	for _, entry := range rest {
		e.fields = append(e.fields, t.wantedFields(entry, shapes)...)
	}
	return e
}

// knownName reports a name that there is not. It returns false if nothing more can be said of what it stands for.
func (t *testBuilder) knownName(name text, what string, known []string) bool {
	if !name.given() || slices.Contains(known, name.s) {
		return !name.given() || what != "notifier" || t.kinds[name.s].kind.Config != nil
	}
	hint := didYouMean(name.s, known)
	if len(known) == 0 {
		hint = "there are none; include: the file with the " + what + "s"
	}
	t.file.report(name.node, Error, fmt.Sprintf("no %s %q", what, name.s), hint)
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
		for key, field := range structFields(options) {
			shapes[key] = max(shapes[key], shapeOf(options.Field(field.index).Type))
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
func (t *testBuilder) wantedFields(e entry, shapes map[string]optionShape) []wantedField {
	name, _, dotted := strings.Cut(e.key.Value, ".")
	shape, isOption := shapes[name]
	known := isOption || slices.Contains(messageFields(), name)
	switch {
	case !known || dotted && shape < shapeMap:
		keys := append(slices.Collect(maps.Keys(shapes)), messageFields()...)
		t.file.unknownKey(e.key, "an expectation", append(keys, "rule", "notifier"))
		return nil
	case shape == shapeMap && !dotted:
		return t.wantedEntries(e)
	case shape == shapeMap:
		shape = shapeText
	}
	m := t.matcher(e.value, shape, e.key.Value)
	if name == "level" && m.isExact() && !isLevel(m.exact) {
		t.file.report(e.value, Error, fmt.Sprintf("no level %q", m.exact), didYouMean(m.exact, []string{levelInfo, levelSuccess, levelWarning, levelError}))
	}
	return []wantedField{{e.key.Value, m}}
}

func (t *testBuilder) wantedEntries(e entry) []wantedField {
	var fields []wantedField
	if n := t.file.follow(e.value); n != nil {
		for _, inner := range t.file.entries(n, e.key.Value) {
			key := e.key.Value + "." + inner.key.Value
			fields = append(fields, wantedField{key, t.matcher(inner.value, shapeText, key)})
		}
	}
	return fields
}

// matcher is what a value has to be: an exact text, a text with certain parts, or a list of exact texts.
type matcher struct {
	exact    string
	list     []string // not nil if the value has to be this list
	contains []string
	matches  []*regexp.Regexp
}

func (m matcher) isExact() bool { return m.list == nil && len(m.contains)+len(m.matches) == 0 }

// matcher reads what a value has to be.
func (t *testBuilder) matcher(n *yaml.Node, shape optionShape, what string) (m matcher) {
	if n = t.file.follow(n); n == nil {
		return m
	}
	switch {
	case n.Kind == yaml.MappingNode && (shape != shapeFree || hasKey(n, "contains") || hasKey(n, "matches")):
		return t.partMatcher(n, what)
	case n.Kind == yaml.SequenceNode && shape == shapeList:
		var items []text
		t.file.decode(n, reflect.ValueOf(&items).Elem(), what)
		m.list = make([]string, len(items))
		for i, item := range items {
			m.list[i] = item.s
		}
	case n.Kind != yaml.ScalarNode && shape == shapeFree:
		m.exact = jsonText(t.file.any(n))
	case n.Kind != yaml.ScalarNode:
		t.file.report(n, Error, fmt.Sprintf("%s cannot be %s", what, describe(n)), "write a text, {contains: TEXT} or {matches: REGEX}")
	default:
		s, _ := t.file.scalar(n, what)
		m.exact = strings.TrimRight(s, "\n")
	}
	return m
}

// partMatcher reads contains and matches. Where there are several, all have to hold.
func (t *testBuilder) partMatcher(n *yaml.Node, what string) (m matcher) {
	var spec struct {
		Contains []text `yaml:"contains"`
		Matches  []text `yaml:"matches"`
	}
	before := len(t.problems)
	t.file.decode(n, reflect.ValueOf(&spec).Elem(), what)
	for _, part := range spec.Contains {
		m.contains = append(m.contains, part.s)
	}
	for _, part := range spec.Matches {
		pattern, err := regexp.Compile(part.s)
		if err != nil {
			t.file.report(part.node, Error, fmt.Sprintf("%s.matches: %s", what, strings.TrimPrefix(err.Error(), "error parsing regexp: ")), "the syntax is that of RE2: https://github.com/google/re2/wiki/Syntax")
			continue
		}
		m.matches = append(m.matches, pattern)
	}
	if len(t.problems) == before && m.isExact() {
		t.file.report(n, Error, what+" says nothing", "write a text, {contains: TEXT} or {matches: REGEX}")
	}
	return m
}
