// Package search makes the words by which events are found: what of an event is in the index, how a text becomes words,
// and what people may ask for. The words are ready for the engines, which keep and compare them byte by byte, so that
// both find the same.
//
// A word is a run of letters and digits, in small letters and without accents, so WEB-123 is web and 123, and
// bob@example.com is bob, example and com. Each character of a script without spaces is a word of its own. A facet is a
// word for a value of the event, such as its project; it begins with a character that no word of a text has.
package search

import (
	"crypto/sha256"
	"encoding/base32"
	"strings"
	"unicode"
	"unicode/utf8"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/text/unicode/norm"
)

const (
	// maxWord is the length of the longest word, in characters: the rest of a longer one is left out, also of one that
	// is asked for.
	maxWord = 40
	// MaxWords is how many different words of one event can be found, the first ones.
	MaxWords = 4000
	// facetMark begins a facet. It is a character for private use, and no letter.
	facetMark = "\uE000"
)

// Kind is what a facet is about, as one letter.
type Kind string

// The facets of an event.
const (
	Project  Kind = "p"
	Name     Kind = "n" // such as run.completed
	Source   Kind = "s"
	Rule     Kind = "r" // a rule that matched, waits or failed
	Notifier Kind = "o" // of one of its deliveries
	Sent     Kind = "d" // the rule of one of its deliveries
	Outcome  Kind = "c" // of the event, or of one of its rules
	Entity   Kind = "e" // type/id, such as run/7; see [Query.OfEntity]
)

// Facet returns the word for a value. Its length does not depend on the value, which may be any text.
func Facet(kind Kind, value string) string {
	if kind == Entity || len(value) > keptValue { // most entities are asked for once
		return newFacet(kind, value)
	}
	key := facetOf{kind, value}
	word, known := keptFacets.Get(key)
	if !known {
		word = newFacet(kind, value)
		keptFacets.Add(key, word)
	}
	return word
}

// facetOf is a value that has a facet.
type facetOf struct {
	kind  Kind
	value string
}

// keptValue is the length of the longest value whose facet is kept in memory, in bytes.
const keptValue = 128

// keptFacets has the facets of the last values, since few names, projects, rules and notifiers come again and again.
var keptFacets = func() *lru.Cache[facetOf, string] {
	const values = 512
	c, err := lru.New[facetOf, string](values)
	if err != nil {
		panic(err) // of a size that is not positive
	}
	return c
}()

func newFacet(kind Kind, value string) string {
	const bytes = 10
	sum := sha256.Sum256([]byte(value))
	return facetMark + string(kind) + strings.ToLower(base32.HexEncoding.EncodeToString(sum[:bytes]))
}

// Words returns the words of a text in their order, as often as they come.
func Words(text string) []string {
	var w splitter
	w.add(text)
	return w.words
}

// splitter collects words, which are parts of the texts that are added. The zero value is empty.
type splitter struct {
	words []string
	seen  map[string]bool // nil collects each word as often as it comes
}

// full reports whether no more words are kept.
func (s *splitter) full() bool { return s.seen != nil && len(s.words) >= MaxWords }

func (s *splitter) put(word string) {
	if s.seen != nil {
		if s.seen[word] || s.full() {
			return
		}
		s.seen[word] = true
	}
	s.words = append(s.words, word)
}

// add adds the words of a text.
func (s *splitter) add(text string) {
	text = fold(text)
	start, length, cut := -1, 0, 0 // of the current word: where it begins, its characters, and where it is cut
	end := func(at int) {
		if start >= 0 {
			if length <= maxWord {
				cut = at
			}
			s.put(text[start:cut])
		}
		start, length = -1, 0
	}
	for at, r := range text {
		switch {
		case s.full():
			return
		case !isOfWord(r):
			end(at)
			continue
		case r >= utf8.RuneSelf && standsAlone(r):
			end(at)
			s.put(text[at : at+utf8.RuneLen(r)])
			continue
		case start < 0:
			start = at
		}
		if length++; length == maxWord+1 {
			cut = at
		}
	}
	end(len(text))
}

func isOfWord(r rune) bool {
	if r < utf8.RuneSelf {
		return 'a' <= r && r <= 'z' || '0' <= r && r <= '9'
	}
	return unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsNumber(r)
}

// standsAlone reports whether a character is of a script that puts no spaces between words.
func standsAlone(r rune) bool {
	return unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Thai, unicode.Lao, unicode.Khmer,
		unicode.Myanmar)
}

// fold returns a text in small letters without accents. Letters that are written in several ways become the same.
func fold(text string) string {
	ascii, small := true, true
	for i := range len(text) {
		c := text[i]
		ascii = ascii && c < utf8.RuneSelf
		small = small && (c < 'A' || c > 'Z')
	}
	switch {
	case ascii && small:
		return text
	case ascii:
		return strings.ToLower(text)
	}
	text = strings.ReplaceAll(strings.ToLower(norm.NFKD.String(strings.ToValidUTF8(text, " "))), "ß", "ss")
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.Is(unicode.Mn, r):
			return -1
		case r == 'ı':
			return 'i'
		case r == 'ς':
			return 'σ'
		}
		return r
	}, text)
}
