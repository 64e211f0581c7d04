package message

import "net/url"

// Hidden replaces a value that may be secret.
const Hidden = "<secret>"

// MaskURL returns the scheme and host of a URL, which have no secrets.
func MaskURL(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Host == "" {
		return Hidden
	}
	return u.Scheme + "://" + u.Host + "/…"
}
