package markup

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"qaserelay/notifiers"
)

// maxDepth bounds the nesting of markup; deeper markup is shown as plain text.
const maxDepth = 16

// Lines reads Markdown as lines whose styles are data.
func Lines(markdown string) []Line {
	var lines []Line
	for i, block := range styles().blocks(markdown) {
		for j, l := range block {
			runs := l.Runs
			l.Runs, l.Apart = nil, i > 0 && j == 0
			for _, r := range runs {
				l.Add(r)
			}
			lines = append(lines, l)
		}
	}
	return lines
}

// Dialect defines how each element of Markdown is written.
type Dialect struct {
	Text    func(string) string // escapes text
	Code    func(string) Run    // a span of code
	Link    func(url, label string) Run
	Mention func(id string) string // nil writes a mention as a name
	Fence   func(string) []Line    // a block of code
	// These wrap lines that are written. The lines of a heading hold no bold.
	Heading, Quote, Bold, Italic, Strike func([]Line) []Line
	Rule                                 string
	WordBreak                            string // separates a mark from a letter beside it
}

// styles is the dialect of [Lines].
func styles() Dialect {
	bold := restyle(func(r *Run) { r.Bold = !r.Bold })
	return Dialect{
		Text: notifiers.CleanText,
		Code: func(s string) Run { return Run{Text: notifiers.CleanText(s), Code: true} },
		Link: func(url, label string) Run {
			if label = notifiers.OneLine(label); label == "" {
				label = url
			}
			return Run{Text: label, URL: url}
		},
		Fence: func(s string) []Line {
			return each(Split(notifiers.CleanText(s)), func(l *Line) { l.Pre = true })
		},
		Heading: bold, Bold: bold,
		Italic: restyle(func(r *Run) { r.Italic = !r.Italic }),
		Strike: restyle(func(r *Run) { r.Strike = !r.Strike }),
		Quote:  func(lines []Line) []Line { return each(lines, func(l *Line) { l.Quote = true }) },
		Rule:   "──────────",
	}
}

func each(lines []Line, change func(*Line)) []Line {
	for i := range lines {
		change(&lines[i])
	}
	return lines
}

// restyle changes the runs of all lines that are not blank.
func restyle(change func(*Run)) func([]Line) []Line {
	return func(lines []Line) []Line {
		return each(lines, func(l *Line) {
			if l.isBlank() {
				return
			}
			for i := range l.Runs {
				change(&l.Runs[i])
			}
		})
	}
}

// Wrap puts a mark around each line that is not blank, since marks do not reach over line ends.
func Wrap(mark string) func([]Line) []Line {
	return func(lines []Line) []Line {
		return each(lines, func(l *Line) {
			if !l.isBlank() {
				l.Runs = slices.Concat([]Run{{Text: mark}}, l.Runs, []Run{{Text: mark}})
			}
		})
	}
}

// Prefix puts a prefix before each line.
func Prefix(prefix string) func([]Line) []Line {
	return func(lines []Line) []Line { return each(lines, func(l *Line) { l.prepend(prefix) }) }
}

// Indent puts first before the first line and rest before the others that are not empty.
func Indent(lines []Line, first, rest string) []Line {
	for i := range lines {
		switch l := &lines[i]; {
		case i == 0:
			l.prepend(first)
		case len(l.Runs) > 0 || l.Pre || l.Quote:
			l.prepend(rest)
		}
	}
	return lines
}

func (l *Line) prepend(text string) { l.Runs = slices.Insert(l.Runs, 0, Run{Text: text}) }

// isBlank reports whether the line shows nothing. A span of code shows even if it is empty.
func (l Line) isBlank() bool {
	return !l.Pre && !l.Quote && !slices.ContainsFunc(l.Runs, func(r Run) bool {
		return r.Code || strings.TrimSpace(r.Text) != ""
	})
}

// Write turns Markdown into the texts of its top-level blocks, to be joined by empty lines.
func (d Dialect) Write(markdown string) []string {
	var texts []string
	for _, block := range d.blocks(markdown) {
		texts = append(texts, Join(block))
	}
	return texts
}

// blocks returns the lines of each top-level block.
func (d Dialect) blocks(markdown string) [][]Line {
	root, source := Parse(markdown, d.Mention != nil)
	return (&renderer{Dialect: d, source: source}).blocks(root)
}

// renderer walks a Markdown tree and writes it in one dialect.
type renderer struct {
	Dialect
	source []byte
	depth  int
	inBold bool
}

func (r *renderer) blocks(parent ast.Node) [][]Line {
	r.depth++
	defer func() { r.depth-- }()
	var blocks [][]Line
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if lines := r.block(n); slices.ContainsFunc(lines, func(l Line) bool { return !l.isBlank() }) {
			blocks = append(blocks, lines)
		}
	}
	return blocks
}

