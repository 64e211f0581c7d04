package template

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/yuin/goldmark/ast"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"

	"qaserelay/rules/message/markdown"
	"qaserelay/rules/value"
)

// In Markdown with code or tables the text of a value depends on its place: code shows a value exactly as it is, and
// the row of a table is one line. While such a template is executed, values are held back, and a placeholder stands for
// each. Then the Markdown is parsed as its readers parse it, and each value is written for the place in which it is.
// Since a placeholder is not markup, a value cannot change its own place.

// placeholder stands for a held value. It is not a character, so texts do not contain it.
const placeholder = "\uFDD0"

// maxSpan bounds the bytes of a value in a span of code. A reader that drops the end of a long text must not lose the
// end of the span, behind which the value would be markup.
const maxSpan = 10_000

// placementCost is the price of parsing a byte, in units of the budget.
const placementCost = 32

// hasPlaces reports whether a Markdown template may hold code or a table, in which values are written differently.
func hasPlaces(text string) bool {
	return strings.ContainsAny(text, "`|\t") || strings.Contains(text, "~~~") || strings.Contains(text, "    ")
}

// held is a value that waits for its place.
type held struct {
	value any
	trim  bool // in prose it stands beside a mark
}

// hold writes a value of situated Markdown: at once if it reads the same everywhere, or else later.
func (r *Renderer) hold(h held) error {
	raw, prose := rawText(h.value), h.prose()
	if raw == prose && !strings.ContainsAny(raw, "\n|") && raw != "" {
		return r.write(raw)
	}
	if strings.TrimSpace(raw) == "" && !strings.HasSuffix(r.out.String(), "`") {
		return nil // a line of it alone would end a paragraph
	}
	left := max(r.start+maxOutputBytes-r.out.Len()-r.heldBytes-len(placeholder), 0)
	if len(raw) > left {
		r.full = true
		h.value = strings.ToValidUTF8(raw[:left], "") + " …"
	}
	r.heldBytes += len(raw)
	r.held = append(r.held, h)
	err := r.write(placeholder)
	if r.full {
		err = fmt.Errorf("the template prints more than %d bytes", maxOutputBytes)
	}
	return err
}

// prose is the value as Markdown outside of code.
func (h held) prose() string {
	return trimmed(MarkdownText(h.value), h.trim)
}

// trimmed returns s, without white space at its ends if it stands beside a mark of emphasis, which must not begin or end
// with it.
func trimmed(s string, trim bool) string {
	if trim {
		return strings.TrimSpace(s)
	}
	return s
}

// rawText is a value without markup, as code shows it.
func rawText(v any) string {
	switch of := v.(type) {
	case value.Link:
		v = of.Text
	case value.Mention:
		v = of.Name
	}
	raw := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(value.Readable(v), "\uFFFD"))
	return strings.Map(codeRune, raw)
}

// codeRune drops what readers drop, since a mark of code must not become longer afterwards: control characters, and
// characters that change the direction of text.
func codeRune(r rune) rune {
	switch {
	case unicode.IsControl(r) && r != '\n' && r != '\t', r >= '\u202A' && r <= '\u202E':
		return -1
	case string(r) == placeholder:
		return unicode.ReplacementChar
	}
	return r
}

// settle replaces the placeholders in a Markdown body by the held values.
func (r *Renderer) settle(body string) (string, error) {
	if err := r.call.Budget.Spend(placementCost * len(body)); err != nil {
		return "", err
	}
	s := &settling{source: body, values: r.held, texts: make([]string, len(r.held))}
	for at := 0; len(s.at) < len(r.held); at += len(placeholder) {
		at += strings.Index(body[at:], placeholder)
		s.at = append(s.at, at)
	}
	for i, h := range r.held {
		s.texts[i] = h.prose()
	}
	root := markdown.Parser().Parse(text.NewReader([]byte(body)))
	// The callback returns no error, and so does Walk.
	_ = ast.Walk(root, func(n ast.Node, in bool) (ast.WalkStatus, error) {
		if in {
			s.place(n)
		}
		return ast.WalkContinue, nil
	})
	return s.result(), nil
}

// settling writes held values into their places.
type settling struct {
	source string
	values []held
	at     []int    // offset of each placeholder
	texts  []string // of each value in its place
	edits  []edit   // of fences
}

// edit replaces a part of the source.
type edit struct {
	from, to int
	with     string
}

// within returns the indexes of the values from one offset up to another.
func (s *settling) within(from, to int) (first, last int) {
	first, _ = slices.BinarySearch(s.at, from)
	last, _ = slices.BinarySearch(s.at, to)
	return first, last
}

