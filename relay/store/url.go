package store

import "strings"

// Redact keeps the scheme only: the rest may hold a password.
func Redact(url string) string {
	if scheme, _, ok := strings.Cut(url, "://"); ok {
		return scheme + "://…"
	}
	return url
}
