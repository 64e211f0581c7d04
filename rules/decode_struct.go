package rules

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
)

// decodeStruct fills the fields of v. A field At of type raw takes the node itself.
func (d *decoder) decodeStruct(n *yaml.Node, v reflect.Value, what string) {
	if at := v.FieldByName("At"); at.IsValid() {
		at.Set(reflect.ValueOf(raw{n}))
	}
	rest := d.fill(d.entries(n, what), v, what)
	for _, e := range rest {
		d.unknownKey(e.key, what, structFields(v.Type()).keys())
	}
}

// fill decodes the entries that v has fields for and returns the others.
func (d *decoder) fill(entries []entry, v reflect.Value, what string) (rest []entry) {
	fields := structFields(v.Type())
	seen := map[string]bool{}
	for _, e := range entries {
		f, known := fields[e.key.Value]
		if !known {
			rest = append(rest, e)
			continue
		}
		if seen[f.key] {
			d.errorf(e.key, "%s and %s_file are both set; keep one of them", f.key, f.key)
		}
		seen[f.key] = true
		if f.fromFile {
			d.decodeFile(e.value, v.Field(f.index), inside(what, e.key.Value))
			continue
		}
		d.decode(e.value, v.Field(f.index), inside(what, e.key.Value))
	}
	return rest
}

// inside names a key of what. Of an item of a list, the place says which one is meant.
func inside(what, key string) string {
	if what == "" || strings.HasPrefix(what, "a ") || strings.HasPrefix(what, "an ") {
		return key
	}
	return what + "." + key
}

// decodeFile sets a secret from the file that n names, without the line end after it.
func (d *decoder) decodeFile(n *yaml.Node, v reflect.Value, what string) {
	n = d.follow(n)
	if n == nil {
		return
	}
	name, ok := d.scalar(n, what)
	if !ok || name == "" {
		return
	}
	data, err := d.readFile(name)
	if err != nil {
		d.unset++
		d.report(n, d.unsetSeverity(), fmt.Sprintf("%s: %v", what, err), "the path is relative to the folder the relay is started in")
		return
	}
	secret := strings.TrimRight(string(data), "\r\n")
	if v.Kind() == reflect.Slice {
		d.setLines(v, secret)
	} else if err := setScalar(v, secret); err != nil {
		d.errorf(n, "%s: %v", what, err)
	}
}

// setLines fills a list with the lines of a file that are not empty.
func (d *decoder) setLines(v reflect.Value, lines string) {
	for line := range strings.FieldsFuncSeq(lines, func(r rune) bool { return r == '\n' || r == '\r' }) {
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Type() == textType {
			elem.Set(reflect.ValueOf(text{line, d.root}))
		} else if err := setScalar(elem, line); err != nil {
			continue
		}
		v.Set(reflect.Append(v, elem))
	}
}

func (d *decoder) readFile(name string) ([]byte, error) {
	if d.o.ReadFile == nil {
		return nil, fmt.Errorf("cannot read %s here", name)
	}
	return d.o.ReadFile(name)
}

func (d *decoder) unknownKey(key *yaml.Node, what string, known []string) {
	place := ""
	if what != "" {
		place = " in " + what
	}
	d.report(key, Error, fmt.Sprintf("unknown key %q%s", key.Value, place), didYouMean(key.Value, known))
	if d.meant == nil {
		d.meant = map[*yaml.Node]string{}
	}
	d.meant[key] = catalog.Nearest(key.Value, known)
}

// misspelt reports whether a mapping has one of the keys misspelt, so that it is not to be missed as well.
func (d *decoder) misspelt(n *yaml.Node, keys ...string) bool {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if slices.Contains(keys, d.meant[n.Content[i]]) {
			return true
		}
	}
	return false
}

// foundMisspelt reports the first of some entries that seems to be the key, misspelt, as an unknown key of what.
func (d *decoder) foundMisspelt(entries []entry, key, what string) bool {
	for _, e := range entries {
		if catalog.Nearest(e.key.Value, []string{key}) != "" {
			d.unknownKey(e.key, what, []string{key})
			return true
		}
	}
	return false
}

// entry is a key of a mapping with its value.
type entry struct{ key, value *yaml.Node }

// entries returns what a mapping holds, merge keys (<<) included. Repeated keys are problems; the first one counts.
func (d *decoder) entries(n *yaml.Node, what string) []entry {
	if n.Kind != yaml.MappingNode {
		if what == "" {
			what = "this"
		}
		d.report(n, Error, fmt.Sprintf("%s must be a mapping, not %s", what, describe(n)), "write keys with values, such as {name: …}")
		return nil
	}
	var own, merged []entry
	first := map[string]*yaml.Node{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, d.mergedEntries(value)...)
		case key.Kind != yaml.ScalarNode:
			d.errorf(key, "a key must be plain text, not %s", describe(key))
		case first[key.Value] != nil:
			d.report(key, Error, fmt.Sprintf("the key %q is repeated", key.Value), fmt.Sprintf("it stands in line %d already", first[key.Value].Line))
		default:
			first[key.Value] = key
			own = append(own, entry{key, value})
		}
	}
	for _, e := range merged {
		if first[e.key.Value] == nil {
			first[e.key.Value] = e.key
			own = append(own, e)
		}
	}
	return own
}

func (d *decoder) mergedEntries(n *yaml.Node) []entry {
	d.depth++
	defer func() { d.depth-- }()
	if n = d.follow(n); n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return d.entries(n, "<<")
	}
	var all []entry
	for _, item := range n.Content {
		if item = d.follow(item); item != nil {
			all = append(all, d.entries(item, "<<")...)
		}
	}
	return all
}

// field is one key of a struct.
type field struct {
	key      string
	index    int
	fromFile bool   // the key ends in _file: its value names the file that holds the secret
	as       string // what a message option becomes
}

type fieldSet map[string]field

func (f fieldSet) keys() []string {
	var keys []string
	for k := range f {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// structFields returns the keys of a struct type by its yaml tags. Secrets have a second key that ends in _file.
func structFields(t reflect.Type) fieldSet {
	fields := fieldSet{}
	for i := range t.NumField() {
		f := t.Field(i)
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		fields[key] = field{key: key, index: i, as: f.Tag.Get("as")}
		if f.Tag.Get("secret") == "true" {
			fields[key+"_file"] = field{key: key, index: i, fromFile: true}
		}
	}
	return fields
}
