package terminal

import "strings"

// Table prints rows of cells in columns. On a terminal the last column is truncated to the remaining width.
type Table struct {
	S      *Screen
	Header []string
	rows   []tableRow
}

type tableRow struct {
	cells []Cell
	below string // a line below the row; empty for none
}

// Cell is a text and the function that colors it, which may be nil.
type Cell struct {
	Text  string
	Paint func(string) string
}

// Add adds a row, and a line below it unless below is empty.
func (t *Table) Add(below string, cells ...Cell) {
	for i := range cells {
		cells[i].Text = strings.Join(strings.Fields(Printable(cells[i].Text)), " ")
	}
	t.rows = append(t.rows, tableRow{cells, strings.Join(strings.Fields(Printable(below)), " ")})
}

// Print prints the header and the rows.
func (t *Table) Print() {
	widths := t.widths()
	head := make([]Cell, len(t.Header))
	for i, text := range t.Header {
		head[i] = Cell{text, t.S.Dim}
	}
	t.line(head, widths)
	for _, r := range t.rows {
		t.line(r.cells, widths)
		if r.below != "" {
			t.S.Printf("  %s\n", t.S.Dim("↳ "+t.cut(r.below, 4)))
		}
	}
}

func (t *Table) widths() []int {
	widths := make([]int, len(t.Header))
	for i, text := range t.Header {
		widths[i] = Columns(text)
	}
	for _, r := range t.rows {
		for i, c := range r.cells {
			widths[i] = max(widths[i], Columns(c.Text))
		}
	}
	return widths
}

func (t *Table) line(cells []Cell, widths []int) {
	var b strings.Builder
	used, last := 0, len(cells)-1
	for i, c := range cells {
		if i == last {
			c.Text = t.cut(c.Text, used)
		}
		text := c.Text
		if c.Paint != nil {
			text = c.Paint(text)
		}
		b.WriteString(text)
		if i < last {
			b.WriteString(strings.Repeat(" ", widths[i]-Columns(c.Text)+2))
			used += widths[i] + 2
		}
	}
	t.S.Printf("%s\n", strings.TrimRight(b.String(), " "))
}

// cut truncates text to the rest of a terminal's line. Without a terminal, programs get the whole text.
func (t *Table) cut(text string, used int) string {
	if !t.S.Terminal {
		return text
	}
	return Truncate(text, max(t.S.Columns-used, 20))
}
