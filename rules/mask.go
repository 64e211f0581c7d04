package rules

import (
	"encoding/json"
	"net/url"
)

// Hidden replaces a value that may be secret.
const Hidden = "<secret>"

// Masked returns a notification in which the options that its notifier's kind declares as secret are masked.
func (s *Set) Masked(n Notification) Notification {
	var fallbacks []Fallback
	for _, f := range n.Fallbacks {
		fallbacks = append(fallbacks, Fallback{f.Notifier, s.masked(f.Notifier, f.Options)})
	}
	n.Options, n.Fallbacks = s.masked(n.Notifier, n.Options), fallbacks
	return n
}

func (s *Set) masked(notifier string, options json.RawMessage) json.RawMessage {
	if s.mask == nil || len(options) == 0 {
		return nil
	}
	return s.mask(notifier, options)
}

// MaskURL returns the scheme and host of a URL, which has no secrets.
func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Hidden
	}
	return u.Scheme + "://" + u.Host + "/…"
}
