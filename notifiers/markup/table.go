package markup

import (
	"slices"
	"strings"
	"unicode"

	"github.com/rivo/uniseg"
	extast "github.com/yuin/goldmark/extension/ast"
	"golang.org/x/text/width"

	"qaserelay/notifiers"
)

// maxCell bounds the width of a table's cell, in columns of a fixed-width screen.
const maxCell = 60

// alignTable writes rows, the first of them the header, in columns of fixed width.
func alignTable(rows [][]string, align []extast.Alignment) string {
	widths := make([]int, len(align))
	for _, row := range rows {
		for i := range row {
			row[i] = cutColumns(row[i], maxCell)
			if i < len(widths) {
				widths[i] = max(widths[i], Columns(row[i]))
			}
		}
	}
	lines := make([]string, 0, len(rows)+1)
	for _, row := range rows {
		cells := make([]string, len(widths))
		for i := range widths {
			if i < len(row) {
				cells[i] = row[i]
			}
			cells[i] = pad(cells[i], widths[i], align[i])
		}
		lines = append(lines, strings.TrimRight(strings.Join(cells, " | "), " "))
	}
	return strings.Join(slices.Insert(lines, 1, underline(widths)), "\n")
}

func underline(widths []int) string {
	parts := make([]string, len(widths))
	for i, w := range widths {
		parts[i] = strings.Repeat("-", w)
	}
	return strings.Join(parts, "-+-")
}

func pad(s string, width int, align extast.Alignment) string {
	missing := width - Columns(s)
	left := 0
	switch align {
	case extast.AlignRight:
		left = missing
	case extast.AlignCenter:
		left = missing / 2
	case extast.AlignLeft, extast.AlignNone:
	}
	return strings.Repeat(" ", left) + s + strings.Repeat(" ", missing-left)
}

// Columns returns the width of s on a fixed-width screen.
func Columns(s string) int {
	n := 0
	for _, r := range s {
		n += runeColumns(r)
	}
	return n
}

func cutColumns(s string, limit int) string {
	if Columns(s) <= limit {
		return s
	}
	n := Columns(notifiers.Ellipsis)
	for at := 0; at < len(s); {
		character, _, _, _ := uniseg.FirstGraphemeClusterInString(s[at:], -1)
		if n += Columns(character); n > limit {
			return s[:at] + notifiers.Ellipsis
		}
		at += len(character)
	}
	return s
}

func runeColumns(r rune) int {
	switch k := width.LookupRune(r).Kind(); {
	case unicode.In(r, unicode.Mn, unicode.Me, unicode.Cf):
		return 0
	case k == width.EastAsianWide, k == width.EastAsianFullwidth:
		return 2
	}
	return 1
}
