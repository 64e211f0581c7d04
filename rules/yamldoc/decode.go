package yamldoc

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Decoder turns nodes of one file into Go values, strictly: unknown and repeated keys and wrong types are problems,
// and it goes on after each, so that the user sees them all.
type Decoder struct {
	*Source
	O     Reading
	Unset int // references to unset variables and unreadable files so far
	Depth int
	meant map[*yaml.Node]string // unknown keys, and what each seems to mean
}

// Text is a scalar together with its place.
type Text struct {
	S    string
	Node *yaml.Node // nil if it was not given
}

func (t Text) Given() bool { return t.Node != nil }

// Raw is a node to be decoded later.
type Raw struct{ Node *yaml.Node }

// IsMapping is false for what was reported as no mapping already.
func (r Raw) IsMapping() bool { return r.Node != nil && r.Node.Kind == yaml.MappingNode }

// struct fields may have these types beside the plain ones.
var (
	textType     = reflect.TypeFor[Text]()
	rawType      = reflect.TypeFor[Raw]()
	durationType = reflect.TypeFor[time.Duration]()
)

// Decode fills v, which must be settable, from n. what names the value for people, such as "retry.max" or "a rule".
func (d *Decoder) Decode(n *yaml.Node, v reflect.Value, what string) {
	n = d.Follow(n)
	if n == nil {
		return
	}
	d.Depth++
	defer func() { d.Depth-- }()
	switch {
	case v.Type() == rawType:
		v.Set(reflect.ValueOf(Raw{n}))
	case v.Type() == textType:
		if s, ok := d.Scalar(n, what); ok {
			v.Set(reflect.ValueOf(Text{s, n}))
		}
	case isScalar(v):
		d.decodeScalar(n, v, what)
	default:
		d.decodeCompound(n, v, what)
	}
}

// isScalar reports whether v, which is addressable, takes a single text.
func isScalar(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.String, reflect.Bool, reflect.Int, reflect.Int64, reflect.Float64:
		return true
	}
	_, ok := v.Addr().Interface().(encoding.TextUnmarshaler)
	return ok
}

// Follow resolves aliases and counts what is visited, since aliases can multiply a small file without end.
func (d *Decoder) Follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.Visited++
	if d.Depth > maxYAMLDepth || d.Visited > maxNodes {
		if d.Visited <= maxNodes+1 {
			d.Report(n, diag.Error, "the file is nested too deeply, or its aliases multiply too far", "write it out plainly")
			d.Visited = maxNodes + 1
		}
		return nil
	}
	return n
}

func (d *Decoder) decodeCompound(n *yaml.Node, v reflect.Value, what string) {
	switch v.Kind() {
	case reflect.Pointer:
		before, value := len(*d.problems), reflect.New(v.Type().Elem())
		if d.Decode(n, value.Elem(), what); len(*d.problems) == before || !isScalar(value.Elem()) {
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

// Scalar returns the expanded text of a scalar that is not null.
func (d *Decoder) Scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.Report(n, diag.Error, fmt.Sprintf("%s must be text, not %s", what, Describe(n)), TemplateHint(n))
		return "", false
	case n.Tag == "!!null":
		d.Report(n, diag.Error, what+" has no value", "give it one, or remove the key")
		return "", false
	}
	return d.Expand(n), true
}

func (d *Decoder) decodeScalar(n *yaml.Node, v reflect.Value, what string) {
	before := d.Unset
	s, ok := d.Scalar(n, what)
	if !ok || s == "" && d.Unset > before {
		return
	}
	if err := setScalar(v, s); err != nil {
		hint := ""
		if v.Kind() == reflect.Bool {
			hint = "write true or false"
		}
		d.Report(n, diag.Error, fmt.Sprintf("%s: %v", what, err), hint)
	}
}

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
		if s != "true" && s != "false" {
			return fmt.Errorf("%s is neither true nor false", strconv.Quote(value.Shorten(s, 40)))
		}
		v.SetBool(s == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is not a whole number", strconv.Quote(value.Shorten(s, 40)))
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%s is not a number", strconv.Quote(value.Shorten(s, 40)))
		}
		v.SetFloat(f)
	default:
		panic("rules: cannot decode a scalar into " + v.Type().String())
	}
	return nil
}

func (d *Decoder) decodeSlice(n *yaml.Node, v reflect.Value, what string) {
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
		d.Report(n, diag.Error, fmt.Sprintf("%s must be %s, not %s", what, want, Describe(n)), listHint(n, what))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.Decode(item, v.Index(i), ItemOf(what))
	}
}

// listHint says how to write a list in place of n.
func listHint(n *yaml.Node, what string) string {
	switch {
	case TemplateHint(n) != "":
		return TemplateHint(n)
	case n.Tag == "!!null":
		return "write what it holds, or remove the key"
	case n.Kind == yaml.MappingNode && strings.HasPrefix(ItemOf(what), "a "):
		return "begin each with a dash: - name: …"
	}
	return ""
}

// ItemOf names what a list holds, for people.
func ItemOf(list string) string {
	items := map[string]string{"rules": "a rule", "notifiers": "a notifier", "sources": "a source", "people": "a person", "tests": "a test",
		"expect": "an expectation", "given": "an earlier event"}
	if item, known := items[list]; known {
		return item
	}
	return "an entry of " + list
}

// TakesText reports whether a struct type is written as a single text.
func TakesText(t reflect.Type) bool {
	return t == textType || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (d *Decoder) decodeMap(n *yaml.Node, v reflect.Value, what string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.Entries(n, what) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.Decode(e.Value, x, what+"."+e.Key.Value)
		v.SetMapIndex(reflect.ValueOf(e.Key.Value), x)
	}
}

// Any turns n into plain Go values, with texts expanded.
func (d *Decoder) Any(n *yaml.Node) any {
	if n = d.Follow(n); n == nil {
		return nil
	}
	d.Depth++
	defer func() { d.Depth-- }()
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
	s := d.Expand(n)
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return s == "true"
	case "!!int", "!!float":
		return value.Number(s)
	}
	return s
}
