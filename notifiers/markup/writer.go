package markup

import (
	"strings"

	"qaserelay/rules/message/markdown"
)

// Writer writes lines as the text of a channel. Each run is escaped and marked on its own.
type Writer struct {
	Escape func(string) string // escapes text without white space around it
	// Adapt changes a run to the styles that the channel has; nil changes nothing.
	Adapt func(Run) Run
	// Style puts the marks of a run around its text, which is escaped already.
	Style func(r Run, escaped string) string
	// Pre and Quote write a block of lines, which are written already.
	Pre, Quote func(lines []string) string
	Indent     string // replaces each space at the beginning of a line
}

// Write joins lines. The lines of a block of code or a quote are written as one block.
func (w Writer) Write(lines []Line) string {
	var b strings.Builder
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && sameBlock(lines[0], lines[n]) {
			n++
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
			if lines[0].Apart {
				b.WriteByte('\n')
			}
		}
		b.WriteString(w.block(lines[:n]))
		lines = lines[n:]
	}
	return b.String()
}

func sameBlock(first, next Line) bool {
	return next.Pre == first.Pre && next.Quote == first.Quote && !(next.Apart && next.Pre)
}

func (w Writer) block(lines []Line) string {
	written := make([]string, 0, len(lines))
	for i, line := range lines {
		if line.Apart && i > 0 {
			written = append(written, "")
		}
		written = append(written, w.Line(line))
	}
	if lines[0].Pre {
		written = strings.Split(w.Pre(written), "\n")
	}
	if lines[0].Quote {
		return w.Quote(written)
	}
	return strings.Join(written, "\n")
}

// Line writes one line.
func (w Writer) Line(l Line) string {
	if l.Pre {
		return l.raw()
	}
	var b strings.Builder
	afterStyle := false
	for _, r := range w.runs(l) {
		if strings.TrimSpace(r.Text) == "" && !r.Code {
			b.WriteString(r.Text)
			afterStyle = false
			continue
		}
		styled := r.styled()
		if afterStyle && styled {
			b.WriteString(Breaker)
		}
		b.WriteString(w.Style(r, w.Escape(r.Text)))
		afterStyle = styled
	}
	return b.String()
}

// runs returns the pieces of a line that are written one by one.
func (w Writer) runs(l Line) []Run {
	runs := l.pieces()
	for i, r := range runs {
		if w.Adapt != nil {
			runs[i] = w.Adapt(r)
		}
	}
	if len(runs) > 0 && !runs[0].Code {
		rest := strings.TrimLeft(runs[0].Text, " ")
		runs[0].Text = strings.Repeat(w.Indent, len(runs[0].Text)-len(rest)) + rest
	}
	return runs
}

// Shown returns lines as the channel shows what Write makes of them: for previews.
func (w Writer) Shown(lines []Line) []Line {
	var shown []Line
	for _, l := range lines {
		runs := l.Runs
		if !l.Pre {
			runs = w.runs(l)
		}
		l.Runs = nil
		for _, r := range runs {
			r.Text = Visible(r.Text)
			l.Add(r)
		}
		shown = append(shown, l)
	}
	return shown
}

// Markdown writes the Markdown of chats, in which line ends count. escape must escape all of its marks.
func Markdown(escape func(string) string) Writer {
	return Writer{
		Escape: escape,
		Style: func(r Run, s string) string {
			if r.Code {
				s = codeSpan(r.Text)
			}
			if r.URL != "" {
				s = MarkdownLink(r.URL, s)
			}
			return r.marked(s, "~~", "*", "**")
		},
		Pre: func(lines []string) string {
			code := strings.Join(lines, "\n")
			fence := strings.Repeat("`", max(len(Fence), markdown.LongestRun(code, "`")+1))
			return fence + "\n" + code + "\n" + fence
		},
		Quote:  Prefixed("> "),
		Indent: "\u00A0",
	}
}

// codeSpan writes a span of code between more backticks than it holds in a row.
func codeSpan(code string) string {
	opening, closing := markdown.CodeMarks(code)
	return opening + code + closing
}

// MarkdownLink links a label, which is escaped already, to a clean URL.
func MarkdownLink(url, label string) string {
	return "[" + label + "](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(url) + ")"
}

// marked puts marks around s, the strikethrough innermost.
func (r Run) marked(s, strike, italic, bold string) string {
	if r.Strike {
		s = strike + s + strike
	}
	if r.Italic {
		s = italic + s + italic
	}
	if r.Bold {
		s = bold + s + bold
	}
	return s
}

// HTML writes the few tags of HTML that chats know; line ends count. escape must escape all of HTML. Code has no other
// style, and a link on code is only a link.
func HTML(escape func(string) string) Writer {
	return Writer{
		Escape: escape,
		Adapt: func(r Run) Run {
			if r.Code && r.URL == "" {
				return Run{Text: r.Text, Code: true}
			}
			r.Code = false
			return r
		},
		Style: func(r Run, s string) string {
			if r.Code {
				return "<code>" + EscapeHTML(r.Text) + "</code>"
			}
			if r.URL != "" {
				s = HTMLLink(r.URL, s)
			}
			return r.tagged(s)
		},
		Pre:    func(lines []string) string { return "<pre>" + EscapeHTML(strings.Join(lines, "\n")) + "</pre>" },
		Quote:  func(lines []string) string { return "<blockquote>" + strings.Join(lines, "\n") + "</blockquote>" },
		Indent: "\u00A0",
	}
}

// HTMLLink links a label, which is escaped already, to a clean URL.
func HTMLLink(url, label string) string { return `<a href="` + EscapeHTML(url) + `">` + label + "</a>" }

func (r Run) tagged(s string) string {
	if r.Strike {
		s = "<s>" + s + "</s>"
	}
	if r.Italic {
		s = "<i>" + s + "</i>"
	}
	if r.Bold {
		s = "<b>" + s + "</b>"
	}
	return s
}

// Plain writes text without markup.
func Plain(escape func(string) string) Writer {
	return Writer{
		Escape: escape,
		Style: func(r Run, s string) string {
			if target := strings.TrimPrefix(r.URL, "mailto:"); r.Text != r.URL && r.Text != target && target != "" {
				return s + " (" + target + ")"
			}
			return s
		},
		Pre:    func(lines []string) string { return escape(strings.Join(lines, "\n")) },
		Quote:  Prefixed("> "),
		Indent: " ",
	}
}

// Prefixed writes each line of a block behind a prefix.
func Prefixed(prefix string) func([]string) string {
	return func(lines []string) string { return prefix + strings.Join(lines, "\n"+prefix) }
}
