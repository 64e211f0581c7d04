package testfile

import (
	"cmp"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/message"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Expectation describes one notification that a test expects. Fields that it does not name may have any value.
type Expectation struct {
	Line           int
	Rule, Notifier string // "" for any
	Fields         []ExpectedField
}

// String names the expectation for people.
func (e *Expectation) String() string {
	return cmp.Or(e.Rule, "any rule") + " → " + cmp.Or(e.Notifier, "any notifier")
}

// ExpectedField is one field of a message, such as title or headers.X-Run, and its expected value.
type ExpectedField struct {
	Key  string
	Want Matcher
}

// Matcher is an expected value: an exact text, a text with certain parts, or a list of exact texts.
type Matcher struct {
	Exact    string
	List     []string // not nil if the value has to be this list
	Contains []string
	Matches  []*regexp.Regexp
}

// IsExact reports whether the matcher is an exact text.
func (m Matcher) IsExact() bool { return m.List == nil && len(m.Contains)+len(m.Matches) == 0 }

// String describes the expected value for people.
func (m Matcher) String() string {
	if m.List != nil {
		list := make([]any, len(m.List))
		for i, s := range m.List {
			list[i] = s
		}
		return value.JSONText(list)
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

// expectations reads expect:.
func (p *parser) expectations(n *yaml.Node) (all []Expectation) {
	if n == nil {
		return nil
	}
	var entries []yamldoc.Raw
	p.d.Decode(n, &entries, "expect")
	for _, entry := range entries {
		if entry.Node != nil {
			all = append(all, p.expectation(entry.Node))
		}
	}
	return all
}

// expectationSpec holds the keys of an expectation that are not fields of the message.
type expectationSpec struct {
	Rule     yamldoc.Text `yaml:"rule"`
	Notifier yamldoc.Text `yaml:"notifier"`
}

func (p *parser) expectation(n *yaml.Node) Expectation {
	var spec expectationSpec
	what := yamldoc.ItemName("expect")
	rest := p.d.Fill(p.d.Entries(n, what), &spec, what)
	e := Expectation{Line: n.Line, Rule: spec.Rule.S, Notifier: spec.Notifier.S}
	p.checkKnown(spec.Rule, "rule", p.Rules)
	if !p.checkKnown(spec.Notifier, "notifier", p.notifiers()) {
		return e
	}
	if spec.Notifier.Given() && p.Notifiers[spec.Notifier.S] == nil {
		return e // it is too faulty to know its options
	}
	shapes := p.optionShapes(spec.Notifier.S)
	for _, entry := range rest {
		e.Fields = append(e.Fields, p.fields(entry, shapes)...)
	}
	return e
}

// checkKnown reports a name that is given and not known.
func (p *parser) checkKnown(name yamldoc.Text, what string, known []string) bool {
	if !name.Given() || slices.Contains(known, name.S) {
		return true
	}
	hint := catalog.DidYouMean(name.S, known)
	if len(known) == 0 {
		hint = "there are none; include: the file with the " + what + "s"
	}
	p.d.Report(name.Node, diag.Error, fmt.Sprintf("no %s %q", what, name.S), hint)
	return false
}

// optionShape is the shape of the values that an option can be compared with.
type optionShape int

const (
	shapeText optionShape = iota
	shapeList
	shapeMap
	shapeFree
)

// optionShapes returns the shapes of the message options of one notifier, or of all if its name is "".
func (s *Scope) optionShapes(notifier string) map[string]optionShape {
	shapes := map[string]optionShape{"fallback": shapeList}
	for name, options := range s.Notifiers {
		if options == nil || notifier != "" && notifier != name {
			continue
		}
		for key, field := range yamldoc.FieldsOf(options) {
			shapes[key] = max(shapes[key], shapeOf(field.Type))
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

// fields reads one key of an expectation. A mapping for an option that is a map names several fields of it.
func (p *parser) fields(e yamldoc.Entry, shapes map[string]optionShape) []ExpectedField {
	name, _, dotted := strings.Cut(e.Key.Value, ".")
	shape, isOption := shapes[name]
	known := isOption || slices.Contains(message.Expected(), name)
	switch {
	case !known || dotted && shape < shapeMap:
		keys := append(slices.Collect(maps.Keys(shapes)), message.Expected()...)
		p.d.UnknownKey(e.Key, "an expectation", append(keys, "rule", "notifier"))
		return nil
	case shape == shapeMap && !dotted:
		return p.entriesOf(e)
	case shape == shapeMap:
		shape = shapeText
	}
	m := p.matcher(e.Value, shape, e.Key.Value)
	if m.IsExact() {
		p.CheckKey(p.d, name, yamldoc.Text{S: m.Exact, Node: e.Value})
	}
	return []ExpectedField{{e.Key.Value, m}}
}

func (p *parser) entriesOf(e yamldoc.Entry) (fields []ExpectedField) {
	p.d.Nested(e.Value, func(n *yaml.Node) {
		for _, inner := range p.d.Entries(n, e.Key.Value) {
			key := e.Key.Value + "." + inner.Key.Value
			fields = append(fields, ExpectedField{key, p.matcher(inner.Value, shapeText, key)})
		}
	})
	return fields
}

// matcher reads an expected value.
func (p *parser) matcher(n *yaml.Node, shape optionShape, what string) (m Matcher) {
	p.d.Nested(n, func(n *yaml.Node) { m = p.matcherOf(n, shape, what) })
	return m
}

func (p *parser) matcherOf(n *yaml.Node, shape optionShape, what string) (m Matcher) {
	switch {
	case n.Kind == yaml.MappingNode && (shape != shapeFree || yamldoc.HasKey(n, "contains") ||
		yamldoc.HasKey(n, "matches")):
		return p.partMatcher(n, what)
	case n.Kind == yaml.SequenceNode && shape == shapeList:
		var items []yamldoc.Text
		p.d.Decode(n, &items, what)
		m.List = yamldoc.Texts(items)
	case n.Kind != yaml.ScalarNode && shape == shapeFree:
		m.Exact = value.JSONText(p.d.Any(n))
	case n.Kind != yaml.ScalarNode:
		p.d.Report(n, diag.Error, fmt.Sprintf("%s cannot be %s", what, yamldoc.Describe(n)),
			"write a text, {contains: TEXT} or {matches: REGEX}")
	default:
		var t yamldoc.Text
		p.d.Decode(n, &t, what)
		m.Exact = strings.TrimRight(t.S, "\n")
	}
	return m
}

// partMatcher reads contains and matches. All of several have to hold.
func (p *parser) partMatcher(n *yaml.Node, what string) (m Matcher) {
	var spec struct {
		Contains []yamldoc.Text `yaml:"contains"`
		Matches  []yamldoc.Text `yaml:"matches"`
	}
	before := p.d.Reported()
	p.d.Decode(n, &spec, what)
	m.Contains = append(m.Contains, yamldoc.Texts(spec.Contains)...)
	for _, part := range spec.Matches {
		pattern, err := regexp.Compile(part.S)
		if err != nil {
			reason := strings.TrimPrefix(err.Error(), "error parsing regexp: ")
			p.d.Report(part.Node, diag.Error, fmt.Sprintf("%s.matches: %s", what, reason),
				"the syntax is that of RE2: https://github.com/google/re2/wiki/Syntax")
			continue
		}
		m.Matches = append(m.Matches, pattern)
	}
	if p.d.Reported() == before && m.IsExact() {
		p.d.Report(n, diag.Error, what+" is empty", "write a text, {contains: TEXT} or {matches: REGEX}")
	}
	return m
}
