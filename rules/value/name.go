package value

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"unicode"
)

// hashLength is the length of the hash at the end of a shortened name, with its sign.
const hashLength = 1 + 2*8

// ShortName returns a name of at most so many bytes: a longer one keeps its beginning and ends in a hash of the whole,
// so that two names stay two. It is for keys and labels, whose length has a limit.
func ShortName(name string, most int) string {
	if len(name) <= most {
		return name
	}
	sum := sha256.Sum256([]byte(name))
	start := strings.ToValidUTF8(name[:most-hashLength], "")
	return start + "~" + hex.EncodeToString(sum[:(hashLength-1)/2])
}

// Printable returns a text with its control and invisible characters as \u00XX.
func Printable(s string) string {
	invisible := func(r rune) bool { return !unicode.IsPrint(r) }
	if !strings.ContainsFunc(s, invisible) {
		return s
	}
	var out strings.Builder
	for _, r := range s {
		if invisible(r) {
			fmt.Fprintf(&out, `\u%04x`, r)
		} else {
			out.WriteRune(r)
		}
	}
	return out.String()
}
