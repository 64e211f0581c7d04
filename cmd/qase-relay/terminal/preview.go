package terminal

import (
	"slices"
	"strings"

	"github.com/charmbracelet/x/ansi"

	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
)

// PrintPreview prints a message as its recipient sees it. Each link is followed by its address, once per address.
func (s *Screen) PrintPreview(p *preview.Layout) {
	w := &previewPrinter{s: s, wide: min(s.Columns, 110) - 8, last: map[string]*markup.Run{}}
	rule := s.Level(p.Level, "┃") + " "
	w.note(p.Top)
	w.note(p.Lines)
	w.note([]markup.Line{{Runs: p.Buttons}})
	for i, f := range p.Facts {
		w.fact(p, f, i == 0)
	}
	w.lines(p.Top, "  ")
	w.lines(p.Lines, rule)
	for i := range p.Buttons {
		b := &p.Buttons[i]
		line := painted(nil, "[ "+b.Text+" ]", "1")
		w.print(append(line, w.address(b)...), rule)
	}
}

// previewPrinter prints one layout.
type previewPrinter struct {
	s    *Screen
	wide int
	last map[string]*markup.Run // the last run that links to an address
}

// glyph is a grapheme cluster with its width and its ANSI codes.
type glyph struct {
	text    string
	columns int
	paint   string
}

// painted appends the glyphs of words to a line.
func painted(to []glyph, words, paint string) []glyph {
	for words = Printable(words); words != ""; {
		character, columns := ansi.FirstGraphemeCluster(words, ansi.GraphemeWidth)
		to = append(to, glyph{character, columns, paint})
		words = words[len(character):]
	}
	return to
}

// note records the last run that links to each address.
func (w *previewPrinter) note(lines []markup.Line) {
	for i := range lines {
		for j := range lines[i].Runs {
			w.last[lines[i].Runs[j].URL] = &lines[i].Runs[j]
		}
		for _, cell := range lines[i].Cells {
			w.note(cell)
		}
	}
}

// fact prints a line above the message. The first line names the channel.
func (w *previewPrinter) fact(p *preview.Layout, f preview.Fact, first bool) {
	var line []glyph
	if first {
		line = painted(line, p.Channel+"  ", "1")
	}
	if f.Name != "" {
		line = painted(line, f.Name+": ", "2")
	}
	paint := ""
	if f.Name == "Subject" {
		paint = "1"
	}
	line = painted(line, strings.Join(strings.Fields(f.Text), " "), paint)
	w.print(line, "  ")
}

func (w *previewPrinter) lines(lines []markup.Line, margin string) {
	for i, l := range lines {
		if l.Apart && i > 0 {
			w.print(nil, margin)
		}
		if len(l.Cells) > 0 {
			w.row(l, margin)
			continue
		}
		line := w.line(l)
		if l.Pre && !w.s.Terminal { // programs look for whole lines
			w.printWhole(line, margin)
			continue
		}
		w.print(line, margin)
	}
}

// row prints cells side by side.
func (w *previewPrinter) row(l markup.Line, margin string) {
	wide := min(30, w.wide/len(l.Cells))
	if l.Named {
		wide = 14
	}
	var rows [][]glyph
	for i, cell := range l.Cells {
		room := wide - 2
		if i == len(l.Cells)-1 {
			room = w.wide - i*wide
		}
		n := 0
		for _, one := range cell {
			for _, line := range wrapped(w.line(one), room) {
				if n == len(rows) {
					rows = append(rows, nil)
				}
				rows[n] = append(padded(rows[n], i*wide), line...)
				n++
			}
		}
	}
	for _, row := range rows {
		w.printWhole(row, margin)
	}
}

// padded returns the line, padded with spaces to a width.
func padded(line []glyph, wide int) []glyph {
	for _, g := range line {
		wide -= g.columns
	}
	return painted(line, strings.Repeat(" ", max(wide, 0)), "")
}

func (w *previewPrinter) line(l markup.Line) []glyph {
	var line []glyph
	if l.Quote {
		line = painted(line, "│ ", "2")
	}
	for i := range l.Runs {
		line = append(line, w.run(l, &l.Runs[i])...)
	}
	return line
}

func (w *previewPrinter) run(l markup.Line, r *markup.Run) []glyph {
	var codes []string
	for code, on := range map[string]bool{"1": r.Bold || r.Mention || l.Heading, "2": l.Small, "3": r.Italic,
		"4": r.URL != "", "9": r.Strike, "36": r.Code, "34": r.Mention} {
		if on {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	line := painted(nil, r.Text, strings.Join(codes, ";"))
	if r.Code && !l.Pre && !w.s.Color {
		line = painted(painted(nil, "`", ""), r.Text+"`", "")
	}
	return append(line, w.address(r)...)
}

// address returns the address of r, if r is the last run that links there and its text is not the address itself.
func (w *previewPrinter) address(r *markup.Run) []glyph {
	if r.URL == "" || w.last[r.URL] != r || strings.TrimPrefix(r.URL, "mailto:") == r.Text {
		return nil
	}
	return painted(nil, " "+r.URL, "2")
}

// print prints a line, wrapped to the width.
func (w *previewPrinter) print(line []glyph, margin string) {
	for _, part := range wrapped(line, w.wide) {
		w.printWhole(part, margin)
	}
}

// wrapped splits a line into parts that fit a width.
func wrapped(line []glyph, wide int) (parts [][]glyph) {
	for {
		n := fitting(line, wide)
		parts = append(parts, line[:n:n])
		if line = line[n:]; len(line) == 0 {
			return parts
		}
		for len(line) > 0 && line[0].text == " " {
			line = line[1:]
		}
	}
}

// fitting returns the number of glyphs that fit a width. It breaks at a space if there is one.
func fitting(line []glyph, wide int) int {
	space, used := 0, 0
	for i, g := range line {
		if g.text == " " && i > 0 && line[i-1].text != " " {
			space = i
		}
		if used += g.columns; used <= max(wide, 10) {
			continue
		}
		if space > 0 {
			return space
		}
		return max(i, 1)
	}
	return len(line)
}

// printWhole prints a line without wrapping it.
func (w *previewPrinter) printWhole(line []glyph, margin string) {
	var b strings.Builder
	paint := ""
	for _, g := range line {
		if g.paint != paint && w.s.Color {
			b.WriteString("\x1b[0m")
			if g.paint != "" {
				b.WriteString("\x1b[" + g.paint + "m")
			}
		}
		paint = g.paint
		b.WriteString(g.text)
	}
	if paint != "" && w.s.Color {
		b.WriteString("\x1b[0m")
	}
	w.s.Printf("%s\n", strings.TrimRight("      "+margin+b.String(), " "))
}
