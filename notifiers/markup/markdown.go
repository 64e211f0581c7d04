package markup

import (
	"bufio"
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	extast "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"

	"qaserelay/notifiers"
	"qaserelay/rules/message/markdown"
)

// maxMarkdown bounds the UTF-16 units of a body that are read; no channel shows more.
const maxMarkdown = 100_000

// MentionScheme begins the destination of a link that is a mention. Rules write these links; events cannot.
const MentionScheme = "mention:"

// Parse reads CommonMark with tables and strikethrough, but without HTML: a tag is only text. A bare URL is also text,
// since it may come from the event. In the returned tree images are links, and the destination of each link is the web,
// a mailbox or, with mentions, a mention. Other links are text.
func Parse(body string, mentions bool) (ast.Node, []byte) {
	source := []byte(shallow(Shorten(notifiers.CleanText(body), maxMarkdown)))
	root := markdown.Parser(besideAnything{parser.NewEmphasisParser()},
		besideAnything{extension.NewStrikethroughParser()}).Parse(text.NewReader(source))
	cleanEntities(root, source)
	for _, n := range Collect(root, func(n ast.Node) bool { return n.Kind() == ast.KindImage }) {
		imageToLink(n.(*ast.Image))
	}
	isLink := func(n ast.Node) bool { return n.Kind() == ast.KindLink || n.Kind() == ast.KindAutoLink }
	for _, n := range Collect(root, isLink) {
		if link, ok := n.(*ast.Link); ok && bytes.HasPrefix(link.Destination, []byte(MentionScheme)) {
			if !mentions {
				link.Parent().InsertBefore(link.Parent(), link, literal("@"))
				unwrap(link)
			}
			continue
		}
		checkLink(n, source)
	}
	return root, source
}

// cleanEntities cleans texts in which entities stand for characters that [notifiers.CleanText] removes: control
// characters, and those that change the direction of text.
func cleanEntities(root ast.Node, source []byte) {
	if !bytes.Contains(source, []byte("&")) {
		return
	}
	for _, n := range Collect(root, func(n ast.Node) bool { return n.Kind() == ast.KindText }) {
		t := n.(*ast.Text)
		resolved := textOf(t, source)
		if clean := notifiers.CleanText(resolved); clean != resolved {
			t.Parent().InsertBefore(t.Parent(), t, literal(clean))
			t.Segment = t.Segment.WithStart(t.Segment.Stop) // the line break behind the text remains
		}
	}
}

// maxNesting bounds the nesting of quotes and lists in one line. The parser's work grows with the square of the depth.
const maxNesting = 32

// shallow escapes the markers that nest deeper than maxNesting, outside of code.
func shallow(body string) string {
	lines := strings.SplitAfter(body, "\n")
	fence := ""
	for i, line := range lines {
		mark := fenceAt(line)
		switch {
		case fence == "":
			fence = mark
		case mark != "" && strings.HasPrefix(mark, fence) && strings.Trim(line, " \t\n>"+mark[:1]) == "":
			fence = ""
		}
		if at := excessMarker(line); at >= 0 && fence == "" {
			lines[i] = line[:at] + "\\" + line[at:]
		}
	}
	return strings.Join(lines, "")
}

// fenceAt returns the fence at the beginning of a line, behind the markers of quotes and lists, or "".
func fenceAt(line string) string {
	rest := strings.TrimLeft(line, "> \t-*+.)0123456789")
	for _, mark := range []string{"`", "~"} {
		if n := len(rest) - len(strings.TrimLeft(rest, mark)); n >= len(Fence) {
			return rest[:n]
		}
	}
	return ""
}

// excessMarker returns the offset of the first marker of a quote or list that nests too deep, or -1.
func excessMarker(line string) int {
	depth := 0
	for i, r := range line {
		if !strings.ContainsRune("> \t-*+.)0123456789", r) {
			break
		}
		spaced := i+1 < len(line) && (line[i+1] == ' ' || line[i+1] == '\t')
		if r == '>' || spaced && strings.ContainsRune("-*+.)", r) {
			depth++
		}
		if depth > maxNesting {
			return i
		}
	}
	return -1
}

// besideAnything parses the marks of emphasis, also where CommonMark does not take them for marks: between a letter and
// a sign, as in **(3)**x or 失败**「x」**了. Rules put marks around values of which they do not know the first sign.
type besideAnything struct{ parser.InlineParser }

// Parse implements [parser.InlineParser].
func (p besideAnything) Parse(parent ast.Node, block text.Reader, pc parser.Context) ast.Node {
	before := block.PrecendingCharacter()
	n := p.InlineParser.Parse(parent, block, pc)
	mark, isMark := n.(*parser.Delimiter)
	if !isMark {
		return n
	}
	after := ' '
	if line, _ := block.PeekLine(); len(line) > 0 {
		after, _ = utf8.DecodeRune(line)
	}
	opens, closes := !unicode.IsSpace(after), !unicode.IsSpace(before)
	switch {
	case mark.OriginalLength > 1 && mark.Char != '_':
	case mark.Char == '_' || mark.Char == '*': // 2*(3+4)*5 and snake_case have no emphasis
		opens, closes = opens && parts(before), closes && parts(after)
	}
	mark.CanOpen, mark.CanClose = mark.CanOpen || opens, mark.CanClose || closes
	return n
}

// parts reports whether a letter beside a mark is of a script that writes no spaces between words.
func parts(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao,
		unicode.Khmer, unicode.Myanmar)
}

