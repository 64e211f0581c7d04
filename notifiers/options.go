package notifiers

import (
	"encoding/json"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// mark stands where text was cut.
const mark = " …"

// mergeOptions decodes the notifier's defaults and, over them, the message's own options. Maps are merged key by
// key; lists are replaced.
func mergeOptions[T any](defaults, own json.RawMessage) (T, error) {
	var o T
	for _, layer := range []json.RawMessage{defaults, own} {
		if len(layer) == 0 {
			continue
		}
		if err := json.Unmarshal(layer, &o); err != nil {
			return o, fmt.Errorf("reading the message options: %w", err)
		}
	}
	return o, nil
}

// oneLine is cleanText in a single line: white space becomes one space.
func oneLine(s string) string { return strings.Join(strings.Fields(cleanText(s)), " ") }

// cleanText makes s valid UTF-8 with \n as line ends, without other control characters and without those that
// make text read from right to left which does not.
func cleanText(s string) string {
	s = strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r >= '\u202A' && r <= '\u202E' {
			return -1
		}
		return r
	}, s)
}

// cut shortens s to at most limit UTF-16 units, with a mark where something is missing.
func cut(s string, limit int) string {
	if units(s) <= limit {
		return s
	}
	return s[:prefixLen(s, limit-units(mark))] + mark
}

// units counts UTF-16 code units, the strictest of the ways in which services count characters.
func units(s string) int {
	n := 0
	for _, r := range s {
		n += runeUnits(r)
	}
	return n
}

// prefixLen returns the length in bytes of the longest prefix of s with at most limit UTF-16 units.
func prefixLen(s string, limit int) int {
	n := 0
	for i, r := range s {
		if n += runeUnits(r); n > limit {
			return i
		}
	}
	return len(s)
}

func runeUnits(r rune) int {
	if n := utf16.RuneLen(r); n > 0 {
		return n
	}
	return 1
}

// cutBytes shortens s to at most limit bytes, at a rune boundary.
func cutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}
