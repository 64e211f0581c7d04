package message

import (
	"slices"
	"strings"
	"testing"
)

// TestShortcodesOfTheRuleAreToldFromThoseOfEvents has titles with a value of an event in place of VALUE.
func TestShortcodesOfTheRuleAreToldFromThoseOfEvents(t *testing.T) {
	const nul = "\x00\x00\x00\x00\x00"
	for _, c := range []struct {
		title, value string
		want         []int
		shown        string
	}{
		{":tada: VALUE", "done", []int{0}, ":tada: done"},
		{":tada: VALUE", ":x: :tada:", []int{0}, ":tada: <:x:> <:tada:>"},
		{"VALUE :tada: VALUE :+1:", ":x:", []int{1, 3}, "<:x:> :tada: <:x:> :+1:"},
		{"日本 :rotating_light: VALUE", "é:x:", []int{0}, "日本 :rotating_light: é<:x:>"},
		{"at 10:30:15 VALUE", "x", nil, "at 10:30:15 x"},
		{":VALUE:", "x", nil, "<:x:>"},
		{"VALUE:tada:", ":a", nil, "<:a:>tada:"},
		{":tada: VALUE", openMark + "x" + closeMark, nil, "<:tada:> " + openMark + "x" + closeMark},
		{"VALUE", ":x:", nil, "<:x:>"},
	} {
		literal := strings.ReplaceAll(c.title, "VALUE", nul)
		marked := strings.ReplaceAll(MarkShortcodes(c.title, literal), "VALUE", c.value)
		m := Message{Title: strings.ReplaceAll(c.title, "VALUE", c.value)}
		m.SetShortcodes(marked)
		if !slices.Equal(m.Shortcodes, c.want) {
			t.Errorf("%s with %q: got %v, want %v", c.title, c.value, m.Shortcodes, c.want)
		}
		if got := m.TitleWith(func(s string) string { return "<" + s + ">" }); got != c.shown {
			t.Errorf("%s with %q: shown as %q, want %q", c.title, c.value, got, c.shown)
		}
	}
}
