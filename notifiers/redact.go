package notifiers

import (
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strings"
)

// minSecret is the shortest text that is masked: masking shorter ones would garble every answer.
const minSecret = 4

// masker replaces secrets in what others say, since servers like to echo what they were sent. The zero value
// masks nothing. It may be used from many goroutines.
type masker struct{ words []string }

// newMasker masks each secret as it is, in base64 and as it stands in URLs.
func newMasker(secrets ...string) masker {
	var m masker
	for _, s := range secrets {
		if len(s) < minSecret {
			continue
		}
		m.words = append(m.words, s, base64.StdEncoding.EncodeToString([]byte(s)), url.QueryEscape(s), url.PathEscape(s))
	}
	slices.SortFunc(m.words, func(a, b string) int { return len(b) - len(a) })
	m.words = slices.Compact(m.words)
	return m
}

// urlSecrets lists the parts of a webhook URL that must not be shown: all but scheme and host.
func urlSecrets(raw string) []string {
	secrets := []string{raw}
	u, err := url.Parse(raw)
	if err != nil {
		return secrets
	}
	secrets = append(secrets, u.RequestURI(), u.RawQuery, strings.TrimPrefix(u.EscapedPath(), "/"))
	if password, ok := u.User.Password(); ok {
		secrets = append(secrets, password, u.User.String())
	}
	for _, values := range u.Query() {
		secrets = append(secrets, values...)
	}
	return secrets
}

// mask returns text without the secrets.
func (m masker) mask(text string) string {
	for _, w := range m.words {
		text = strings.ReplaceAll(text, w, "<secret>")
	}
	return text
}

// maskCut is mask for text that was cut at its end, perhaps in the middle of a secret.
func (m masker) maskCut(text string) string {
	text = m.mask(text)
	for _, w := range m.words {
		for n := min(len(w)-1, len(text)); n >= minSecret; n-- {
			if strings.HasSuffix(text, w[:n]) {
				return text[:len(text)-n] + "<secret>"
			}
		}
	}
	return text
}

// error returns err without URLs and secrets in its text. An error that holds one loses its chain, since the chain
// would still print it.
func (m masker) error(err error) error {
	err = redactURL(err)
	if text := m.mask(err.Error()); text != err.Error() {
		return errors.New(text)
	}
	return err
}
