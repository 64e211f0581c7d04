package main

import "strings"

// table is rows of cells that stand below each other. The last column takes what is left of a terminal.
type table struct {
	s      *screen
	header []string
	rows   []tableRow
}

type tableRow struct {
	cells []cell
	below string // a line below the row, in its own colour; empty for none
}

// cell is a text and how it is painted; nil is not at all.
type cell struct {
	text  string
	paint func(string) string
}

func plainCell(text string) cell { return cell{text: text} }

func (t *table) add(below string, cells ...cell) {
	for i := range cells {
		cells[i].text = strings.Join(strings.Fields(printable(cells[i].text)), " ")
	}
	t.rows = append(t.rows, tableRow{cells, strings.Join(strings.Fields(printable(below)), " ")})
}

func (t *table) print() {
	widths := t.widths()
	head := make([]cell, len(t.header))
	for i, text := range t.header {
		head[i] = cell{text, t.s.dim}
	}
	t.line(head, widths)
	for _, r := range t.rows {
		t.line(r.cells, widths)
		if r.below != "" {
			t.s.Printf("  %s\n", t.s.dim("↳ "+t.cut(r.below, 4)))
		}
	}
}

func (t *table) widths() []int {
	widths := make([]int, len(t.header))
	for i, text := range t.header {
		widths[i] = columns(text)
	}
	for _, r := range t.rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], columns(c.text))
		}
	}
	return widths
}

func (t *table) line(cells []cell, widths []int) {
	var b strings.Builder
	used, last := 0, len(cells)-1
	for i, c := range cells {
		if i == last {
			c.text = t.cut(c.text, used)
		}
		text := c.text
		if c.paint != nil {
			text = c.paint(text)
		}
		b.WriteString(text)
		if i < last {
			b.WriteString(strings.Repeat(" ", widths[i]-columns(c.text)+2))
			used += widths[i] + 2
		}
	}
	t.s.Printf("%s\n", strings.TrimRight(b.String(), " "))
}

// cut shortens text to what is left of a terminal's line; elsewhere programs may look for the whole.
func (t *table) cut(text string, used int) string {
	if !t.s.terminal {
		return text
	}
	return cutLine(text, max(t.s.columns-used, 20))
}
