package email

import (
	"encoding/base64"
	"fmt"
	"net/mail"
	"strings"
	"unicode/utf8"

	"github.com/rivo/uniseg"
	"golang.org/x/net/idna"
)

// parseAddress reads an address. Its domain is in ASCII afterwards, as in the domain name system (RFC 5891).
func parseAddress(s string) (*mail.Address, error) {
	a, err := mail.ParseAddress(s)
	if err != nil {
		return nil, err
	}
	local, domain := a.Address[:strings.LastIndexByte(a.Address, '@')], a.Address[strings.LastIndexByte(a.Address, '@')+1:]
	if isASCII(domain) {
		return a, nil
	}
	ascii, err := idna.Lookup.ToASCII(domain)
	if err != nil {
		return nil, fmt.Errorf("%q is not a valid domain: %w", domain, err)
	}
	a.Address = local + "@" + ascii
	return a, nil
}

func isASCII(s string) bool {
	return !strings.ContainsFunc(s, func(r rune) bool { return r >= utf8.RuneSelf })
}

// needsUTF8 reports whether only servers with SMTPUTF8 (RFC 6531) take an address: what stands before the @ has no
// other form.
func needsUTF8(a *mail.Address) bool { return !isASCII(a.Address) }

func withoutUTF8(list []*mail.Address) (kept []*mail.Address) {
	for _, a := range list {
		if !needsUTF8(a) {
			kept = append(kept, a)
		}
	}
	return kept
}

// Lengths of the words of a subject. The first stands behind the name of the field: some programs do not find a subject
// that begins on the second line.
const (
	maxFirstWord = 62
	maxWord      = 70
)

// encodeSubject writes a subject as encoded words (RFC 2047), if it is not ASCII or has words that fit no line. No word
// ends within a character as people see it.
func encodeSubject(s string) string {
	plain := isASCII(s)
	for i, word := range strings.Split(s, " ") {
		plain = plain && (len(word) <= maxFirstWord || i > 0 && len(word) <= maxWord)
	}
	if plain {
		return s
	}
	begin, encode := "=?UTF-8?q?", quote
	if encoded := base64.StdEncoding.EncodeToString([]byte(s)); len(encoded) < len(quote(s)) {
		begin, encode = "=?UTF-8?b?", func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) }
	}
	var words []string
	word, room := "", maxFirstWord
	for g := uniseg.NewGraphemes(s); g.Next(); {
		for _, part := range fitting(g.Str()) {
			if len(begin)+len(encode(word+part))+len("?=") > room {
				words = append(words, begin+encode(word)+"?=")
				word, room = "", maxWord
			}
			word += part
		}
	}
	return strings.Join(append(words, begin+encode(word)+"?="), " ")
}

// fitting returns a character, in its runes if it does not fit a word.
func fitting(character string) []string {
	if len(quote(character)) > maxFirstWord-len("=?UTF-8?q??=") {
		return strings.Split(character, "")
	}
	return []string{character}
}

// quote encodes text for a word of the kind Q.
func quote(s string) string {
	var b strings.Builder
	for i := range len(s) {
		switch c := s[i]; {
		case c == ' ':
			b.WriteByte('_')
		case c >= '0' && c <= '9', c >= 'A' && c <= 'Z', c >= 'a' && c <= 'z', strings.IndexByte("!*+-/.,:;()#&'", c) >= 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, "=%02X", c)
		}
	}
	return b.String()
}
