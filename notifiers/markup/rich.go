package markup

import (
	"strings"

	"qaserelay/notifiers"
)

// RichLine is one line of a body whose styles are data: for channels that take structures, and for markup that is only safe if every
// piece is written, escaped and cut by itself.
type RichLine struct {
	Apart bool // an empty line stands before it
	Quote bool // it is quoted
	Pre   bool // it belongs to a block of code
	Runs  []RichRun
}

// RichRun is text in one style.
type RichRun struct {
	Text                       string
	Bold, Italic, Strike, Code bool
	URL                        string // where it leads, clean; or empty
}

// Marks of richDialect. They are control characters, which no text has.
const (
	richBold   = '\x01'
	richItalic = '\x02'
	richStrike = '\x03'
	richCode   = '\x04'
	richQuote  = '\x05'
	richPre    = '\x06'
	richURL    = '\x0e' // the destination of a link follows, up to
	richLabel  = '\x0f' // and then its label, up to
	richEnd    = '\x10'
)

// RichLines reads Markdown as lines.
func RichLines(body string) []RichLine {
	var lines []RichLine
	for i, block := range RenderText(richDialect(), body) {
		for j, s := range strings.Split(block, "\n") {
			line := parseRich(s)
			line.Apart = i > 0 && j == 0
			lines = append(lines, line)
		}
	}
	return lines
}

// richDialect writes each style as a mark of its own.
func richDialect() Dialect {
	return Dialect{
		Text: notifiers.CleanText,
		Code: func(s string) string { return string(richCode) + notifiers.OneLine(s) + string(richCode) },
		Fence: func(s string) string {
			return string(richPre) + strings.ReplaceAll(notifiers.CleanText(s), "\n", "\n"+string(richPre))
		},
		Link: func(url, label string) string {
			if label = notifiers.OneLine(label); label == "" {
				label = url
			}
			return string(richURL) + url + string(richLabel) + label + string(richEnd)
		},
		Heading: func(_ int, s string) string { return Around(string(richBold), s) },
		Bold:    string(richBold), Italic: string(richItalic), Strike: string(richStrike),
		Quote: string(richQuote), Rule: "──────────",
	}
}

// parseRich reads a line with marks. Every style that begins in a line ends in it.
func parseRich(s string) RichLine {
	var line RichLine
	var style RichRun
	for s != "" {
		n := strings.IndexFunc(s, func(r rune) bool { return r < ' ' && r != '\t' })
		if n < 0 {
			n = len(s)
		}
		line.add(style, s[:n])
		if n == len(s) {
			break
		}
		mark := s[n]
		s = s[n+1:]
		switch mark {
		case richQuote:
			line.Quote = true
		case richPre:
			line.Pre = true
		case richURL:
			style.URL, s, _ = strings.Cut(s, string(richLabel))
		default:
			style.toggle(mark)
		}
	}
	return line
}

func (r *RichRun) toggle(mark byte) {
	switch mark {
	case richBold:
		r.Bold = !r.Bold
	case richItalic:
		r.Italic = !r.Italic
	case richStrike:
		r.Strike = !r.Strike
	case richCode:
		r.Code = !r.Code
	case richEnd:
		r.URL = ""
	}
}

// add appends text in a style, to the last piece if that has the same.
func (l *RichLine) add(style RichRun, text string) {
	if text == "" {
		return
	}
	if n := len(l.Runs); n > 0 {
		last := style
		if last.Text = l.Runs[n-1].Text; last == l.Runs[n-1] {
			l.Runs[n-1].Text += text
			return
		}
	}
	style.Text = text
	l.Runs = append(l.Runs, style)
}

// cutLines keeps the first limit UTF-16 units of text, and puts a mark where something is missing.
func cutLines(lines []RichLine, limit int) []RichLine {
	var kept []RichLine
	for _, line := range lines {
		runs := line.Runs
		line.Runs = nil
		for _, r := range runs {
			if n := notifiers.Units(r.Text); n <= limit {
				limit -= n
				line.Runs = append(line.Runs, r)
				continue
			}
			r.Text = r.Text[:notifiers.PrefixLen(r.Text, limit)] + notifiers.Mark
			line.Runs = append(line.Runs, r)
			return append(kept, line)
		}
		kept = append(kept, line)
		limit = max(limit-1, 0) // the line end
	}
	return kept
}

// textUnits counts the UTF-16 units of text.
func textUnits(lines []RichLine) int {
	n := 0
	for _, line := range lines {
		for _, r := range line.Runs {
			n += notifiers.Units(r.Text)
		}
		n++
	}
	return n
}

// FitLines writes as much of lines as fits. write must give more for more lines, and fits say so too.
func FitLines[T any](lines []RichLine, write func([]RichLine) T, fits func(T) bool) T {
	all := write(lines)
	if fits(all) {
		return all
	}
	low, high := 0, textUnits(lines) // low fits, or nothing does
	for low+1 < high {
		if middle := (low + high) / 2; fits(write(cutLines(lines, middle))) {
			low = middle
		} else {
			high = middle
		}
	}
	return write(cutLines(lines, low))
}
