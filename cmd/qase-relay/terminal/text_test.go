package terminal

import (
	"slices"
	"testing"
)

func TestColumnsCountsCharactersAsPeopleSeeThem(t *testing.T) {
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

func TestLinesAreCutBetweenCharacters(t *testing.T) {
	if got, want := Truncate("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", 5), "👨‍👩‍👧👨‍👩‍👧…"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	got := Wrap("👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧 e\u0301e\u0301", 10)
	if want := []string{"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧", "👨‍👩‍👧 e\u0301e\u0301"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
