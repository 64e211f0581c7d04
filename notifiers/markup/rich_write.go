package markup

import (
	"strings"
	"unicode"
)

// RichMarkup says how a channel writes lines as text.
type RichMarkup struct {
	text func(string) string              // text, so that it stays text
	Run  func(r RichRun, s string) string // a piece in its style; s is its written text
	// pre and quote write a block of lines that are written already.
	Pre, Quote func(lines []string) string
	indent     string // stands for a space at the beginning of a line
}

// Write joins lines; those of one block of code, or of one quote, are written as one.
func (m RichMarkup) Write(lines []RichLine) string {
	var b strings.Builder
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n].Pre == lines[0].Pre && lines[n].Quote == lines[0].Quote && !(lines[n].Apart && lines[n].Pre) {
			n++
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if lines[0].Apart && b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(m.group(lines[:n]))
		lines = lines[n:]
	}
	return b.String()
}

// group writes lines that are all code, all quoted, both or neither.
func (m RichMarkup) group(lines []RichLine) string {
	written := make([]string, 0, len(lines))
	for i, line := range lines {
		if line.Apart && i > 0 {
			written = append(written, "")
		}
		written = append(written, m.Line(line))
	}
	if lines[0].Pre {
		written = strings.Split(m.Pre(written), "\n")
	}
	if lines[0].Quote {
		return m.Quote(written)
	}
	return strings.Join(written, "\n")
}

func (m RichMarkup) Line(l RichLine) string {
	var b strings.Builder
	styled := false
	for i, r := range l.Runs {
		if l.Pre {
			b.WriteString(r.Text)
			continue
		}
		text := r.Text
		if i == 0 {
			rest := strings.TrimLeft(text, " ")
			b.WriteString(strings.Repeat(m.indent, len(text)-len(rest)))
			text = rest
		}
		if strings.TrimSpace(text) == "" {
			b.WriteString(text)
			styled = false
			continue
		}
		left, core, right := trimmed(text)
		r.Text = core
		s := m.Run(r, m.text(core))
		if styled && left == "" && r.styled() {
			b.WriteString(Breaker)
		}
		b.WriteString(left + s + right)
		styled = right == "" && r.styled()
	}
	return b.String()
}

// styled reports whether a piece is more than text.
func (r RichRun) styled() bool { return r.Bold || r.Italic || r.Strike || r.Code || r.URL != "" }

// trimmed splits off the white space around s, beside which marks mean nothing.
func trimmed(s string) (left, core, right string) {
	core = strings.TrimLeftFunc(s, unicode.IsSpace)
	left = s[:len(s)-len(core)]
	core = strings.TrimRightFunc(core, unicode.IsSpace)
	return left, core, s[len(left)+len(core):]
}

// MarkdownMarkup is Markdown as chats have it, in which line ends count. text must escape what Markdown means.
func MarkdownMarkup(text func(string) string) RichMarkup {
	return RichMarkup{
		text: text,
		Run: func(r RichRun, s string) string {
			if r.Code {
				s = "`" + strings.ReplaceAll(r.Text, "`", "ˋ") + "`"
			}
			if r.URL != "" {
				s = "[" + s + "](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(r.URL) + ")"
			}
			for _, mark := range []struct {
				on   bool
				with string
			}{{r.Strike, "~~"}, {r.Italic, "*"}, {r.Bold, "**"}} {
				if mark.on {
					s = mark.with + s + mark.with
				}
			}
			return s
		},
		Pre: func(lines []string) string {
			code := strings.ReplaceAll(strings.Join(lines, "\n"), Fence, "`"+Joiner+"`"+Joiner+"`")
			return Fence + "\n" + code + "\n" + Fence
		},
		Quote:  Prefixed("> "),
		indent: "\u00A0",
	}
}

// HTMLMarkup is HTML as chats have it: a handful of tags, in which line ends count. text must escape what HTML means.
func HTMLMarkup(text func(string) string) RichMarkup {
	return RichMarkup{
		text: text,
		Run: func(r RichRun, s string) string {
			if r.Code && r.URL == "" {
				return "<code>" + EscapeTags(r.Text) + "</code>"
			}
			if r.URL != "" {
				s = `<a href="` + EscapeTags(r.URL) + `">` + s + "</a>"
			}
			for _, tag := range []struct {
				on   bool
				name string
			}{{r.Strike, "s"}, {r.Italic, "i"}, {r.Bold, "b"}} {
				if tag.on {
					s = "<" + tag.name + ">" + s + "</" + tag.name + ">"
				}
			}
			return s
		},
		Pre: func(lines []string) string {
			return "<pre>" + EscapeTags(strings.Join(lines, "\n")) + "</pre>"
		},
		Quote: func(lines []string) string {
			return "<blockquote>" + strings.Join(lines, "\n") + "</blockquote>"
		},
		indent: "\u00A0",
	}
}

// PlainMarkup is text for people, without markup.
func PlainMarkup(text func(string) string) RichMarkup {
	return RichMarkup{
		text: text,
		Run: func(r RichRun, s string) string {
			if r.URL == "" || r.Text == r.URL || r.Text == strings.TrimPrefix(r.URL, "mailto:") {
				return s
			}
			return s + " (" + strings.TrimPrefix(r.URL, "mailto:") + ")"
		},
		Pre:    func(lines []string) string { return text(strings.Join(lines, "\n")) },
		Quote:  Prefixed("> "),
		indent: " ",
	}
}

// Prefixed writes each line of a quote behind prefix.
func Prefixed(prefix string) func([]string) string {
	return func(lines []string) string { return prefix + strings.Join(lines, "\n"+prefix) }
}
