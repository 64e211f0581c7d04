package message

import (
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// shortcode matches the name of an emoji as chats write it.
var shortcode = regexp.MustCompile(`:[a-z0-9_+'-]*[a-z][a-z0-9_+'-]*:|:[+-]1:|:100:|:1234:`)

// FirstShortcode returns the first shortcode of a text and its place, or "".
func FirstShortcode(text string) (found string, at int) {
	place := shortcode.FindStringIndex(text)
	if place == nil {
		return "", 0
	}
	return text[place[0]:place[1]], place[0]
}

// Marks stand for the colons of shortcodes of the rule while a title is made. Texts of events that hold one are taken
// for text.
const (
	openMark  = "\uE0F0"
	closeMark = "\uE0F1"
)

// MarkShortcodes returns a text with marks in place of the colons of shortcodes. literal is the same text, byte for byte,
// without the parts in which there are none.
func MarkShortcodes(text, literal string) string {
	var out strings.Builder
	end := 0
	for _, at := range shortcode.FindAllStringIndex(literal, -1) {
		out.WriteString(text[end:at[0]] + openMark + text[at[0]+1:at[1]-1] + closeMark)
		end = at[1]
	}
	return out.String() + text[end:]
}

// SetShortcodes sets the shortcodes of the title by the same title with marks.
func (m *Message) SetShortcodes(marked string) {
	plain := strings.NewReplacer(openMark, ":", closeMark, ":")
	if m.Shortcodes = nil; plain.Replace(marked) != m.Title || strings.ContainsAny(m.Title, openMark+closeMark) {
		return
	}
	runes := []rune(marked) // as many as the title has
	for i, at := range shortcode.FindAllStringIndex(m.Title, -1) {
		if string(runes[utf8.RuneCountInString(m.Title[:at[0]])]) == openMark {
			m.Shortcodes = append(m.Shortcodes, i)
		}
	}
}

// TitleWith returns the title with the shortcodes that are text of an event as text makes them.
func (m *Message) TitleWith(text func(shortcode string) string) string {
	i := -1
	return shortcode.ReplaceAllStringFunc(m.Title, func(found string) string {
		if i++; slices.Contains(m.Shortcodes, i) {
			return found
		}
		return text(found)
	})
}
