package terminal

import (
	"strings"
	"testing"
)

func TestColumnsOfATableStandBelowEachOther(t *testing.T) {
	var out strings.Builder
	tab := &Table{S: &Screen{Writer: &out, Terminal: true, Columns: 40},
		Header: []string{"ID", "WHAT", "TITLE"}}
	tab.Add("", PlainCell("1"), PlainCell("日本"), PlainCell("short"))
	tab.Add("an error\nof two lines", PlainCell("22"), PlainCell("x"),
		PlainCell(strings.Repeat("long ", 20)))
	tab.Print()
	want := "ID  WHAT  TITLE\n1   日本  short\n22  x     long long long long long long…\n  ↳ an error of two lines\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
