package httpclient

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
)

// secretName matches the names of parameters and headers whose values are credentials.
var secretName = regexp.MustCompile(`(?i)key|token|secret|auth|pass|pwd|sig|cookie|session|credential|code|bearer|hmac|csrf|assertion|jwt`)

// shortNumber matches the numbers of runs, versions and dates, which are not keys.
var shortNumber = regexp.MustCompile(`^(?:v?\d{1,8}|\d{4}-\d{2}-\d{2})$`)

// ShowURL returns a URL for people with its parts that can hold no secret: words, numbers and the given texts, which come
// from the event. Others are "…".
func ShowURL(u *url.URL, known ...string) string {
	shown := u.Scheme + "://" + u.Host
	for i, part := range strings.Split(u.EscapedPath(), "/") {
		if i > 0 {
			shown += "/" + showPart(part, known)
		}
	}
	if u.RawQuery == "" {
		return shown
	}
	parameters := strings.Split(u.RawQuery, "&")
	for i, parameter := range parameters {
		name, value, given := strings.Cut(parameter, "=")
		switch {
		case !given:
			parameters[i] = showPart(name, known)
		case secretName.MatchString(name):
			parameters[i] = name + "=…"
		default:
			parameters[i] = showPart(name, known) + "=" + showPart(value, known)
		}
	}
	return shown + "?" + strings.Join(parameters, "&")
}

// IsOpenHeader reports whether a header holds no secret.
func IsOpenHeader(name, value string, known ...string) bool {
	if secretName.MatchString(name) {
		return false
	}
	for word := range strings.FieldsSeq(value) {
		if showPart(strings.Trim(word, ",;"), known) == "…" {
			return false
		}
	}
	return true
}

// showPart returns a part of a URL or header if it can hold no secret, or "…".
func showPart(part string, known []string) string {
	plain, err := url.PathUnescape(part)
	if part == "" || err == nil && slices.Contains(known, plain) || shortNumber.MatchString(part) {
		return part
	}
	for word := range strings.FieldsFuncSeq(part, func(r rune) bool { return r == '-' || r == '_' || r == '.' }) {
		if !isPlainWord(word) && !shortNumber.MatchString(word) && !slices.Contains(known, word) {
			return "…"
		}
	}
	return part
}
