package yamldoc

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"reflect"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
)

// ExtensionPrefix begins the keys at the top of a document that may hold anything and are ignored.
const ExtensionPrefix = "x-"

// decodeStruct fills the fields of v. A field At of type Raw takes the node itself.
func (d *Document) decodeStruct(n *yaml.Node, v reflect.Value, what string) {
	if at := v.FieldByName("At"); at.IsValid() {
		at.Set(reflect.ValueOf(Raw{n}))
	}
	for _, e := range d.fill(d.entries(n, what, exampleOf(v.Type())), v, what) {
		if n == d.Root && strings.HasPrefix(e.Key.Value, ExtensionPrefix) {
			continue // for the anchors in it
		}
		d.UnknownKey(e.Key, what, FieldsOf(v.Type()).Keys())
	}
}

// Fill decodes the entries for which a struct has fields, and returns the others. into points to the struct.
func (d *Document) Fill(entries []Entry, into any, what string) (rest []Entry) {
	return d.fill(entries, reflect.ValueOf(into).Elem(), what)
}

func (d *Document) fill(entries []Entry, v reflect.Value, what string) (rest []Entry) {
	fields := d.fieldsOf(v.Type())
	seen := map[string]bool{}
	for _, e := range entries {
		f, known := fields[e.Key.Value]
		if !known {
			rest = append(rest, e)
			continue
		}
		if seen[f.key] {
			d.Errorf(e.Key, "%s and %s_file are both set; keep one of them", f.key, f.key)
		}
		seen[f.key] = true
		decode := d.decode
		if f.fromFile {
			decode = d.decodeFile
		}
		outer := d.secret
		if _, isSecret := fields[f.key+"_file"]; isSecret {
			d.secret = f.key
		}
		decode(e.Value, f.Of(v), inside(what, e.Key.Value))
		d.secret = outer
	}
	return rest
}

// inside names a key in messages. A key of an item of a list needs no prefix, since the position shows the item.
func inside(what, key string) string {
	if what == "" || strings.HasPrefix(what, "a ") || strings.HasPrefix(what, "an ") {
		return key
	}
	return what + "." + key
}

// decodeFile sets a secret to the content of the file that n names, and a list of secrets to the lines of one or more.
func (d *Document) decodeFile(n *yaml.Node, v reflect.Value, what string) {
	if n = d.resolve(n); n == nil {
		return
	}
	files := []*yaml.Node{n}
	if v.Kind() == reflect.Slice && n.Kind == yaml.SequenceNode {
		if files = n.Content; len(files) == 0 {
			d.Report(n, diag.Error, what+" has no value", "give it one, or remove the key")
		}
	}
	for _, file := range files {
		if file = d.resolve(file); file != nil {
			d.readSecret(file, v, what)
		}
	}
}

// readSecret reads the file that n names, without its last line end.
func (d *Document) readSecret(n *yaml.Node, v reflect.Value, what string) {
	key := d.secret
	d.secret = "" // the name of the file is none
	name, ok := d.scalar(n, what)
	if d.secret = key; !ok || name == "" {
		return
	}
	data, err := d.ReadFile(name)
	if err != nil {
		d.Unset++
		message := fmt.Sprintf("%s: %v", what, err)
		if errors.Is(err, fs.ErrNotExist) {
			message = fmt.Sprintf("%s: there is no file %s", what, name)
		}
		d.ReportUnset(n, message, "the path is relative to the folder the relay is started in")
		return
	}
	subject, before := "the file "+name, d.Reported()
	if v.Kind() == reflect.Slice {
		if d.setLines(v, subject, n, string(data)) == 0 {
			d.Errorf(n, "%s: %s is empty", what, subject)
		}
		return
	}
	secret := d.cleanSecret(n, what, subject, strings.TrimRight(string(data), "\r\n"))
	if secret == "" && d.Reported() == before {
		d.Errorf(n, "%s: %s is empty", what, subject)
	}
	if err := setScalar(v, secret); err != nil {
		d.Errorf(n, "%s: %v", what, err)
	}
}

// setLines adds the non-empty lines of a file to a list, and returns their number.
func (d *Document) setLines(v reflect.Value, subject string, n *yaml.Node, lines string) (found int) {
	for line := range strings.FieldsFuncSeq(lines, func(r rune) bool { return r == '\n' || r == '\r' }) {
		line = d.cleanSecret(n, d.secret+"_file", subject, line)
		elem := reflect.New(v.Type().Elem()).Elem()
		if elem.Type() == textType {
			elem.Set(reflect.ValueOf(Text{line, d.Root}))
		} else if err := setScalar(elem, line); err != nil {
			continue
		}
		v.Set(reflect.Append(v, elem))
		found++
	}
	return found
}

// ReadFile reads a file that the document names.
func (d *Document) ReadFile(name string) ([]byte, error) {
	if d.reader.ReadFile == nil {
		return nil, fmt.Errorf("cannot read %s here", name)
	}
	return d.reader.ReadFile(name)
}

// UnknownKey reports a key of what that is not one of the known keys.
func (d *Document) UnknownKey(key *yaml.Node, what string, known []string) {
	place := ""
	if what != "" {
		place = " in " + what
	}
	hint, meant := "", ""
	if d.reader.KeyHint != nil {
		hint, meant = d.reader.KeyHint(what, key.Value, known)
	}
	d.Report(key, diag.Error, fmt.Sprintf("unknown key %q%s", key.Value, place),
		cmp.Or(hint, catalog.DidYouMean(key.Value, known)))
	if d.meant == nil {
		d.meant = map[*yaml.Node]string{}
	}
	d.meant[key] = cmp.Or(meant, catalog.Nearest(key.Value, known))
}

