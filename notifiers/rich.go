package notifiers

import (
	"strings"
)

// richLine is one line of a body whose styles are data: for channels that take structures, and for markup that is only safe if every
// piece is written, escaped and cut by itself.
type richLine struct {
	apart bool // an empty line stands before it
	quote bool // it is quoted
	pre   bool // it belongs to a block of code
	runs  []richRun
}

// richRun is text in one style.
type richRun struct {
	text                       string
	bold, italic, strike, code bool
	url                        string // where it leads, clean; or empty
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

// richLines reads Markdown as lines.
func richLines(body string) []richLine {
	var lines []richLine
	for i, block := range renderText(richDialect(), body) {
		for j, s := range strings.Split(block, "\n") {
			line := parseRich(s)
			line.apart = i > 0 && j == 0
			lines = append(lines, line)
		}
	}
	return lines
}

// richDialect writes each style as a mark of its own.
func richDialect() dialect {
	return dialect{
		text: cleanText,
		code: func(s string) string { return string(richCode) + oneLine(s) + string(richCode) },
		fence: func(s string) string {
			return string(richPre) + strings.ReplaceAll(cleanText(s), "\n", "\n"+string(richPre))
		},
		link: func(url, label string) string {
			if label = oneLine(label); label == "" {
				label = url
			}
			return string(richURL) + url + string(richLabel) + label + string(richEnd)
		},
		heading: func(_ int, s string) string { return around(string(richBold), s) },
		bold:    string(richBold), italic: string(richItalic), strike: string(richStrike),
		quote: string(richQuote), rule: "──────────",
	}
}

// parseRich reads a line with marks. Every style that begins in a line ends in it.
func parseRich(s string) richLine {
	var line richLine
	var style richRun
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
			line.quote = true
		case richPre:
			line.pre = true
		case richURL:
			style.url, s, _ = strings.Cut(s, string(richLabel))
		default:
			style.toggle(mark)
		}
	}
	return line
}

func (r *richRun) toggle(mark byte) {
	switch mark {
	case richBold:
		r.bold = !r.bold
	case richItalic:
		r.italic = !r.italic
	case richStrike:
		r.strike = !r.strike
	case richCode:
		r.code = !r.code
	case richEnd:
		r.url = ""
	}
}

// add appends text in a style, to the last piece if that has the same.
func (l *richLine) add(style richRun, text string) {
	if text == "" {
		return
	}
	if n := len(l.runs); n > 0 {
		last := style
		if last.text = l.runs[n-1].text; last == l.runs[n-1] {
			l.runs[n-1].text += text
			return
		}
	}
	style.text = text
	l.runs = append(l.runs, style)
}

// cutLines keeps the first limit UTF-16 units of text, and puts a mark where something is missing.
func cutLines(lines []richLine, limit int) []richLine {
	var kept []richLine
	for _, line := range lines {
		runs := line.runs
		line.runs = nil
		for _, r := range runs {
			if n := units(r.text); n <= limit {
				limit -= n
				line.runs = append(line.runs, r)
				continue
			}
			r.text = r.text[:prefixLen(r.text, limit)] + mark
			line.runs = append(line.runs, r)
			return append(kept, line)
		}
		kept = append(kept, line)
		limit = max(limit-1, 0) // the line end
	}
	return kept
}

// textUnits counts the UTF-16 units of text.
func textUnits(lines []richLine) int {
	n := 0
	for _, line := range lines {
		for _, r := range line.runs {
			n += units(r.text)
		}
		n++
	}
	return n
}

// fitLines writes as much of lines as fits. write must give more for more lines, and fits say so too.
func fitLines[T any](lines []richLine, write func([]richLine) T, fits func(T) bool) T {
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
