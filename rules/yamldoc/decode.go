package yamldoc

import (
	"encoding"
	"fmt"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Text is a scalar and its node.
type Text struct {
	S    string
	Node *yaml.Node // nil if the key was not given
}

// Given reports whether the file has the key.
func (t Text) Given() bool { return t.Node != nil }

// Texts returns the texts of a list; nil for one that is not given.
func Texts(items []Text) []string {
	if items == nil {
		return nil
	}
	texts := make([]string, len(items))
	for i, item := range items {
		texts[i] = item.S
	}
	return texts
}

// Raw is a node that is decoded later.
type Raw struct{ Node *yaml.Node }

// IsMapping reports whether the node is a mapping. Any other node was reported already.
func (r Raw) IsMapping() bool { return r.Node != nil && r.Node.Kind == yaml.MappingNode }

// Types that fields of a struct may have beside the plain ones.
var (
	textType     = reflect.TypeFor[Text]()
	rawType      = reflect.TypeFor[Raw]()
	durationType = reflect.TypeFor[time.Duration]()
)

// Decode fills into, a pointer, from n. what names the value for people, such as "retry.max" or "a rule".
func (d *Document) Decode(n *yaml.Node, into any, what string) {
	d.decode(n, reflect.ValueOf(into).Elem(), what)
}

// decode fills v, which must be settable, from n.
func (d *Document) decode(n *yaml.Node, v reflect.Value, what string) {
	d.Nested(n, func(n *yaml.Node) { d.decodeNode(n, v, what) })
}

func (d *Document) decodeNode(n *yaml.Node, v reflect.Value, what string) {
	switch {
	case v.Type() == rawType:
		v.Set(reflect.ValueOf(Raw{n}))
	case v.Type() == textType:
		if s, ok := d.scalar(n, what); ok {
			v.Set(reflect.ValueOf(Text{s, n}))
		}
	case isScalar(v):
		d.decodeScalar(n, v, what)
	default:
		d.decodeCompound(n, v, what)
	}
}

// isScalar reports whether v, which is addressable, is decoded from a single text.
func isScalar(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	}
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// Nested calls f with a node, its aliases resolved, one level deeper than the caller. Beyond the limits of depth and
// nodes it reports an error and does not call f: aliases can multiply a small file without end.
func (d *Document) Nested(n *yaml.Node, f func(n *yaml.Node)) {
	if n = d.resolve(n); n == nil {
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	f(n)
}

// resolve follows aliases and counts the node. It returns nil beyond the limits.
func (d *Document) resolve(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	visited := &d.reader.visited
	*visited++
	if d.depth > maxDepth || *visited > maxNodes {
		if *visited <= maxNodes+1 {
			d.Report(n, diag.Error, "the file is nested too deeply, or its aliases multiply too far",
				"write it out plainly")
			*visited = maxNodes + 1
		}
		return nil
	}
	return n
}

func (d *Document) decodeCompound(n *yaml.Node, v reflect.Value, what string) {
	switch v.Kind() {
	case reflect.Pointer:
		before, value := d.Reported(), reflect.New(v.Type().Elem())
		if d.decode(n, value.Elem(), what); d.Reported() == before || !isScalar(value.Elem()) {
			v.Set(value)
		}
	case reflect.Struct:
		d.decodeStruct(n, v, what)
	case reflect.Slice:
		d.decodeSlice(n, v, what)
	case reflect.Map:
		d.decodeMap(n, v, what)
	case reflect.Interface:
		if x := d.Any(n); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		panic("rules: cannot decode into " + v.Type().String())
	}
}

// scalar returns the text of a scalar that is not null, with its variables expanded.
func (d *Document) scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.Report(n, diag.Error, fmt.Sprintf("%s must be text, not %s", what, Describe(n)), d.textHint(n, what))
		return "", false
	case n.Tag == "!!null" && n.Value != "":
		d.Report(n, diag.Error, what+" has no value", "put it in quotes if it is the text "+n.Value)
		return "", false
	case n.Tag == "!!null":
		d.Report(n, diag.Error, what+" has no value", "give it one, or remove the key")
		return "", false
	}
	if shellVariable.MatchString(n.Value) {
		d.Report(n, diag.Warning, n.Value+" is taken as it is, not for an environment variable",
			"write ${"+n.Value[1:]+"}")
	}
	unset, before := d.Unset, d.Reported()
	text := d.expand(n)
	if d.Unset == unset {
		d.checkBlanks(n, what, text)
	}
	if d.secret != "" {
		subject := "the value"
		if variableOnly.MatchString(n.Value) {
			subject = n.Value
		}
		text = d.cleanSecret(n, what, subject, text)
		if text == "" && n.Value != "" && d.Unset == unset && d.Reported() == before && !strings.Contains(n.Value, ":-") {
			d.Report(n, diag.Error, what+": "+subject+" is empty", "set the variable to the secret, or remove the key")
		}
	}
	return text, true
}

