package rules

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"
)

// decoder turns nodes of one file into Go values, strictly: unknown and repeated keys and wrong types are problems,
// and it goes on after each, so that the user sees them all.
type decoder struct {
	*source
	o     reading
	unset int // references to unset variables and unreadable files so far
	depth int
	meant map[*yaml.Node]string // unknown keys, and what each seems to mean
}

// text is a scalar together with its place.
type text struct {
	s    string
	node *yaml.Node // nil if it was not given
}

func (t text) given() bool { return t.node != nil }

// raw is a node to be decoded later.
type raw struct{ node *yaml.Node }

// isMapping is false for what was reported as no mapping already.
func (r raw) isMapping() bool { return r.node != nil && r.node.Kind == yaml.MappingNode }

// struct fields may have these types beside the plain ones.
var (
	textType     = reflect.TypeFor[text]()
	rawType      = reflect.TypeFor[raw]()
	durationType = reflect.TypeFor[time.Duration]()
)

// decode fills v, which must be settable, from n. what names the value for people, such as "retry.max" or "a rule".
func (d *decoder) decode(n *yaml.Node, v reflect.Value, what string) {
	n = d.follow(n)
	if n == nil {
		return
	}
	d.depth++
	defer func() { d.depth-- }()
	switch {
	case v.Type() == rawType:
		v.Set(reflect.ValueOf(raw{n}))
	case v.Type() == textType:
		if s, ok := d.scalar(n, what); ok {
			v.Set(reflect.ValueOf(text{s, n}))
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

// follow resolves aliases and counts what is visited, since aliases can multiply a small file without end.
func (d *decoder) follow(n *yaml.Node) *yaml.Node {
	for n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	d.visited++
	if d.depth > maxYAMLDepth || d.visited > maxNodes {
		if d.visited <= maxNodes+1 {
			d.report(n, Error, "the file is nested too deeply, or its aliases multiply too far", "write it out plainly")
			d.visited = maxNodes + 1
		}
		return nil
	}
	return n
}

func (d *decoder) decodeCompound(n *yaml.Node, v reflect.Value, what string) {
	switch v.Kind() {
	case reflect.Pointer:
		before, value := len(*d.problems), reflect.New(v.Type().Elem())
		if d.decode(n, value.Elem(), what); len(*d.problems) == before || !isScalar(value.Elem()) {
			v.Set(value)
		}
	case reflect.Struct:
		d.decodeStruct(n, v, what)
	case reflect.Slice:
		d.decodeSlice(n, v, what)
	case reflect.Map:
		d.decodeMap(n, v, what)
	case reflect.Interface:
		if x := d.any(n); x != nil {
			v.Set(reflect.ValueOf(x))
		}
	default:
		panic("rules: cannot decode into " + v.Type().String())
	}
}

// scalar returns the expanded text of a scalar that is not null.
func (d *decoder) scalar(n *yaml.Node, what string) (string, bool) {
	switch {
	case n.Kind != yaml.ScalarNode:
		d.report(n, Error, fmt.Sprintf("%s must be text, not %s", what, describe(n)), templateHint(n))
		return "", false
	case n.Tag == "!!null":
		d.report(n, Error, what+" has no value", "give it one, or remove the key")
		return "", false
	}
	return d.expand(n), true
}

func (d *decoder) decodeScalar(n *yaml.Node, v reflect.Value, what string) {
	before := d.unset
	s, ok := d.scalar(n, what)
	if !ok || s == "" && d.unset > before {
		return
	}
	if err := setScalar(v, s); err != nil {
		hint := ""
		if v.Kind() == reflect.Bool {
			hint = "write true or false"
		}
		d.report(n, Error, fmt.Sprintf("%s: %v", what, err), hint)
	}
}

func setScalar(v reflect.Value, s string) error {
	if v.Type() == durationType {
		length, err := parseDuration(s)
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
			return fmt.Errorf("%s is neither true nor false", strconv.Quote(shorten(s, 40)))
		}
		v.SetBool(s == "true")
	case reflect.Int, reflect.Int64:
		n, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return fmt.Errorf("%s is not a whole number", strconv.Quote(shorten(s, 40)))
		}
		v.SetInt(n)
	case reflect.Float64:
		f, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return fmt.Errorf("%s is not a number", strconv.Quote(shorten(s, 40)))
		}
		v.SetFloat(f)
	default:
		panic("rules: cannot decode a scalar into " + v.Type().String())
	}
	return nil
}

func (d *decoder) decodeSlice(n *yaml.Node, v reflect.Value, what string) {
	items := n.Content
	elem := v.Type().Elem()
	takesOne := elem == rawType || elem.Kind() != reflect.Struct || takesText(elem)
	switch {
	case templateHint(n) != "" && elem == textType:
		d.report(n, Error, what+" must be text, not a mapping", bareTemplateHint)
		return
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null" && takesOne:
		items = []*yaml.Node{n} // one value stands for a list of one
	case n.Kind != yaml.SequenceNode:
		want := "a list"
		if takesOne && elem != rawType {
			want = "text or a list"
		}
		d.report(n, Error, fmt.Sprintf("%s must be %s, not %s", what, want, describe(n)), listHint(n, what))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(items), len(items)))
	for i, item := range items {
		d.decode(item, v.Index(i), itemOf(what))
	}
}

// listHint says how to write a list in place of n.
func listHint(n *yaml.Node, what string) string {
	switch {
	case templateHint(n) != "":
		return templateHint(n)
	case n.Tag == "!!null":
		return "write what it holds, or remove the key"
	case n.Kind == yaml.MappingNode && strings.HasPrefix(itemOf(what), "a "):
		return "begin each with a dash: - name: …"
	}
	return ""
}

// itemOf names what a list holds, for people.
func itemOf(list string) string {
	items := map[string]string{"rules": "a rule", "notifiers": "a notifier", "sources": "a source", "people": "a person", "tests": "a test",
		"expect": "an expectation", "given": "an earlier event"}
	if item, known := items[list]; known {
		return item
	}
	return "an entry of " + list
}

// takesText reports whether a struct type is written as a single text.
func takesText(t reflect.Type) bool {
	return t == textType || reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (d *decoder) decodeMap(n *yaml.Node, v reflect.Value, what string) {
	v.Set(reflect.MakeMap(v.Type()))
	for _, e := range d.entries(n, what) {
		x := reflect.New(v.Type().Elem()).Elem()
		d.decode(e.value, x, what+"."+e.key.Value)
		v.SetMapIndex(reflect.ValueOf(e.key.Value), x)
	}
}

// any turns n into plain Go values, with texts expanded.
func (d *decoder) any(n *yaml.Node) any {
	if n = d.follow(n); n == nil {
		return nil
	}
	d.depth++
	defer func() { d.depth-- }()
	switch n.Kind {
	case yaml.MappingNode:
		m := map[string]any{}
		for _, e := range d.entries(n, "") {
			m[e.key.Value] = d.any(e.value)
		}
		return m
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, item := range n.Content {
			list[i] = d.any(item)
		}
		return list
	}
	s := d.expand(n)
	switch n.Tag {
	case "!!null":
		return nil
	case "!!bool":
		return s == "true"
	case "!!int", "!!float":
		return number(s)
	}
	return s
}
