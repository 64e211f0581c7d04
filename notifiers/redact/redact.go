// Package redact hides secrets in texts of others: answers and errors of servers, which show what they were sent, as it
// was, encoded or escaped.
package redact

import (
	"cmp"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"html"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"qaserelay/notifiers"
)

const (
	// minSecret is the length of the shortest text that is hidden, since shorter ones occur in every answer.
	minSecret = 4
	// minPart is the length of the shortest secret that is hidden within the base64 of a longer text.
	minPart = 8
)

// Secrets are texts that must not be shown. The zero value is none. It may be used from many goroutines.
type Secrets struct{ words []string }

// New returns secrets, in each form in which a server may show them.
func New(secrets ...string) Secrets {
	var s Secrets
	for _, secret := range secrets {
		if len(secret) >= minSecret {
			s.words = append(s.words, forms(secret)...)
		}
	}
	s.words = slices.DeleteFunc(s.words, func(word string) bool { return len(word) < minSecret })
	slices.SortFunc(s.words, func(a, b string) int { return cmp.Or(len(b)-len(a), strings.Compare(a, b)) })
	s.words = slices.Compact(s.words)
	return s
}

// With returns the secrets and further ones.
func (s Secrets) With(more ...string) Secrets {
	return Secrets{append(New(more...).words, s.words...)}
}

// forms returns a secret in plain text, as it stands in URLs, JSON, HTML and quotes, as hexadecimal digits, and in
// base64, by itself and within a longer text, such as a login.
func forms(secret string) []string {
	all := append(make([]string, 0, 12), secret, hex.EncodeToString([]byte(secret)))
	all = appendBase64(all, secret)
	if strings.IndexFunc(secret, isSpecial) < 0 {
		return all
	}
	query := url.QueryEscape(secret)
	all = append(all, query, strings.ToLower(query), url.PathEscape(secret),
		strings.TrimPrefix(url.UserPassword("", secret).String(), ":"))
	if query != secret {
		all = appendBase64(all, query)
	}
	return append(all, escaped(secret)...)
}

// isSpecial reports whether a character is written in another way somewhere.
func isSpecial(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' && r != '_' && r != '.'
}

// escaped returns a secret as it stands in the quotes of Go and others, in JSON and in HTML.
func escaped(secret string) (all []string) {
	quoted, ascii := strconv.Quote(secret), strconv.QuoteToASCII(secret)
	quoted, ascii = quoted[1:len(quoted)-1], ascii[1:len(ascii)-1]
	all = append(all, quoted, ascii, strings.ReplaceAll(quoted, "/", `\/`), strings.ReplaceAll(ascii, "/", `\/`))
	if inJSON, err := json.Marshal(secret); err == nil {
		text := string(inJSON[1 : len(inJSON)-1])
		all = append(all, text)
		for code, plain := range map[string]string{`\u003c`: "<", `\u003e`: ">", `\u0026`: "&"} {
			text = strings.ReplaceAll(text, code, plain)
		}
		all = append(all, text)
	}
	page := html.EscapeString(secret)
	return append(all, page, strings.ReplaceAll(strings.ReplaceAll(page, "&#34;", "&quot;"), "&#39;", "&apos;"))
}

// appendBase64 appends a text in both alphabets of base64.
func appendBase64(all []string, text string) []string {
	for _, encoding := range []*base64.Encoding{base64.StdEncoding, base64.URLEncoding} {
		n := len(all)
		all = append(all, encoding.EncodeToString([]byte(text)))
		if len(text) >= minPart {
			all = append(all, within(encoding, text)...)
		}
		if !strings.ContainsAny(strings.Join(all[n:], ""), "+/") {
			break // the alphabets do not differ
		}
	}
	return all
}

// Address returns a URL for people: without the login and the parameters, which may be secret.
func Address(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || u.Host == "" {
		if strings.ContainsAny(raw, "@?") {
			return "…"
		}
		return raw
	}
	if u.User = nil; u.RawQuery != "" {
		u.RawQuery, u.Fragment = "", ""
		return u.String() + "?…"
	}
	return u.String()
}

// Password returns the password of a URL, or nothing.
func Password(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	password, _ := u.User.Password()
	return password
}

// Err returns an error without the secrets in its text. An error with a secret loses its chain, which would still print
// the secret.
func (s Secrets) Err(err error) error {
	if err == nil {
		return nil
	}
	if text := s.Hide(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// within returns what the base64 of each text that contains a part has in common: one form for each place in a group.
func within(encoding *base64.Encoding, part string) (all []string) {
	for shift := range 3 {
		code := encoding.EncodeToString([]byte("xx"[:shift] + part))
		from, to := (8*shift+5)/6, 8*(shift+len(part))/6
		all = append(all, code[from:to])
	}
	return all
}

// Hide returns a text without the secrets.
func (s Secrets) Hide(text string) string {
	for _, word := range s.words {
		text = strings.ReplaceAll(text, word, notifiers.Hidden)
	}
	return text
}

// HideTruncated returns a text without the secrets that was truncated, perhaps in the middle of a secret.
func (s Secrets) HideTruncated(text string) string {
	text = s.Hide(text)
	most := 0
	for _, word := range s.words {
		for n := min(len(word)-1, len(text)); n >= max(minSecret, most+1); n-- {
			if strings.HasSuffix(text, word[:n]) {
				most = n
				break
			}
		}
	}
	if most == 0 {
		return text
	}
	return text[:len(text)-most] + notifiers.Hidden
}