// checkBlanks warns of spaces around a text that a variable brings, or that a URL ends in. Those of secrets are errors.
func (d *Document) checkBlanks(n *yaml.Node, what, text string) {
	isURL := strings.HasSuffix(what, "url") || strings.HasSuffix(what, "server")
	place := ""
	switch written := n.Value; {
	case d.secret != "" || text == "" || strings.ContainsAny(text, "\n"):
	case isBlank(text[len(text)-1]) && (isURL || !isBlank(written[len(written)-1])):
		place = "end"
	case isBlank(text[0]) && (isURL || !isBlank(written[0])):
		place = "beginning"
	}
	if place == "" {
		return
	}
	subject, hint := "it has a space at its "+place, "remove it"
	if strings.Contains(n.Value, "${") {
		hint = "remove it, also from the variable"
	}
	d.Report(n, diag.Warning, what+": "+subject, hint)
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' }

// shellVariable matches a text that is a variable as a shell writes it.
var shellVariable = regexp.MustCompile(`^\$[A-Z_][A-Z0-9_]{2,}$`)

// OneTeam is the hint for a person who is to be in several teams.
const OneTeam = "a person has one team; where a rule means several, it names them: to: [qa, dev]"

// textHint says how to write a text that is a list or a mapping in YAML.
func (d *Document) textHint(n *yaml.Node, what string) string {
	switch {
	case TemplateHint(n) != "":
		return TemplateHint(n)
	case what == "unless" && n.Kind == yaml.SequenceNode && isListOfNames(n):
		return `write unless: event_name in ["` + strings.Join(textsIn(n), `", "`) + `"]`
	case what == "when", what == "unless":
		return "write one expression: " + conditionOf(n)
	case what == "channel" && n.Kind == yaml.SequenceNode:
		return "for two channels name the notifier twice, each time with its channel"
	case what == "team" && n.Kind == yaml.SequenceNode:
		return OneTeam
	case what == "in" || strings.HasSuffix(what, ".in"):
		return "write the name of one window, which windows: defines"
	case n.Style == yaml.FlowStyle:
		return "put it in quotes: " + quoteYAML(Written(n))
	}
	return ""
}

// isListOfNames reports whether a list has only names of events.
func isListOfNames(n *yaml.Node) bool {
	names := textsIn(n)
	return len(names) > 0 && allKnown(names)
}

func allKnown(names []string) bool {
	for _, name := range names {
		if _, known := catalog.Lookup(name); !known {
			return false
		}
	}
	return true
}

// textsIn returns the texts of the items of a list.
func textsIn(n *yaml.Node) (all []string) {
	for _, item := range n.Content {
		all = append(all, item.Value)
	}
	return all
}

// conditionOf returns a list or mapping that was meant as a condition as one.
func conditionOf(n *yaml.Node) string {
	var parts []string
	for key, v := range Pairs(n) {
		name, comparison := key.Value, "== "+v.Value
		switch {
		case name == "event":
			name = "event_name"
		case catalog.Variables()[name] == nil:
			name = "payload." + name
		}
		if v.Value != "" && strings.ContainsRune("<>=!", rune(v.Value[0])) {
			comparison = v.Value
		} else if v.Tag == "!!str" {
			comparison = "== " + strconv.Quote(v.Value)
		}
		parts = append(parts, name+" "+comparison)
	}
	if n.Kind == yaml.SequenceNode {
		for _, item := range n.Content {
			parts = append(parts, item.Value)
		}
	}
	return strings.Join(parts, " && ")
}

// Written returns a value as it would stand in one line.
func Written(n *yaml.Node) string {
	switch {
	case n == nil:
		return ""
	case n.Kind == yaml.AliasNode:
		return "*" + n.Value
	case n.Kind == yaml.SequenceNode:
		parts := make([]string, len(n.Content))
		for i, item := range n.Content {
			parts[i] = Written(item)
		}
		return "[" + strings.Join(parts, ", ") + "]"
	case n.Kind == yaml.MappingNode:
		var parts []string
		for key, v := range Pairs(n) {
			if v.Tag == "!!null" && v.Value == "" {
				parts = append(parts, key.Value)
			} else {
				parts = append(parts, key.Value+": "+Written(v))
			}
		}
		return "{" + strings.Join(parts, ", ") + "}"
	case n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0, strings.ContainsAny(n.Value, "#{}[],:\""):
		return quoteYAML(n.Value)
	}
	return n.Value
}

func (d *Document) decodeScalar(n *yaml.Node, v reflect.Value, what string) {
	before := d.Unset
	s, ok := d.scalar(n, what)
	if !ok || s == "" && d.Unset > before {
		return
	}
	if err := setScalar(v, s); err != nil && v.Kind() == reflect.Bool {
		d.Errorf(n, "%s must be true or false, not %s", what, value.Quote(s))
	} else if err != nil {
		hint := ""
		if _, notNumber := strconv.Atoi(s); v.Type() == durationType && notNumber == nil {
			hint = "write " + s + "s for seconds"
			if strings.Contains(what, "retention") {
				hint = "write " + s + "d for days"
			}
		}
		d.Report(n, diag.Error, fmt.Sprintf("%s: %v", what, err), hint)
	}
}

// truths are the spellings of the core schema of YAML.
var truths = map[string]bool{
	"true": true, "True": true, "TRUE": true, "false": false, "False": false, "FALSE": false,
}

// setScalar sets v to the value that a text has for its type.
func setScalar(v reflect.Value, s string) error {
	if v.Type() == durationType {
		length, err := value.ParseDuration(s)
		v.SetInt(int64(length))
		return err
	}
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(s))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(s)
	case reflect.Bool:
		truth, isBool := truths[s]
		if !isBool {
			return fmt.Errorf("must be true or false, not %s", value.Quote(s))
		}
		v.SetBool(truth)
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is not a whole number", value.Quote(s))
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%s is not a number", value.Quote(s))
		}
		v.SetFloat(f)
	default:
		panic("rules: cannot decode a scalar into " + v.Type().String())
	}
	return nil
}

