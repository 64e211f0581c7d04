package terminal

import (
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestColumnsCountsGraphemeClusters(t *testing.T) {
	for text, want := range map[string]int{
		"":         0,
		"abc":      3,
		"e\u0301":  1, // an accent of its own
		"日本":       4,
		"👨‍👩‍👧":    2, // a family is one emoji of five code points
		"🇩🇪":       2,
		"a👩🏽‍💻b":   4,
		"\u200bx":  1,
		"ne\u2060": 2,
	} {
		if got := Columns(text); got != want {
			t.Errorf("%q takes %d columns, want %d", text, got, want)
		}
	}
}

func TestPrintableKeepsEmojiWhole(t *testing.T) {
	for text, want := range map[string]string{
		"👨‍👩‍👧 passed":    "👨‍👩‍👧 passed",
		"a\u200db":        "ab", // a joiner between letters cannot be seen
		"\x1b[31mred":     "\uFFFD[31mred",
		"x\u202ey":        "xy",
		"\u200d\x1b]0;t👧": "\uFFFD]0;t👧",
	} {
		if got := Printable(text); got != want {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
}

func TestLinesAreTruncatedBetweenCharacters(t *testing.T) {
	if got, want := Truncate("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 5), "👨‍👩‍👧👨‍👩‍👧…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := Wrap("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧 e\u0301e\u0301", 10)
	if want := []string{"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧 e\u0301e\u0301"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTextIsWrappedByItsColumns(t *testing.T) {
	for _, c := range []struct {
		text  string
		limit int
		want  []string
	}{
		{"one two three", 10, []string{"one two", "three"}},
		{"short\n\nlast\n", 10, []string{"short", "", "last"}},
		{"日本語日本語 日本", 10, []string{"日本語日本", "語 日本"}},
		{"averyverylongword", 10, []string{"averyveryl", "ongword"}},
	} {
		if got := Wrap(c.text, c.limit); !reflect.DeepEqual(got, c.want) {
			t.Errorf("wrap(%q, %d) = %q, want %q", c.text, c.limit, got, c.want)
		}
	}
	long := strings.Repeat("x", 1<<20) // must not cost the square of its length
	if lines := Wrap(long, 64); len(lines) != 1<<14 || strings.Join(lines, "") != long {
		t.Errorf("a long word becomes %d lines", len(lines))
	}
}

func TestTextFromOutsideCannotControlTheTerminal(t *testing.T) {
	if got := Printable("a\x1b[31mb\u202ec\r\nd\u009b"); strings.ContainsAny(got, "\x1b\u202e\r\u009b") ||
		!strings.Contains(got, "b") {
		t.Errorf("got %q", got)
	}
}

func TestColorIsForTerminalsOnly(t *testing.T) {
	f, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if s := NewScreen(f); s.Color || s.Bold("x") != "x" || s.Columns != 80 {
		t.Errorf("a file is taken for a terminal: %+v", s)
	}
}

func TestOneLineHasNoBreaks(t *testing.T) {
	if got := OneLine("a\r\nb\tc\x1b"); got != "a\uFFFD b c\uFFFD" {
		t.Errorf("got %q", got)
	}
}
