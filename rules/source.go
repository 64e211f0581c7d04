package rules

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"
)

// Bounds on what is read, far above what people write.
const (
	maxFileBytes = 16 << 20
	maxNodes     = 5_000_000 // YAML nodes visited, aliases counted each time
	maxYAMLDepth = 100
)

// reading is what a file may look up while it is read. Options say what each is.
type reading struct {
	LookupEnv  func(name string) (string, bool)
	ReadFile   func(name string) ([]byte, error)
	AllowUnset bool
}

// source is one rules file while it is parsed. It collects the problems of its file.
type source struct {
	name     string
	lines    []string
	root     *yaml.Node // the top mapping; nil if there is none
	problems *Problems
	visited  int // nodes visited so far, over all files
}

func newSource(f File, problems *Problems) *source {
	s := &source{name: f.Name, problems: problems}
	if len(f.Data) > maxFileBytes {
		s.report(nil, Error, fmt.Sprintf("the file has %d bytes, more than %d", len(f.Data), maxFileBytes), "split it, with include:")
		return s
	}
	text := strings.TrimPrefix(string(f.Data), "\uFEFF")
	s.lines = strings.Split(text, "\n")
	if line := s.notText(); line > 0 {
		p := Problem{File: s.name, Severity: Error, Line: line, Col: 1, Message: "the file is not UTF-8 text", Hint: "save it as UTF-8"}
		*s.problems = append(*s.problems, p)
		return s
	}
	root, err := parseYAML(text)
	if err != nil {
		s.syntaxError(err)
		return s
	}
	switch {
	case root == nil:
		s.report(nil, Error, "the file is empty", "start with `qase-relay init`")
	case root.Kind != yaml.MappingNode:
		s.report(root, Error, "expected a mapping such as `rules:`, got "+describe(root), "")
	default:
		s.root = root
	}
	return s
}

// notText returns the first line that is not UTF-8 or holds a NUL, as text in UTF-16 does, or 0.
func (s *source) notText() int {
	return slices.IndexFunc(s.lines, func(line string) bool { return !utf8.ValidString(line) || strings.ContainsRune(line, 0) }) + 1
}

// parseYAML returns the only document's content, or nil if there is none. yaml.v3 can panic on odd input.
func parseYAML(text string) (root *yaml.Node, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("yaml: this is no YAML that can be read: %v", p)
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
		return nil, fmt.Errorf("yaml: line %d: a second document starts here; put each into a file of its own", second.Line)
	} else if !errors.Is(err, io.EOF) {
		return nil, err
	}
	if len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return nil, nil
	}
	return doc.Content[0], nil
}

func (s *source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return strings.TrimRight(s.lines[n-1], "\r")
}

// report reports something about a node, or with nil about the whole file.
func (s *source) report(n *yaml.Node, severity Severity, message, hint string) {
	p := Problem{File: s.name, Severity: severity, Message: message, Hint: hint, Line: 1, Col: 1}
	if n != nil {
		p.Line, p.Col = n.Line, n.Column
	}
	p.Source = s.line(p.Line)
	*s.problems = append(*s.problems, p)
}

func (s *source) errorf(n *yaml.Node, format string, args ...any) {
	s.report(n, Error, fmt.Sprintf(format, args...), "")
}

// reportInside reports a finding within the text of a scalar, or about the whole of it.
func (s *source) reportInside(n *yaml.Node, severity Severity, f finding) {
	if f.at.line == 0 {
		s.report(n, severity, f.message, f.hint)
		return
	}
	at := f.at
	p := Problem{File: s.name, Severity: severity, Message: f.message, Hint: f.hint, Line: n.Line, Col: n.Column}
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		p.Line += at.line
		text := s.line(p.Line)
		p.Col = len(text) - len(strings.TrimLeft(text, " ")) + at.col + 1
		if at.line > 1 {
			p.Col = s.blockIndent(n.Line) + at.col + 1
		}
	case yaml.FoldedStyle:
		p.Line, p.Col = s.unfold(n, at)
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		p.Col += at.col + 1
	default:
		p.Col += at.col
	}
	p.Source = s.line(p.Line)
	*s.problems = append(*s.problems, p)
}

// blockIndent returns the indentation of the block scalar whose indicator stands on the given line.
func (s *source) blockIndent(indicator int) int {
	for n := indicator + 1; n <= len(s.lines); n++ {
		if text := s.line(n); strings.TrimSpace(text) != "" {
			return len(text) - len(strings.TrimLeft(text, " "))
		}
	}
	return 0
}

// unfold finds a column of a folded scalar, in which line ends have become spaces.
func (s *source) unfold(n *yaml.Node, at offset) (line, col int) {
	indent, rest := s.blockIndent(n.Line), at.col
	for line = n.Line + 1; line <= len(s.lines); line++ {
		width := len([]rune(s.line(line))) - indent
		if rest <= width {
			return line, indent + rest + 1
		}
		rest -= width + 1
	}
	return n.Line, n.Column
}

// finding is something to be said about a text, with its place there.
type finding struct {
	at      offset
	message string
	hint    string
}

// offset is a place within a text: line from 1, column from 0 in characters.
type offset struct{ line, col int }

// describe names a node for people.
func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.AliasNode:
		return describe(n.Alias)
	}
	switch n.Tag {
	case "!!null":
		return "nothing"
	case "!!int", "!!float":
		return "the number " + n.Value
	case "!!bool":
		return n.Value
	}
	return strconv.Quote(shorten(n.Value, 40))
}

func shorten(s string, most int) string {
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "…"
	}
	return s
}
