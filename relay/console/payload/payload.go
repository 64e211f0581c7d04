// Package payload shows the JSON of an event: as a tree for a page, within bounds, and as YAML for a test of rules.
package payload

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	// maxShown bounds the JSON that a tree shows, in bytes; maxNodes and maxDepth bound its values and levels.
	maxShown = 64 << 10
	maxNodes = 2000
	maxDepth = 24
)

// Node is a value of JSON.
type Node struct {
	Name     string // of the field that has it; empty in a list
	Kind     string // object, list, text, number or word (true, false, null)
	Text     string // as JSON; of an object or list that is not shown whole, its beginning
	Children []*Node
	Cut      bool // there is more in it than is shown
}

// Label returns the name for people.
func (n *Node) Label() string { return Visible(n.Name) }

// IsOpen reports whether a tree shows the value unfolded at first.
func (n *Node) IsOpen() bool { return len(n.Children) <= 40 }

// Count says how much is in an object or list.
func (n *Node) Count() string {
	if n.Kind == "list" {
		return fmt.Sprintf("[%d]", len(n.Children))
	}
	return fmt.Sprintf("{%d}", len(n.Children))
}

// Tree returns JSON as a tree of at most 64 KiB.
func Tree(body []byte) (*Node, error) {
	b := builder{dec: json.NewDecoder(bytes.NewReader(body)), bytes: maxShown, nodes: maxNodes, depth: maxDepth}
	return b.build()
}

// builder makes a tree of tokens.
type builder struct {
	dec                 *json.Decoder
	bytes, nodes, depth int // that are left
}

func (b *builder) build() (*Node, error) {
	b.dec.UseNumber()
	return b.value("")
}

// value reads the next value.
func (b *builder) value(name string) (*Node, error) {
	token, err := b.dec.Token()
	if err != nil {
		return nil, err
	}
	n := &Node{Name: name}
	b.nodes--
	switch v := token.(type) {
	case json.Delim:
		n.Kind = map[json.Delim]string{'{': "object", '[': "list"}[v]
		b.depth--
		err = b.children(n)
		b.depth++
		return n, err
	case string:
		n.Kind, n.Text = "text", quoted(v)
	case json.Number:
		n.Kind, n.Text = "number", v.String()
	default:
		n.Kind, n.Text = "word", fmt.Sprint(v)
		if v == nil {
			n.Text = "null"
		}
	}
	b.bytes -= len(n.Text) + len(n.Name)
	if b.bytes < 0 && len(n.Text) > 200 {
		n.Text, n.Cut = cut(n.Text, 200), true
	}
	return n, nil
}

// children reads what is in an object or list. Behind the bounds it reads on, and keeps nothing.
func (b *builder) children(n *Node) error {
	for b.dec.More() {
		name := ""
		if n.Kind == "object" {
			key, err := b.dec.Token()
			if err != nil {
				return err
			}
			name, _ = key.(string)
		}
		if b.bytes < 0 || b.nodes < 0 || b.depth < 0 {
			n.Cut = true
			if err := b.skip(); err != nil {
				return err
			}
			continue
		}
		child, err := b.value(name)
		if err != nil {
			return err
		}
		n.Children = append(n.Children, child)
	}
	_, err := b.dec.Token() // the end
	return err
}

// skip reads a value and drops it.
func (b *builder) skip() error {
	for depth := 0; ; {
		token, err := b.dec.Token()
		if err != nil {
			return err
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
	}
}

func cut(text string, most int) string {
	for most > 0 && !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most] + "…"
}

// quoted returns a text as JSON in which < and > stand as they are, and invisible characters are escaped.
func quoted(text string) string {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(text) // a string can be encoded
	return Visible(strings.TrimSuffix(b.String(), "\n"))
}

// Visible returns a text in which characters are escaped that change how others are read, such as those that turn the
// direction.
func Visible(text string) string {
	if !strings.ContainsFunc(text, isHidden) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isHidden(r) {
			fmt.Fprintf(&b, `\u%04x`, r)
			continue
		}
		b.WriteRune(r)
	}
	return b.String()
}

func isHidden(r rune) bool {
	return unicode.Is(unicode.Cc, r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r) || r == '\ufeff'
}

// Raw returns JSON with a field on each line, and whether it is cut after 64 KiB.
func Raw(body []byte) (text string, isCut bool) {
	var b bytes.Buffer
	if json.Indent(&b, body, "", "  ") != nil {
		b.Reset()
		b.Write(body)
	}
	text = Visible(b.String())
	if len(text) > maxShown {
		return cut(text, maxShown), true
	}
	return text, false
}
