package terminal

import (
	"strings"
	"testing"
)

func TestColumnsOfATableAreAligned(t *testing.T) {
	var out strings.Builder
	tab := &Table{S: &Screen{Writer: &out, Terminal: true, Columns: 40},
		Header: []string{"ID", "WHAT", "TITLE"}}
	tab.Add("", Cell{Text: "1"}, Cell{Text: "日本"}, Cell{Text: "short"})
	tab.Add("an error\nof two lines", Cell{Text: "22"}, Cell{Text: "x"}, Cell{Text: strings.Repeat("long ", 20)})
	tab.Print()
	want := "ID  WHAT  TITLE\n1   日本  short\n22  x     long long long long long long…\n" +
		"  ↳ an error of two lines\n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
