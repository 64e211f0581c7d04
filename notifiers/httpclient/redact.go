package httpclient

import (
	"encoding/base64"
	"errors"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"qaserelay/notifiers"
)

// minSecret is the length of the shortest text that is redacted, since shorter ones occur in every answer.
const minSecret = 4

// Redactor replaces secrets in answers and errors, since servers echo requests. The zero value replaces nothing. It may
// be used from many goroutines.
type Redactor struct{ words []string }

// NewRedactor returns a Redactor of each secret in plain text, in base64 and as it stands in URLs.
func NewRedactor(secrets ...string) Redactor {
	var m Redactor
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		m.words = append(m.words, s, base64.StdEncoding.EncodeToString([]byte(s)), url.QueryEscape(s),
			url.PathEscape(s))
	}
	slices.SortFunc(m.words, func(a, b string) int { return len(b) - len(a) })
	m.words = slices.Compact(m.words)
	return m
}

// URLSecrets returns the parts of a webhook URL that must not be shown: all but scheme and host. A path that is one
// plain word, such as /message, is hidden as a part of the URL only, since the word may stand in any answer.
func URLSecrets(raw string) []string {
	secrets := []string{raw}
	u, err := url.Parse(raw)
	if err != nil {
		return secrets
	}
	path := strings.TrimPrefix(u.EscapedPath(), "/")
	if secrets = append(secrets, u.RawQuery); !isPlainWord(path) || u.RawQuery != "" {
		secrets = append(secrets, u.RequestURI())
	}
	if !isPlainWord(path) {
		secrets = append(secrets, path)
	}
	for part := range strings.SplitSeq(path, "/") {
		if len(part) >= minKey && !isPlainWord(part) {
			secrets = append(secrets, part)
		}
	}
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, u.User.String())
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// minKey is the length of the shortest part of a path that is hidden by itself too.
const minKey = 12

// isPlainWord reports whether a path is an ordinary word rather than a key: a few letters, of which five in a row are
// not all consonants.
func isPlainWord(path string) bool {
	return plainWord.MatchString(path) && !noWord.MatchString(path)
}

var (
	plainWord = regexp.MustCompile(`^[A-Za-z][a-z]{0,15}$`)
	noWord    = regexp.MustCompile(`(?i)[^aeiouy]{5}`)
)

// Redact returns text without the secrets.
func (m Redactor) Redact(text string) string {
	for _, w := range m.words {
		text = strings.ReplaceAll(text, w, notifiers.Hidden)
	}
	return text
}

// redactTruncated returns a text without the secrets that was truncated, perhaps in the middle of a secret.
func (m Redactor) redactTruncated(text string) string {
	text = m.Redact(text)
	for _, w := range m.words {
		for n := min(len(w)-1, len(text)); n >= minSecret; n-- {
			if strings.HasSuffix(text, w[:n]) {
				return text[:len(text)-n] + notifiers.Hidden
			}
		}
	}
	return text
}

// Error returns err without URLs and secrets in its text. An error with a secret loses its chain, which would still
// print the secret.
func (m Redactor) Error(err error) error {
	err = RedactURL(err)
	if text := m.Redact(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}

// RedactURL removes the URL from errors of net/http, since webhook URLs are secrets.
func RedactURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
