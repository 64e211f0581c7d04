package markup

import (
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"

	"qaserelay/notifiers"
)

// maxDepth is how deep markup may nest; what lies deeper is shown without it.
const maxDepth = 16

// Dialect says how a channel writes in text what Markdown means.
type Dialect struct {
	Text                 func(string) string // text without markup, so that it stays without
	Code                 func(string) string // a span of code
	Fence                func(string) string // a block of code
	Link                 func(url, label string) string
	Mention              func(id string) string           // nil where a mention is no more than a name
	Heading              func(level int, s string) string // s is inline markup without bold
	Bold, Italic, Strike string                           // stand before and after
	Quote                string                           // begins each line
	Rule                 string
	WordBreak            string // separates a mark from a letter beside it
}

// textRenderer writes a Markdown tree as text in one dialect.
type textRenderer struct {
	Dialect
	source []byte
	depth  int
	inBold bool
}

// RenderText turns Markdown into its top-level blocks, to be joined by empty lines.
func RenderText(d Dialect, body string) []string {
	root, source := ParseMarkdown(body, d.Mention != nil)
	r := &textRenderer{Dialect: d, source: source}
	return r.blocks(root)
}

func (r *textRenderer) blocks(parent ast.Node) []string {
	r.depth++
	defer func() { r.depth-- }()
	var out []string
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		if s := r.block(n); strings.TrimSpace(s) != "" {
			out = append(out, s)
		}
	}
	return out
}

func (r *textRenderer) block(n ast.Node) string {
	if r.depth > maxDepth {
		return r.Text(strings.TrimSpace(PlainText(n, r.source)))
	}
	switch n := n.(type) {
	case *ast.Heading:
		r.inBold = true
		defer func() { r.inBold = false }()
		return r.Heading(n.Level, r.inline(n))
	case *ast.Blockquote:
		return Indent(strings.Join(r.blocks(n), "\n\n"), r.Quote, r.Quote)
	case *ast.List:
		return r.list(n)
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		return r.Fence(LinesOf(n, r.source))
	case *ast.ThematicBreak:
		return r.Rule
	case *extast.Table:
		return r.Fence(alignTable(tableCells(n, r.source)))
	}
	return r.inline(n)
}

func (r *textRenderer) list(l *ast.List) string {
	var items []string
	number := l.Start
	for n := l.FirstChild(); n != nil; n = n.NextSibling() {
		bullet := "• "
		if l.IsOrdered() {
			bullet = strconv.Itoa(number) + ". "
			number++
		} else if l.Parent() != nil && l.Parent().Kind() == ast.KindListItem {
			bullet = "◦ "
		}
		items = append(items, Indent(strings.Join(r.blocks(n), "\n"), bullet, "    "))
	}
	return strings.Join(items, "\n")
}

// inline writes the children of n. Adjacent pieces of text are one to the dialect, since what a character means
// depends on its neighbours.
func (r *textRenderer) inline(n ast.Node) string {
	if r.depth > maxDepth {
		return r.Text(notifiers.OneLine(PlainText(n, r.source)))
	}
	r.depth++
	defer func() { r.depth-- }()
	var b, literal strings.Builder
	marked := false
	for c := n.FirstChild(); c != nil; c = c.NextSibling() {
		if s, ok := r.literal(c); ok {
			literal.WriteString(s)
			continue
		}
		r.flush(&b, literal.String(), marked)
		literal.Reset()
		s, mark := r.span(c)
		if mark && endsWord(b.String()) {
			b.WriteString(r.WordBreak)
		}
		b.WriteString(s)
		marked = mark
	}
	r.flush(&b, literal.String(), marked)
	return b.String()
}

// flush writes text, which follows a mark or does not.
func (r *textRenderer) flush(b *strings.Builder, literal string, marked bool) {
	if marked && startsWord(literal) {
		b.WriteString(r.WordBreak)
	}
	for i, line := range strings.Split(literal, "\n") {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(r.Text(line))
	}
}

// literal returns the text of a node that is nothing else.
func (r *textRenderer) literal(n ast.Node) (string, bool) {
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

// span writes one inline node that is more than text, and says whether it begins and ends with a mark.
func (r *textRenderer) span(n ast.Node) (s string, mark bool) {
	switch n := n.(type) {
	case *ast.CodeSpan:
		return r.Code(PlainText(n, r.source)), true
	case *ast.Link:
		if id, ok := strings.CutPrefix(string(n.Destination), MentionScheme); ok {
			return r.Mention(id), false
		}
		return r.Link(string(n.Destination), PlainText(n, r.source)), false
	case *extast.Strikethrough:
		return Around(r.Strike, r.inline(n)), true
	case *ast.Emphasis:
		return r.emphasis(n), true
	}
	return r.inline(n), false
}

func (r *textRenderer) emphasis(n *ast.Emphasis) string {
	if n.Level == 1 {
		return Around(r.Italic, r.inline(n))
	}
	if r.inBold {
		return r.inline(n)
	}
	r.inBold = true
	defer func() { r.inBold = false }()
	return Around(r.Bold, r.inline(n))
}

// Indent puts first before the first line of s and rest before the others that are not empty.
func Indent(s, first, rest string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		switch {
		case i == 0:
			lines[i] = first + lines[i]
		case lines[i] != "" || strings.TrimSpace(rest) != "":
			lines[i] = rest + lines[i]
		}
	}
	return strings.Join(lines, "\n")
}

func endsWord(s string) bool {
	r, _ := utf8.DecodeLastRuneInString(s)
	return IsWord(r)
}

func startsWord(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return IsWord(r)
}
