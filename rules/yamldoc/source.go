package yamldoc

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Bounds on what is read, far above what people write.
const (
	maxFileBytes = 16 << 20
	maxNodes     = 5_000_000 // YAML nodes visited, aliases counted each time
	maxYAMLDepth = 100
)

// Reading is what a file may look up while it is read. Options say what each is.
type Reading struct {
	LookupEnv  func(name string) (string, bool)
	ReadFile   func(name string) ([]byte, error)
	AllowUnset bool
}

// Source is one rules file while it is parsed. It collects the problems of its file.
type Source struct {
	Name     string
	lines    []string
	Root     *yaml.Node // the top mapping; nil if there is none
	problems *diag.Problems
	Visited  int // nodes visited so far, over all files
}

func NewSource(f File, problems *diag.Problems) *Source {
	s := &Source{Name: f.Name, problems: problems}
	if len(f.Data) > maxFileBytes {
		s.Report(nil, diag.Error, fmt.Sprintf("the file has %d bytes, more than %d", len(f.Data), maxFileBytes), "split it, with include:")
		return s
	}
	text := strings.TrimPrefix(string(f.Data), "\uFEFF")
	s.lines = strings.Split(text, "\n")
	if line := s.notText(); line > 0 {
		p := diag.Problem{File: s.Name, Severity: diag.Error, Line: line, Col: 1, Message: "the file is not UTF-8 text", Hint: "save it as UTF-8"}
		*s.problems = append(*s.problems, p)
		return s
	}
	root, err := ParseYAML(text)
	if err != nil {
		s.syntaxError(err)
		return s
	}
	switch {
	case root == nil:
		s.Report(nil, diag.Error, "the file is empty", "start with `qase-relay init`")
	case root.Kind != yaml.MappingNode:
		s.Report(root, diag.Error, "expected a mapping such as `rules:`, got "+Describe(root), "")
	default:
		s.Root = root
	}
	return s
}

// notText returns the first line that is not UTF-8 or holds a NUL, as text in UTF-16 does, or 0.
func (s *Source) notText() int {
	return slices.IndexFunc(s.lines, func(line string) bool { return !utf8.ValidString(line) || strings.ContainsRune(line, 0) }) + 1
}

// ParseYAML returns the only document's content, or nil if there is none. yaml.v3 can panic on odd input.
func ParseYAML(text string) (root *yaml.Node, err error) {
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

func (s *Source) line(n int) string {
	if n < 1 || n > len(s.lines) {
		return ""
	}
	return strings.TrimRight(s.lines[n-1], "\r")
}

// Report reports something about a node, or with nil about the whole file.
func (s *Source) Report(n *yaml.Node, severity diag.Severity, message, hint string) {
	p := diag.Problem{File: s.Name, Severity: severity, Message: message, Hint: hint, Line: 1, Col: 1}
	if n != nil {
		p.Line, p.Col = n.Line, n.Column
	}
	p.Source = s.line(p.Line)
	*s.problems = append(*s.problems, p)
}

func (s *Source) Errorf(n *yaml.Node, format string, args ...any) {
	s.Report(n, diag.Error, fmt.Sprintf(format, args...), "")
}

// ReportInside reports a finding within the text of a scalar, or about the whole of it.
func (s *Source) ReportInside(n *yaml.Node, severity diag.Severity, f diag.Finding) {
	if f.At.Line == 0 {
		s.Report(n, severity, f.Message, f.Hint)
		return
	}
	at := f.At
	p := diag.Problem{File: s.Name, Severity: severity, Message: f.Message, Hint: f.Hint, Line: n.Line, Col: n.Column}
	switch n.Style &^ yaml.TaggedStyle {
	case yaml.LiteralStyle:
		p.Line += at.Line
		text := s.line(p.Line)
		p.Col = len(text) - len(strings.TrimLeft(text, " ")) + at.Col + 1
		if at.Line > 1 {
			p.Col = s.blockIndent(n.Line) + at.Col + 1
		}
	case yaml.FoldedStyle:
		p.Line, p.Col = s.unfold(n, at)
	case yaml.SingleQuotedStyle, yaml.DoubleQuotedStyle:
		p.Col += at.Col + 1
	default:
		p.Col += at.Col
	}
	p.Source = s.line(p.Line)
	*s.problems = append(*s.problems, p)
}

// blockIndent returns the indentation of the block scalar whose indicator stands on the given line.
func (s *Source) blockIndent(indicator int) int {
	for n := indicator + 1; n <= len(s.lines); n++ {
		if text := s.line(n); strings.TrimSpace(text) != "" {
			return len(text) - len(strings.TrimLeft(text, " "))
		}
	}
	return 0
}

// unfold finds a column of a folded scalar, in which line ends have become spaces.
func (s *Source) unfold(n *yaml.Node, at diag.Position) (line, col int) {
	indent, rest := s.blockIndent(n.Line), at.Col
	for line = n.Line + 1; line <= len(s.lines); line++ {
		width := len([]rune(s.line(line))) - indent
		if rest <= width {
			return line, indent + rest + 1
		}
		rest -= width + 1
	}
	return n.Line, n.Column
}

// Describe names a node for people.
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
	return strconv.Quote(value.Shorten(n.Value, 40))
}
