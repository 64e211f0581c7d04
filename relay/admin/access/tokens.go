package access

import (
	"bufio"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxTokenLine bounds a line of a file of tokens, in bytes.
const maxTokenLine = 8 << 10

// Token lets its owner in. Without a name it is the one token of the relay, and a person who signs in with it gives a
// name.
type Token struct {
	Name   string
	Role   Role
	Secret string
}

// ParseTokens reads a file of tokens: a name, a role and a token on each line, with spaces between. Empty lines and
// those that begin with # are left out. Its errors name lines and show no token.
func ParseTokens(r io.Reader) ([]Token, error) {
	var all []Token
	var errs []error
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, maxTokenLine)
	n := 0
	for ; lines.Scan(); n++ {
		text := strings.TrimSpace(strings.TrimPrefix(lines.Text(), "\uFEFF"))
		if text == "" || text[0] == '#' {
			continue
		}
		t, err := parseToken(text)
		if err == nil {
			err = t.isNew(all)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("line %d: %w", n+1, err))
			continue
		}
		all = append(all, t)
	}
	if err := lines.Err(); err != nil {
		errs = append(errs, fmt.Errorf("line %d: %w", n+1, err))
	}
	if len(all)+len(errs) == 0 {
		errs = append(errs, errors.New("it has no token; write NAME ROLE TOKEN, such as: ana operate TOKEN"))
	}
	return all, errors.Join(errs...)
}

func parseToken(line string) (Token, error) {
	fields := strings.Fields(line)
	if len(fields) != 3 {
		return Token{}, fmt.Errorf("want NAME ROLE TOKEN with spaces between, not %d words", len(fields))
	}
	role, err := ParseRole(fields[1])
	if err != nil {
		if _, swapped := ParseRole(fields[0]); swapped == nil || len(fields[1]) > len(Operate) {
			err = errors.New("want NAME ROLE TOKEN in this order, with the role read or operate") // it may be the token
		}
		return Token{}, err
	}
	switch {
	case !isName(fields[0]):
		return Token{}, fmt.Errorf("the name is longer than %d characters, or has some that cannot be printed", maxName)
	case strings.ContainsFunc(fields[2], func(r rune) bool { return r < '!' || r > '~' }):
		return Token{}, errors.New("the token has characters that no header can carry; use letters, digits and punctuation")
	}
	return Token{Name: fields[0], Role: role, Secret: fields[2]}, nil
}

// isNew returns an error if a name or token is there already.
func (t Token) isNew(all []Token) error {
	for _, other := range all {
		switch {
		case other.Name == t.Name:
			return fmt.Errorf("the name %.100q is there already", t.Name)
		case other.Secret == t.Secret:
			return fmt.Errorf("%.100q has the token of %.100q; give each a token of its own", t.Name, other.Name)
		}
	}
	return nil
}

// tokenBook finds tokens in constant time.
type tokenBook struct {
	tokens []Token
	hashes [][sha256.Size]byte
}

func newTokenBook(tokens []Token) *tokenBook {
	b := &tokenBook{tokens: tokens}
	for _, t := range tokens {
		b.hashes = append(b.hashes, sha256.Sum256([]byte(t.Secret)))
	}
	return b
}

// find returns the token with a secret. The time it takes depends on the number of tokens alone.
func (b *tokenBook) find(secret string) (t Token, ok bool) {
	hash, at := sha256.Sum256([]byte(secret)), -1
	for i := range b.hashes {
		at = subtle.ConstantTimeSelect(subtle.ConstantTimeCompare(hash[:], b.hashes[i][:]), i, at)
	}
	if at < 0 {
		return Token{}, false
	}
	return b.tokens[at], true
}

// byHash returns the token with the hash that a session keeps.
func (b *tokenBook) byHash(hash string) (t Token, ok bool) {
	i := slices.IndexFunc(b.hashes, func(h [sha256.Size]byte) bool { return hex.EncodeToString(h[:]) == hash })
	if i < 0 {
		return Token{}, false
	}
	return b.tokens[i], true
}

// mark returns six hexadecimal digits, which differ from those of most other tokens. Of one token they are those of its
// hash.
func (b *tokenBook) mark() string {
	if len(b.hashes) == 1 {
		return hex.EncodeToString(b.hashes[0][:3])
	}
	all := sha256.New()
	for _, h := range b.hashes {
		all.Write(h[:])
	}
	return hex.EncodeToString(all.Sum(nil)[:3])
}
