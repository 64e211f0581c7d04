package notifiers

import (
	"strings"
	"unicode"
)

// richMarkup says how a channel writes lines as text.
type richMarkup struct {
	text func(string) string              // text, so that it stays text
	run  func(r richRun, s string) string // a piece in its style; s is its written text
	// pre and quote write a block of lines that are written already.
	pre, quote func(lines []string) string
	indent     string // stands for a space at the beginning of a line
}

// write joins lines; those of one block of code, or of one quote, are written as one.
func (m richMarkup) write(lines []richLine) string {
	var b strings.Builder
	for len(lines) > 0 {
		n := 1
		for n < len(lines) && lines[n].pre == lines[0].pre && lines[n].quote == lines[0].quote && !(lines[n].apart && lines[n].pre) {
			n++
		}
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		if lines[0].apart && b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(m.group(lines[:n]))
		lines = lines[n:]
	}
	return b.String()
}

// group writes lines that are all code, all quoted, both or neither.
func (m richMarkup) group(lines []richLine) string {
	written := make([]string, 0, len(lines))
	for i, line := range lines {
		if line.apart && i > 0 {
			written = append(written, "")
		}
		written = append(written, m.line(line))
	}
	if lines[0].pre {
		written = strings.Split(m.pre(written), "\n")
	}
	if lines[0].quote {
		return m.quote(written)
	}
	return strings.Join(written, "\n")
}

func (m richMarkup) line(l richLine) string {
	var b strings.Builder
	styled := false
	for i, r := range l.runs {
		if l.pre {
			b.WriteString(r.text)
			continue
		}
		text := r.text
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
		r.text = core
		s := m.run(r, m.text(core))
		if styled && left == "" && r.styled() {
			b.WriteString(breaker)
		}
		b.WriteString(left + s + right)
		styled = right == "" && r.styled()
	}
	return b.String()
}

// styled reports whether a piece is more than text.
func (r richRun) styled() bool { return r.bold || r.italic || r.strike || r.code || r.url != "" }

// trimmed splits off the white space around s, beside which marks mean nothing.
func trimmed(s string) (left, core, right string) {
	core = strings.TrimLeftFunc(s, unicode.IsSpace)
	left = s[:len(s)-len(core)]
	core = strings.TrimRightFunc(core, unicode.IsSpace)
	return left, core, s[len(left)+len(core):]
}

// markdownMarkup is Markdown as chats have it, in which line ends count. text must escape what Markdown means.
func markdownMarkup(text func(string) string) richMarkup {
	return richMarkup{
		text: text,
		run: func(r richRun, s string) string {
			if r.code {
				s = "`" + strings.ReplaceAll(r.text, "`", "ˋ") + "`"
			}
			if r.url != "" {
				s = "[" + s + "](" + strings.NewReplacer("(", "%28", ")", "%29").Replace(r.url) + ")"
			}
			for _, mark := range []struct {
				on   bool
				with string
			}{{r.strike, "~~"}, {r.italic, "*"}, {r.bold, "**"}} {
				if mark.on {
					s = mark.with + s + mark.with
				}
			}
			return s
		},
		pre: func(lines []string) string {
			code := strings.ReplaceAll(strings.Join(lines, "\n"), fence, "`"+joiner+"`"+joiner+"`")
			return fence + "\n" + code + "\n" + fence
		},
		quote:  prefixed("> "),
		indent: "\u00A0",
	}
}

// htmlMarkup is HTML as chats have it: a handful of tags, in which line ends count. text must escape what HTML means.
func htmlMarkup(text func(string) string) richMarkup {
	return richMarkup{
		text: text,
		run: func(r richRun, s string) string {
			if r.code && r.url == "" {
				return "<code>" + escapeTags(r.text) + "</code>"
			}
			if r.url != "" {
				s = `<a href="` + escapeTags(r.url) + `">` + s + "</a>"
			}
			for _, tag := range []struct {
				on   bool
				name string
			}{{r.strike, "s"}, {r.italic, "i"}, {r.bold, "b"}} {
				if tag.on {
					s = "<" + tag.name + ">" + s + "</" + tag.name + ">"
				}
			}
			return s
		},
		pre: func(lines []string) string {
			return "<pre>" + escapeTags(strings.Join(lines, "\n")) + "</pre>"
		},
		quote: func(lines []string) string {
			return "<blockquote>" + strings.Join(lines, "\n") + "</blockquote>"
		},
		indent: "\u00A0",
	}
}

// plainMarkup is text for people, without markup.
func plainMarkup(text func(string) string) richMarkup {
	return richMarkup{
		text: text,
		run: func(r richRun, s string) string {
			if r.url == "" || r.text == r.url || r.text == strings.TrimPrefix(r.url, "mailto:") {
				return s
			}
			return s + " (" + strings.TrimPrefix(r.url, "mailto:") + ")"
		},
		pre:    func(lines []string) string { return text(strings.Join(lines, "\n")) },
		quote:  prefixed("> "),
		indent: " ",
	}
}

// prefixed writes each line of a quote behind prefix.
func prefixed(prefix string) func([]string) string {
	return func(lines []string) string { return prefix + strings.Join(lines, "\n"+prefix) }
}
