package value

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLongNamesAreShortenedAndStayApart(t *testing.T) {
	long := strings.Repeat("x", 600)
	seen := map[string]string{}
	for _, name := range []string{"", "run", long[:512], long[:513], long, long + "a", long + "b",
		strings.Repeat("ä", 300), strings.Repeat("日", 200), strings.Repeat("日", 200) + "本"} {
		short := ShortName(name, 512)
		switch {
		case len(name) <= 512 && short != name:
			t.Errorf("a name of %d bytes became %q", len(name), short)
		case len(short) > 512 || !utf8.ValidString(short):
			t.Errorf("a name of %d bytes became %d bytes: %q", len(name), len(short), short)
		case seen[short] != "":
			t.Errorf("%.20q and %.20q are both %q", name, seen[short], short)
		case ShortName(name, 512) != short:
			t.Errorf("%.20q has two short forms", name)
		}
		seen[short] = name
	}
}

func TestPrintableTextHasNothingInvisible(t *testing.T) {
	for text, want := range map[string]string{"": "", "Ana López 🔴": "Ana López 🔴", "a\x00\x1b\n\u202eb": `a\u0000\u001b\u000a\u202eb`,
		"\u00a0": `\u00a0`} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}
