package notifiers

import (
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// The limits of fields, in characters of their names and values.
const (
	maxFields     = 10
	MaxFieldName  = 50
	MaxFieldValue = 500
)

// Ellipsis ends a text that was truncated.
const Ellipsis = " …"

// OneLine is CleanText in a single line: white space becomes one space.
func OneLine(s string) string {
	if isPlain(s) && !strings.Contains(s, "  ") && !strings.HasPrefix(s, " ") && !strings.HasSuffix(s, " ") {
		return s
	}
	return strings.Join(strings.Fields(CleanText(s)), " ")
}

// CleanText makes s valid UTF-8 with \n as line ends, without other control characters and without characters that
// change the direction of text.
func CleanText(s string) string {
	if isPlain(s) {
		return s
	}
	s = lineEnds.Replace(strings.ToValidUTF8(s, "\uFFFD"))
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' || r >= '\u202A' && r <= '\u202E' {
			return -1
		}
		return r
	}, s)
}

var lineEnds = strings.NewReplacer("\r\n", "\n", "\r", "\n")

// isPlain reports whether a text has nothing but the printable characters of ASCII, as most have.
func isPlain(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' {
			return false
		}
	}
	return true
}

// Cut truncates s to at most limit UTF-16 units, the ellipsis included.
func Cut(s string, limit int) string {
	if Units(s) <= limit {
		return s
	}
	return s[:PrefixLen(s, limit-Units(Ellipsis))] + Ellipsis
}

// Units counts UTF-16 code units, the strictest of the ways in which services count characters.
func Units(s string) int {
	n := 0
	for _, r := range s {
		n += runeUnits(r)
	}
	return n
}

// PrefixLen returns the length in bytes of the longest prefix of s with at most limit UTF-16 units that ends between
// two characters as people see them.
func PrefixLen(s string, limit int) int {
	n := 0
	for i, r := range s {
		if n += runeUnits(r); n > limit {
			return wholePrefix(s, i)
		}
	}
	return len(s)
}

// wholePrefix returns the length of the longest prefix of s, up to n bytes, that does not end within a grapheme
// cluster. Of a single cluster that is longer it returns a part, so that splitting a text always goes on.
func wholePrefix(s string, n int) int {
	if n <= 0 || n >= len(s) || s[n-1] < utf8.RuneSelf && s[n] < utf8.RuneSelf {
		return n
	}
	for at := strings.LastIndexByte(s[:n], '\n') + 1; at < n; {
		cluster, _, _, _ := uniseg.FirstGraphemeClusterInString(s[at:], -1)
		if at+len(cluster) > n {
			if at > 0 {
				return at
			}
			return len(strings.TrimRight(s[:n], "\u200D")) // no joiner without what it joins
		}
		at += len(cluster)
	}
	return n
}

func runeUnits(r rune) int {
	if n := utf16.RuneLen(r); n > 0 {
		return n
	}
	return 1
}

// CutBytes truncates s to at most limit bytes, between two characters as people see them.
func CutBytes(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:wholePrefix(s, limit)]
}
