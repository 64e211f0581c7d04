package httpclient

import (
	"errors"
	"net/url"
	"regexp"
	"strings"

	"qaserelay/notifiers/redact"
)

// Redactor replaces secrets in answers and errors, since servers echo requests. The zero value replaces nothing. It may
// be used from many goroutines.
type Redactor struct{ secrets redact.Secrets }

// NewRedactor returns a Redactor of each secret in all forms in which a server may show it.
func NewRedactor(secrets ...string) Redactor { return Redactor{redact.New(secrets...)} }

// With returns a Redactor of further secrets too.
func (m Redactor) With(secrets ...string) Redactor { return Redactor{m.secrets.With(secrets...)} }

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
func (m Redactor) Redact(text string) string { return m.secrets.Hide(text) }

// Error returns err without URLs and secrets in its text. An error with a secret loses its chain, which would still
// print the secret.
func (m Redactor) Error(err error) error {
	return m.secrets.Err(RedactURL(err))
}

// RedactURL removes the URL from errors of net/http, since webhook URLs are secrets.
func RedactURL(err error) error {
	var ue *url.Error
	if errors.As(err, &ue) {
		return ue.Err
	}
	return err
}