// Shorten truncates Markdown to at most limit UTF-16 units, the ellipsis included. It does not end within a span of
// code: without its second mark, the text of the span would be markup.
func Shorten(markdown string, limit int) string {
	if notifiers.Units(markdown) <= limit {
		return markdown
	}
	kept := notifiers.Cut(markdown, limit)
	kept = strings.TrimSuffix(kept, notifiers.Ellipsis)
	paragraph := strings.LastIndex(kept, "\n\n") + 1
	for at := paragraph; at < len(kept); {
		switch kept[at] {
		case '\\':
			at += 2
		case '`':
			n := len(kept[at:]) - len(strings.TrimLeft(kept[at:], "`"))
			end := spanEnd(kept[at+n:], n)
			if end < 0 && spanEnd(markdown[at+n:], n) >= 0 {
				return kept[:at] + notifiers.Ellipsis
			}
			at += n + max(end, 0)
		default:
			at++
		}
	}
	return kept + notifiers.Ellipsis
}

// spanEnd returns the offset behind the first n backticks in a row, no more and no less, or -1.
func spanEnd(s string, n int) int {
	for at := 0; ; {
		i := strings.IndexByte(s[at:], '`')
		if i < 0 {
			return -1
		}
		at += i
		length := len(s[at:]) - len(strings.TrimLeft(s[at:], "`"))
		if at += length; length == n {
			return at
		}
	}
}

// Collect returns the nodes below root for which want is true, outer ones first.
func Collect(root ast.Node, want func(ast.Node) bool) []ast.Node {
	var found []ast.Node
	// The callback returns no error, and so does Walk.
	_ = ast.Walk(root, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if entering && want(n) {
			found = append(found, n)
		}
		return ast.WalkContinue, nil
	})
	return found
}

// imageToLink replaces an image by a link, since loading an image tells its server who reads the message. An image
// within a link becomes its description.
func imageToLink(image *ast.Image) {
	parent := image.Parent()
	if parent == nil {
		return
	}
	for p := parent; p != nil; p = p.Parent() {
		if p.Kind() == ast.KindLink {
			unwrap(image)
			return
		}
	}
	link := ast.NewLink()
	link.Destination = image.Destination
	parent.InsertBefore(parent, image, link)
	for c := image.FirstChild(); c != nil; c = image.FirstChild() {
		link.AppendChild(link, c)
	}
	parent.RemoveChild(parent, image)
}

// unwrap replaces n by its children.
func unwrap(n ast.Node) {
	parent := n.Parent()
	moveChildren(n, parent)
	parent.RemoveChild(parent, n)
}

// moveChildren moves the children of n to before n in parent.
func moveChildren(n, parent ast.Node) {
	for c := n.FirstChild(); c != nil; c = n.FirstChild() {
		parent.InsertBefore(parent, n, c)
	}
}

// checkLink cleans the destination of a link. An unsafe link becomes text that shows its destination.
func checkLink(n ast.Node, source []byte) {
	parent := n.Parent()
	if auto, ok := n.(*ast.AutoLink); ok {
		link := ast.NewLink()
		raw := string(auto.URL(source))
		if auto.AutoLinkType == ast.AutoLinkEmail && !strings.HasPrefix(strings.ToLower(raw), "mailto:") {
			raw = "mailto:" + raw
		}
		link.Destination = []byte(raw)
		link.AppendChild(link, literal(string(auto.Label(source))))
		parent.ReplaceChild(parent, n, link)
		if clean, ok := CleanURL(raw); ok {
			link.Destination = []byte(clean)
			return
		}
		unwrap(link)
		return
	}
	link := n.(*ast.Link)
	raw := unescape(link.Destination)
	if clean, ok := CleanURL(raw); ok {
		link.Destination = []byte(clean)
		return
	}
	moveChildren(link, parent)
	if raw != "" {
		parent.InsertBefore(parent, link, literal(" ("+notifiers.CleanText(raw)+")"))
	}
	parent.RemoveChild(parent, link)
}

// literal is a node of text that holds no markup.
func literal(s string) *ast.String {
	n := ast.NewString([]byte(s))
	n.SetRaw(true)
	return n
}

// unescape resolves backslashes and entities as the HTML renderer does, which writes &, <, > and " escaped.
func unescape(segment []byte) string {
	if !bytes.ContainsAny(segment, "\\&\x00") {
		return string(segment)
	}
	var b bytes.Buffer
	w := bufio.NewWriter(&b)
	html.NewWriter().Write(w, segment)
	// A write to a bytes.Buffer does not fail.
	_ = w.Flush()
	return strings.NewReplacer("&lt;", "<", "&gt;", ">", "&quot;", `"`, "&amp;", "&").Replace(b.String())
}

// plainText returns the text of n without markup.
func plainText(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.WriteString(textOf(n, source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		}
		return ast.WalkContinue, nil
	})
	return b.String()
}

// textOf returns a piece of text with its escapes resolved. Code has no escapes.
func textOf(n *ast.Text, source []byte) string {
	if n.IsRaw() || n.Parent() != nil && n.Parent().Kind() == ast.KindCodeSpan {
		return string(n.Segment.Value(source))
	}
	return unescape(n.Segment.Value(source))
}

// CodeText returns the content of a block of code.
func CodeText(n ast.Node, source []byte) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		segment := n.Lines().At(i)
		b.Write(segment.Value(source))
	}
	return strings.TrimRight(b.String(), "\n")
}

// tableCells returns the texts of a table's cells, the header first, and the alignment of its columns.
func tableCells(t *extast.Table, source []byte) (rows [][]string, align []extast.Alignment) {
	for r := t.FirstChild(); r != nil; r = r.NextSibling() {
		var row []string
		for c := r.FirstChild(); c != nil; c = c.NextSibling() {
			row = append(row, strings.TrimSpace(plainText(c, source)))
		}
		rows = append(rows, row)
	}
	return rows, t.Alignments
}