func (d *Document) decodeSlice(n *yaml.Node, v reflect.Value, what string) {
	items := n.Content
	elem := v.Type().Elem()
	takesOne := elem == rawType || elem.Kind() != reflect.Struct || TakesText(elem)
	switch {
	case TemplateHint(n) != "" && elem == textType:
		d.Report(n, diag.Error, what+" must be text, not a mapping", bareTemplateHint)
		return
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null" && takesOne:
		items = []*yaml.Node{n} // one value stands for a list of one
	case n.Kind != yaml.SequenceNode:
		want := "a list"
		if takesOne && elem != rawType {
			want = "text or a list"
		}
		d.Report(n, diag.Error, fmt.Sprintf("%s must be %s, not %s", what, want, Describe(n)), d.listHint(n, what))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.decode(item, v.Index(i), ItemName(what))
	}
}

// listHint returns a hint for a value that should be a list, or "".
func (d *Document) listHint(n *yaml.Node, what string) string {
	meant := d.entryMeant(n, ItemName(what))
	switch {
	case meant != "":
		return "write " + what + ": [" + meant + "]"
	case TemplateHint(n) != "":
		return TemplateHint(n)
	case n.Tag == "!!null":
		return "write what it holds, or remove the key"
	case n.Kind == yaml.MappingNode && what == "notify":
		return "write notify: [" + notifyEntry(n) + "]"
	case n.Kind == yaml.MappingNode && (what == "given" || what == "expect"):
		return "write " + what + ": [" + Written(n) + "]"
	case n.Kind == yaml.MappingNode && strings.HasPrefix(ItemName(what), "a "):
		return "begin each with a dash: - name: …"
	}
	return ""
}

// notifyEntry returns a mapping as an entry of notify. A key with a mapping is the name of a notifier with its options.
func notifyEntry(n *yaml.Node) string {
	for key, v := range Pairs(n) {
		switch {
		case HasKey(n, "notifier"):
		case v.Kind == yaml.MappingNode:
			return "{notifier: " + key.Value + ", " + strings.Trim(Written(v), "{}") + "}"
		case strings.HasPrefix(v.Value, "#"):
			return "{notifier: " + key.Value + ", channel: " + Written(v) + "}"
		case key.Value == "name" || key.Value == "type":
			return "{notifier: " + Written(v) + "}"
		}
	}
	return Written(n)
}

// ItemName names an item of a list for people, such as "a rule".
func ItemName(list string) string {
	items := map[string]string{
		"rules": "a rule", "notifiers": "a notifier", "sources": "a source", "people": "a person", "tests": "a test", "summaries": "a summary",
		"expect": "an expectation", "given": "an earlier event",
	}
	if item, known := items[list]; known {
		return item
	}
	return "an entry of " + list
}

// TakesText reports whether a struct type is decoded from a single text.
func TakesText(t reflect.Type) bool {
	return t == textType || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (d *Document) decodeMap(n *yaml.Node, v reflect.Value, what string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.Entries(n, what) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.decode(e.Value, x, what+"."+e.Key.Value)
		v.SetMapIndex(reflect.ValueOf(e.Key.Value), x)
	}
}

// Any returns n as plain Go values, with the variables of texts expanded.
func (d *Document) Any(n *yaml.Node) (v any) {
	d.Nested(n, func(n *yaml.Node) { v = d.anyOf(n) })
	return v
}

func (d *Document) anyOf(n *yaml.Node) any {
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range d.Entries(n, "") {
			m[e.Key.Value] = d.Any(e.Value)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.Any(item)
		}
		return list
	}
	s := d.expand(n)
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return truths[s]
	case "!!int", "!!float":
		return value.Number(s)
	}
	return s
}
