package markup

import (
	"sort"
	"strings"
	"unicode"

	"qaserelay/notifiers"
)

// Line is one line of rich text. Messages are made of lines of runs; previews also use the fields for layout.
type Line struct {
	Runs    []Run
	Apart   bool // has space above it
	Heading bool // is a heading; only in previews, since headings of Markdown become bold
	Small   bool
	Quote   bool // belongs to a quote
	Pre     bool // belongs to a block of code, and keeps its spaces
	// Cells stand side by side in place of Runs, each with lines of its own.
	Cells [][]Line
	// Named marks a row of two cells: a short name, and beside it the value.
	Named bool
}

// Run is text in one style.
type Run struct {
	Text                       string
	URL                        string // link destination (http, https or mailto), clean; or empty
	Bold, Italic, Strike, Code bool
	Mention                    bool // mentions a person or a group
}

// Text returns the text of the line without styles and outer white space.
func (l Line) Text() string { return strings.TrimSpace(l.raw()) }

func (l Line) raw() string {
	if len(l.Runs) == 1 {
		return l.Runs[0].Text
	}
	var b strings.Builder
	for _, r := range l.Runs {
		b.WriteString(r.Text)
	}
	return b.String()
}

// Join returns the text of lines without styles.
func Join(lines []Line) string {
	texts := make([]string, len(lines))
	for i, l := range lines {
		texts[i] = l.raw()
	}
	return strings.Join(texts, "\n")
}

// Split returns each line of a text as a line of one run.
func Split(text string) []Line { return Run{Text: text}.split() }

// split returns a line for each line of the run's text.
func (r Run) split() []Line {
	if !strings.Contains(r.Text, "\n") {
		return []Line{r.line()}
	}
	var lines []Line
	for s := range strings.SplitSeq(r.Text, "\n") {
		r.Text = s
		lines = append(lines, r.line())
	}
	return lines
}

func (r Run) line() Line {
	if r.Text == "" && !r.Code {
		return Line{}
	}
	return Line{Runs: []Run{r}}
}

// SingleLine reads Markdown as one line of at most limit UTF-16 units.
func SingleLine(markdown string, limit int) Line {
	var line Line
	for i, l := range Lines(markdown) {
		if i > 0 {
			line.Add(Run{Text: " "})
		}
		line.Runs = append(line.Runs, l.Runs...)
	}
	return Truncate([]Line{line}, limit)[0]
}

// Add appends a run. A run in the style of the last one extends it.
func (l *Line) Add(r Run) {
	if r.Text == "" {
		return
	}
	if n := len(l.Runs); n > 0 {
		last, same := &l.Runs[n-1], r
		if same.Text = last.Text; same == *last {
			last.Text += r.Text
			return
		}
	}
	l.Runs = append(l.Runs, r)
}

// styled reports whether r is more than text.
func (r Run) styled() bool { return r.Bold || r.Italic || r.Strike || r.Code || r.URL != "" }

// pieces returns the runs with the white space around their texts as runs of its own, without a style: most markup
// has no effect beside white space. Code keeps its own.
func (l Line) pieces() []Run {
	pieces := make([]Run, 0, len(l.Runs)+2)
	for _, r := range l.Runs {
		if r.Code {
			pieces = append(pieces, r)
			continue
		}
		core := strings.TrimLeftFunc(r.Text, unicode.IsSpace)
		if left := r.Text[:len(r.Text)-len(core)]; left != "" {
			pieces = append(pieces, Run{Text: left})
		}
		text := strings.TrimRightFunc(core, unicode.IsSpace)
		if text == "" {
			continue
		}
		right := core[len(text):]
		r.Text = text
		if pieces = append(pieces, r); right != "" {
			pieces = append(pieces, Run{Text: right})
		}
	}
	return pieces
}

// Truncate keeps the first limit UTF-16 units of text, and puts an ellipsis where text is missing.
func Truncate(lines []Line, limit int) []Line {
	var kept []Line
	for _, line := range lines {
		runs := line.Runs
		line.Runs = nil
		for _, r := range runs {
			if n := notifiers.Units(r.Text); n <= limit {
				limit -= n
				line.Runs = append(line.Runs, r)
				continue
			}
			r.Text = r.Text[:notifiers.PrefixLen(r.Text, limit)] + notifiers.Ellipsis
			line.Runs = append(line.Runs, r)
			return append(kept, line)
		}
		kept = append(kept, line)
		limit = max(limit-1, 0) // the line end
	}
	return kept
}

// units counts the UTF-16 units of lines, with one for each line end.
func units(lines []Line) int {
	n := len(lines)
	for _, line := range lines {
		for _, r := range line.Runs {
			n += notifiers.Units(r.Text)
		}
	}
	return n
}

// Measure counts the length of a text as a channel does: notifiers.Units or [Bytes].
type Measure func(string) int

// Bytes is the measure of channels that count bytes.
func Bytes(s string) int { return len(s) }

// FitLines truncates lines until what write makes of them fits, and returns both. Longer lines must never fit where
// shorter ones do not.
func FitLines[T any](lines []Line, write func([]Line) T, fits func(T) bool) (T, []Line) {
	all := write(lines)
	if fits(all) {
		return all, lines
	}
	low, high := 0, units(lines) // low fits, or nothing does
	for low+1 < high {
		if middle := (low + high) / 2; fits(write(Truncate(lines, middle))) {
			low = middle
		} else {
			high = middle
		}
	}
	lines = Truncate(lines, low)
	return write(lines), lines
}

// FitText truncates s until it is at most limit long once it is escaped. It returns the text before escaping.
func FitText(s string, limit int, measure Measure, escape func(string) string) string {
	tooLong := func(n int) bool { return measure(escape(notifiers.Cut(s, n+1))) > limit }
	return notifiers.Cut(s, sort.Search(notifiers.Units(s), tooLong))
}
