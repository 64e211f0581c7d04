// Package yamldoc reads YAML strictly and keeps the position of each value. A [Reader] opens documents; a [Document]
// decodes its nodes into Go values and reports unknown keys, repeated keys and wrong types. It continues after each
// problem, so that users see all of them at once.
package yamldoc

import (
	"errors"
	"fmt"
	"io"
	"iter"
	"reflect"
	"slices"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Limits of one document, far above any real file.
const (
	maxFileBytes = 16 << 20
	maxNodes     = 5_000_000 // nodes visited, aliases counted each time
	maxDepth     = 100
)

// File is the text of one rules file.
type File struct {
	Name string // as the user wrote it, for messages
	Data []byte
}

// Reader opens documents, which report their problems to it. It serves one goroutine.
type Reader struct {
	LookupEnv func(name string) (string, bool)  // reads an environment variable; nil knows none
	ReadFile  func(name string) ([]byte, error) // reads a file for a KEY_file; nil reads none
	// Examples are mappings that a part of a file can be, by its name, such as retry.
	Examples map[string]string
	// EntryHint returns an entry of a list, such as a test, that is meant by a text in its place, or "". It may be nil.
	EntryHint func(what, text string) string
	// KeyHint returns a hint for an unknown key of a part of a file, and the key that is meant; both may be "". It may be
	// nil.
	KeyHint func(what, key string, known []string) (hint, meant string)
	// Prepare may change the values of a document before they are decoded. It may be nil.
	Prepare     func(d *Document)
	AllowUnset  bool // unset variables and unreadable files are warnings
	IgnoreUnset bool // they are not reported
	Problems    diag.Problems

	visited int // nodes visited, over all documents
}

// Document is one YAML file.
type Document struct {
	Name  string
	Root  *yaml.Node // the top mapping; nil if the file has none
	Unset int        // references to unset variables and unreadable files so far

	reader *Reader
	lines  []string
	masked []string // lines without secrets; made by shownLine
	depth  int
	secret string                // the key of the secret that is decoded, or ""
	silent map[*yaml.Node]bool   // nodes whose text YAML has swallowed: their other problems follow from it
	meant  map[*yaml.Node]string // unknown keys, each with the known key that it resembles
	fields map[reflect.Type]Fields
}

// Open parses a file. The document has no Root if the file is not a YAML mapping, which is reported.
func (r *Reader) Open(f File) *Document {
	d, root := r.OpenValue(f, "start with `qase-relay init`")
	switch {
	case root == nil: // reported
	case root.Kind != yaml.MappingNode:
		hint := ""
		if key, rest, found := strings.Cut(root.Value, ":"); found && rest != "" {
			hint = `a colon needs a space after it: write "` + key + ": " + rest + `"`
		}
		d.Report(root, diag.Error, "expected a mapping such as `rules:`, got "+Describe(root), hint)
	default:
		d.Root = root
		d.checkSwallowed()
		if r.Prepare != nil {
			r.Prepare(d)
		}
	}
	return d
}

// OpenValue parses a file that may hold any value, and returns its document, which has no Root, and the value. It
// returns nil for an empty file, which it reports with the hint, and for a faulty one.
func (r *Reader) OpenValue(f File, hint string) (*Document, *yaml.Node) {
	d := &Document{Name: f.Name, reader: r}
	if len(f.Data) > maxFileBytes {
		d.Report(nil, diag.Error, fmt.Sprintf("the file has %d bytes, more than %d", len(f.Data), maxFileBytes),
			"split it, with include:")
		return d, nil
	}
	text := strings.TrimPrefix(string(f.Data), "\uFEFF")
	d.lines = strings.Split(text, "\n")
	if line := d.firstBinaryLine(); line > 0 {
		r.Problems = append(r.Problems, diag.Problem{File: d.Name, Severity: diag.Error, Line: line, Col: 1,
			Message: "the file is not UTF-8 text", Hint: "save it as UTF-8"})
		return d, nil
	}
	root, err := parse(text)
	if err != nil {
		d.reportSyntax(err)
		return d, nil
	}
	if root == nil {
		d.Report(nil, diag.Error, "the file is empty", hint)
	}
	return d, root
}

// HasTopKey reports whether a file has a key at its top. A file that is not valid YAML has none.
func HasTopKey(data []byte, key string) bool {
	root, err := parse(string(data))
	return err == nil && root != nil && HasKey(root, key)
}

// HasKey reports whether a mapping has a key.
func HasKey(n *yaml.Node, key string) bool { return ValueOf(n, key) != nil }

// ValueOf returns the value of a key of a mapping, or nil.
func ValueOf(n *yaml.Node, key string) *yaml.Node {
	for k, v := range Pairs(n) {
		if k.Value == key {
			return v
		}
	}
	return nil
}

// Pairs yields the keys of a mapping with their values, as they are written. Other nodes have none.
func Pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) {
		for i := 0; n.Kind == yaml.MappingNode && i+1 < len(n.Content); i += 2 {
			if !yield(n.Content[i], n.Content[i+1]) {
				return
			}
		}
	}
}

// firstBinaryLine returns the number of the first line that is not UTF-8 or holds a NUL, as UTF-16 does, or 0.
func (d *Document) firstBinaryLine() int {
	return slices.IndexFunc(d.lines, func(line string) bool {
		return !utf8.ValidString(line) || strings.ContainsRune(line, 0)
	}) + 1
}

// parse returns the content of the only document, or nil if the text has none. yaml.v3 can panic on odd input.
func parse(text string) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: this is not readable YAML: %v", p)
		}
	}()
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc, second yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	if err := dec.Decode(&second); err == nil {
		return nil, fmt.Errorf("yaml: line %d: a second document starts here; put each into a separate file",
			second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

// Describe names a node for people, such as "a list" or "the number 3".
func Describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return Describe(n.Alias)
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	}
	return value.Quote(n.Value)
}