// place writes the values in n, if it is code or the cell of a table.
func (s *settling) place(n ast.Node) {
	switch n := n.(type) {
	case *ast.CodeBlock, *ast.FencedCodeBlock:
		s.block(n)
	case *extast.TableCell:
		for i := range n.Lines().Len() {
			seg := n.Lines().At(i)
			first, last := s.within(seg.Start, seg.Stop)
			for v := first; v < last; v++ {
				s.texts[v] = strings.ReplaceAll(s.texts[v], "\\\n", " ")
			}
		}
	case *ast.CodeSpan:
		s.span(n)
	}
}

// block writes the values in a block of code. Their lines begin as the line that they are in, behind the marks of quotes
// and lists around the block. A fence is longer than any that the values hold.
func (s *settling) block(n ast.Node) {
	lines := n.Lines()
	holds := false
	for i := range lines.Len() {
		seg := lines.At(i)
		first, last := s.within(seg.Start, seg.Stop)
		for v := first; v < last; v++ {
			holds = true
			prefix := strings.Map(inContainer, s.source[s.lineStart(seg.Start):seg.Start])
			s.texts[v] = strings.ReplaceAll(rawText(s.values[v].value), "\n", "\n"+prefix)
		}
	}
	if _, fenced := n.(*ast.FencedCodeBlock); fenced && holds {
		s.fence(lines.At(0).Start, lines.At(lines.Len()-1).Stop)
	}
}

// inContainer keeps the marks of quotes, and replaces those of lists.
func inContainer(r rune) rune {
	if r == '>' || r == '\t' {
		return r
	}
	return ' '
}

func (s *settling) lineStart(at int) int { return strings.LastIndexByte(s.source[:at], '\n') + 1 }

// fence makes the fences around the code from one offset to another long enough.
func (s *settling) fence(from, to int) {
	end := s.lineStart(from) // of the opening line
	start := s.lineStart(end - 1)
	open := strings.IndexAny(s.source[start:end], "`~")
	if open < 0 {
		return
	}
	open += start
	mark := s.source[open : open+1]
	length := markdown.Run(s.source[open:], mark)
	more := markdown.LongestRun(s.written(from, to), mark) + 1 - length
	if more <= 0 {
		return
	}
	s.edits = append(s.edits, edit{open, open, strings.Repeat(mark, more)})
	closing, _, _ := strings.Cut(s.source[to:], "\n")
	if rest := strings.TrimLeft(closing, " >\t"); markdown.Run(rest, mark) >= length {
		at := to + len(closing) - len(rest)
		s.edits = append(s.edits, edit{at, at, strings.Repeat(mark, more)})
	}
}

// span writes the values in a span of code. A span without a text would be read as its marks, so it is left out.
func (s *settling) span(n *ast.CodeSpan) {
	if n.FirstChild() == nil {
		return
	}
	from, to := n.FirstChild().(*ast.Text).Segment.Start, n.LastChild().(*ast.Text).Segment.Stop
	first, last := s.within(from, to)
	if first == last {
		return
	}
	lines := strings.NewReplacer("\n", " ")
	if inTable(n) {
		lines = strings.NewReplacer("\n", " ", "|", `\|`)
	}
	for v := first; v < last; v++ {
		s.texts[v] = lines.Replace(value.Shorten(rawText(s.values[v].value), maxSpan))
	}
	content := s.written(from, to)
	start := len(strings.TrimRight(strings.TrimRight(s.source[:from], " \n"), "`"))
	end := to + len(s.source[to:]) - len(strings.TrimLeft(strings.TrimLeft(s.source[to:], " \n"), "`"))
	if content == "" {
		s.edits = append(s.edits, edit{from: start, to: end})
		return
	}
	opening, closing := markdown.CodeMarks(content)
	s.edits = append(s.edits, edit{start, from, opening}, edit{to, end, closing})
}

func inTable(n ast.Node) bool {
	for p := n.Parent(); p != nil; p = p.Parent() {
		if p.Kind() == extast.KindTableCell {
			return true
		}
	}
	return false
}

// written returns a part of the source with its values.
func (s *settling) written(from, to int) string {
	var b strings.Builder
	first, last := s.within(from, to)
	for v := first; v < last; v++ {
		b.WriteString(s.source[from:s.at[v]] + s.texts[v])
		from = s.at[v] + len(placeholder)
	}
	b.WriteString(s.source[from:to])
	return b.String()
}

// result returns the source with all edits.
func (s *settling) result() string {
	for v, at := range s.at {
		s.edits = append(s.edits, edit{at, at + len(placeholder), s.texts[v]})
	}
	slices.SortStableFunc(s.edits, func(a, b edit) int { return cmp.Compare(a.from, b.from) })
	var b strings.Builder
	at := 0
	for _, e := range s.edits {
		if e.from < at {
			continue // within a part that is left out
		}
		b.WriteString(s.source[at:e.from] + e.with)
		at = e.to
	}
	b.WriteString(s.source[at:])
	return b.String()
}