func (r *renderer) block(n ast.Node) []Line {
	if r.depth > maxDepth {
		return Split(r.Text(strings.TrimSpace(plainText(n, r.source))))
	}
	switch n := n.(type) {
	case *ast.Heading:
		r.inBold = true
		defer func() { r.inBold = false }()
		return r.Heading(r.inline(n))
	case *ast.Blockquote:
		return r.Quote(stack(r.blocks(n), Line{}))
	case *ast.List:
		return r.list(n)
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		return r.Fence(CodeText(n, r.source))
	case *ast.ThematicBreak:
		return Split(r.Rule)
	case *extast.Table:
		return r.Fence(alignTable(tableCells(n, r.source)))
	}
	return r.inline(n)
}

// stack puts blocks below each other, with the lines of between in between. The result has at least one line.
func stack(blocks [][]Line, between ...Line) []Line {
	if len(blocks) == 0 {
		return []Line{{}}
	}
	lines := blocks[0]
	for _, b := range blocks[1:] {
		lines = slices.Concat(lines, between, b)
	}
	return lines
}

func (r *renderer) list(l *ast.List) []Line {
	var lines []Line
	number := l.Start
	for n := l.FirstChild(); n != nil; n = n.NextSibling() {
		bullet := "• "
		if l.IsOrdered() {
			bullet = strconv.Itoa(number) + ". "
			number++
		} else if l.Parent() != nil && l.Parent().Kind() == ast.KindListItem {
			bullet = "◦ "
		}
		lines = append(lines, Indent(stack(r.blocks(n)), bullet, "    ")...)
	}
	return lines
}

// inline writes the children of n. Adjacent literals are written as one text, since the meaning of a character depends
// on its neighbors.
func (r *renderer) inline(n ast.Node) []Line {
	if r.depth > maxDepth {
		return Split(r.Text(notifiers.OneLine(plainText(n, r.source))))
	}
	r.depth++
	defer func() { r.depth-- }()
	out := []Line{{}}
	var literal strings.Builder
	afterMark := false
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if s, ok := r.literal(c); ok {
			literal.WriteString(s)
			continue
		}
		out = r.text(out, literal.String(), afterMark)
		literal.Reset()
		var span []Line
		if span, afterMark = r.span(c); afterMark && endsWord(out) {
			out = r.wordBreak(out)
		}
		out = concat(out, span)
	}
	return r.text(out, literal.String(), afterMark)
}

// text appends literal text to lines.
func (r *renderer) text(lines []Line, literal string, afterMark bool) []Line {
	if literal == "" {
		return lines
	}
	if afterMark && startsWord(literal) {
		lines = r.wordBreak(lines)
	}
	for i, s := range strings.Split(literal, "\n") {
		if i > 0 {
			lines = append(lines, Line{})
		}
		lines = concat(lines, Split(r.Text(s)))
	}
	return lines
}

func (r *renderer) wordBreak(lines []Line) []Line {
	if r.WordBreak == "" {
		return lines
	}
	return concat(lines, Split(r.WordBreak))
}

// concat continues the last line of a with the first line of b.
func concat(a, b []Line) []Line {
	last := &a[len(a)-1]
	last.Runs = append(last.Runs, b[0].Runs...)
	return append(a, b[1:]...)
}

// literal returns the text of a node that is only text.
func (r *renderer) literal(n ast.Node) (string, bool) {
	switch n := n.(type) {
	case *ast.Text:
		s := textOf(n, r.source)
		if n.SoftLineBreak() || n.HardLineBreak() {
			s += "\n"
		}
		return s, true
	case *ast.String:
		return string(n.Value), true
	}
	return "", false
}

// span writes an inline node that is more than text, and reports whether it begins and ends with markup.
func (r *renderer) span(n ast.Node) (lines []Line, mark bool) {
	switch n := n.(type) {
	case *ast.CodeSpan:
		return r.Code(plainText(n, r.source)).split(), true
	case *ast.Link:
		if id, ok := strings.CutPrefix(string(n.Destination), MentionScheme); ok {
			return Split(r.Mention(id)), false
		}
		return r.Link(string(n.Destination), plainText(n, r.source)).split(), false
	case *extast.Strikethrough:
		return r.Strike(r.inline(n)), true
	case *ast.Emphasis:
		return r.emphasis(n), true
	}
	return r.inline(n), false
}

func (r *renderer) emphasis(n *ast.Emphasis) []Line {
	if n.Level == 1 {
		return r.Italic(r.inline(n))
	}
	if r.inBold {
		return r.inline(n)
	}
	r.inBold = true
	defer func() { r.inBold = false }()
	return r.Bold(r.inline(n))
}

func endsWord(lines []Line) bool {
	runs := lines[len(lines)-1].Runs
	if len(runs) == 0 {
		return false
	}
	last, _ := utf8.DecodeLastRuneInString(runs[len(runs)-1].Text)
	return IsWord(last)
}

func startsWord(s string) bool {
	first, _ := utf8.DecodeRuneInString(s)
	return IsWord(first)
}
