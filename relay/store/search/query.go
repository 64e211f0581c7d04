package search

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/relay/store"
)

const (
	// MaxTerms is how many words may be asked for at once, and maxAsked how long a question may be, in bytes.
	MaxTerms = 20
	maxAsked = 2000
	// MinPrefix is how many characters stand before an asterisk at least: fewer begin a large part of all words.
	MinPrefix = 2
)

// Query is what an event has to have, all of it. The empty Query is of every event.
type Query []store.Term

// Parse reads the words that a person asks for. A word with an asterisk behind it stands for all words that begin so.
func Parse(text string) (Query, error) {
	switch {
	case len(text) > maxAsked:
		return nil, fmt.Errorf("ask for fewer words: %d bytes are more than %d", len(text), maxAsked)
	case !utf8.ValidString(text):
		return nil, errors.New("the words are not valid UTF-8")
	}
	var q Query
	for _, part := range strings.Fields(text) {
		begins := strings.TrimRight(part, "*")
		words := Words(begins)
		for i, word := range words {
			t := store.Term{Text: word, Prefix: i == len(words)-1 && begins != part && endsInWord(begins)}
			if t.Prefix && utf8.RuneCountInString(word) < MinPrefix {
				return nil, fmt.Errorf("write at least %d letters or digits before the asterisk of %q", MinPrefix, part)
			}
			q = q.With(t)
		}
	}
	switch {
	case len(q) == 0 && strings.TrimSpace(text) != "":
		return nil, errors.New("ask for words of letters or digits")
	case len(q) > MaxTerms:
		return nil, fmt.Errorf("ask for %d words at most, not %d", MaxTerms, len(q))
	}
	return q, nil
}

// endsInWord reports whether the last character is part of a word that may go on.
func endsInWord(text string) bool {
	r, _ := utf8.DecodeLastRuneInString(text)
	return (unicode.IsLetter(r) || unicode.IsNumber(r)) && !standsAlone(r)
}

// With returns a query with one more term, unless it has it.
func (q Query) With(t store.Term) Query {
	for _, known := range q {
		if known == t {
			return q
		}
	}
	return append(q[:len(q):len(q)], t)
}

// Of returns a query with a facet, unless the value is empty.
func (q Query) Of(kind Kind, value string) Query {
	if value == "" {
		return q
	}
	return q.With(store.Term{Text: Facet(kind, value)})
}

// OfEntity returns a query with the facets of an entity: type/id, project/type/id or source/project/type/id, each part
// escaped as in the keys of entities.
func (q Query) OfEntity(key string) (Query, error) {
	if key == "" {
		return q, nil
	}
	parts := strings.Split(key, "/")
	n := len(parts)
	if n < 2 || n > 4 || parts[n-2] == "" || parts[n-1] == "" {
		return q, fmt.Errorf("want an entity such as run/7, WEB/run/7 or qase/WEB/run/7, not %q", shorten(key))
	}
	unescape := strings.NewReplacer("%2F", "/", "%2f", "/", "%25", "%")
	for i, part := range parts {
		parts[i] = unescape.Replace(part)
	}
	q = q.OfThing(parts[n-2], parts[n-1])
	if n > 2 {
		q = q.Of(Project, parts[n-3])
	}
	if n > 3 {
		q = q.Of(Source, parts[0])
	}
	return q, nil
}

func shorten(text string) string {
	const most = 60
	if utf8.RuneCountInString(text) <= most {
		return text
	}
	return string([]rune(text)[:most]) + "…"
}

// OfThing returns a query with the facet of an entity by its type and id.
func (q Query) OfThing(kind, id string) Query { return q.Of(Entity, entityText(kind, id)) }

// entityText joins the type and the id of an entity. Ids that differ in their case alone are the same, and so are
// numbers that are written in several ways.
func entityText(kind, id string) string {
	if n, err := strconv.Atoi(strings.TrimSpace(id)); err == nil {
		id = strconv.Itoa(n)
	}
	return strings.ToLower(kind + "/" + id)
}

// Matches reports whether words have all that is asked for.
func (q Query) Matches(words []string) bool {
	for _, t := range q {
		if !isIn(t, words) {
			return false
		}
	}
	return true
}

func isIn(t store.Term, words []string) bool {
	for _, word := range words {
		if word == t.Text || t.Prefix && strings.HasPrefix(word, t.Text) {
			return true
		}
	}
	return false
}