// Misspelt reports whether an unknown key of a mapping resembles one of the keys. The key is then not missing as well.
func (d *Document) Misspelt(n *yaml.Node, keys ...string) bool {
	for key := range Pairs(n) {
		if slices.Contains(keys, d.meant[key]) {
			return true
		}
	}
	return false
}

// FoundMisspelt looks for the first entry whose key resembles the given one, and reports it as an unknown key of what.
func (d *Document) FoundMisspelt(entries []Entry, key, what string) bool {
	for _, e := range entries {
		if catalog.Nearest(e.Key.Value, []string{key}) != "" {
			d.UnknownKey(e.Key, what, []string{key})
			return true
		}
	}
	return false
}

// Entry is a key of a mapping with its value.
type Entry struct{ Key, Value *yaml.Node }

// Entries returns the entries of a mapping, with those of merge keys (<<). A repeated key is a problem; the first
// counts.
func (d *Document) Entries(n *yaml.Node, what string) []Entry { return d.entries(n, what, "") }

// entries returns the entries of a mapping. example is how one looks, or "".
func (d *Document) entries(n *yaml.Node, what, example string) []Entry {
	if n.Kind != yaml.MappingNode {
		if what == "" {
			what = "this"
		}
		hint := "write keys with values, such as " + cmp.Or(d.reader.Examples[what], example, "{name: …}")
		if meant := d.entryMeant(n, what); meant != "" {
			hint = "write " + meant
		}
		d.Report(n, diag.Error, fmt.Sprintf("%s must be a mapping, not %s", what, Describe(n)), hint)
		return nil
	}
	var own, merged []Entry
	first := map[string]*yaml.Node{}
	for key, value := range Pairs(n) {
		switch {
		case key.Tag == "!!merge":
			merged = append(merged, d.mergedEntries(value)...)
		case key.Kind != yaml.ScalarNode:
			d.Errorf(key, "a key must be plain text, not %s", Describe(key))
		case first[key.Value] != nil:
			d.Report(key, diag.Error, fmt.Sprintf("the key %q is repeated", key.Value),
				fmt.Sprintf("the first is in line %d", first[key.Value].Line))
		default:
			first[key.Value] = key
			own = append(own, Entry{key, value})
		}
	}
	for _, e := range merged {
		if first[e.Key.Value] == nil {
			first[e.Key.Value] = e.Key
			own = append(own, e)
		}
	}
	return own
}

// entryMeant returns the mapping that a text in its place means, or "".
func (d *Document) entryMeant(n *yaml.Node, what string) string {
	if d.reader.EntryHint == nil || n.Kind != yaml.ScalarNode {
		return ""
	}
	return d.reader.EntryHint(what, n.Value)
}

// exampleOf returns a mapping with the first keys of a struct.
func exampleOf(t reflect.Type) string {
	var keys []string
	for _, f := range reflect.VisibleFields(t) {
		if key := f.Tag.Get("yaml"); key != "" && key != "-" && len(keys) < 2 {
			keys = append(keys, key+": …")
		}
	}
	return "{" + strings.Join(keys, ", ") + "}"
}

func (d *Document) mergedEntries(n *yaml.Node) []Entry {
	d.depth++
	defer func() { d.depth-- }()
	if n = d.resolve(n); n == nil {
		return nil
	}
	if n.Kind != yaml.SequenceNode {
		return d.Entries(n, "<<")
	}
	var all []Entry
	for _, item := range n.Content {
		if item = d.resolve(item); item != nil {
			all = append(all, d.Entries(item, "<<")...)
		}
	}
	return all
}

// Field is the field of a struct for one key.
type Field struct {
	Type     reflect.Type
	Form     string // the tag as:"…" of a message option
	Tag      reflect.StructTag
	Index    int // place in the struct
	key      string
	index    []int
	fromFile bool // the key ends in _file: its value names the file that holds the secret
}

// Of returns the field of a struct.
func (f Field) Of(v reflect.Value) reflect.Value { return v.FieldByIndex(f.index) }

// Fields are the fields of a struct by key.
type Fields map[string]Field

// Keys returns the keys in order.
func (f Fields) Keys() []string { return slices.Sorted(maps.Keys(f)) }

// fieldsOf returns FieldsOf, which it makes once for a type.
func (d *Document) fieldsOf(t reflect.Type) Fields {
	fields, made := d.fields[t]
	if !made {
		if d.fields == nil {
			d.fields = map[reflect.Type]Fields{}
		}
		fields = FieldsOf(t)
		d.fields[t] = fields
	}
	return fields
}

// FieldsOf returns the fields of a struct type by its yaml tags, those of embedded structs too. A secret has a second
// key that ends in _file. A field with the tag secret:"file" has only such a key.
func FieldsOf(t reflect.Type) Fields {
	fields := Fields{}
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		field := Field{Type: f.Type, Form: f.Tag.Get("as"), Tag: f.Tag, Index: f.Index[0], key: key, index: f.Index,
			fromFile: f.Tag.Get("secret") == "file"}
		fields[key] = field
		if f.Tag.Get("secret") == "true" {
			field.fromFile = true
			fields[key+"_file"] = field
		}
	}
	return fields
}
