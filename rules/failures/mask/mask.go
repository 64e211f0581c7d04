// Package mask hides what looks like a secret in texts of tests: comments and stack traces repeat requests and
// configurations. It is a help and not a promise: it knows kinds of secrets, not the secrets.
package mask

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/message"
)

// kind is a kind of secret: what it looks like, and what remains of it.
type kind struct {
	signs []string // one of them is in each text with such a secret, in lower case
	form  *regexp.Regexp
	with  string
}

const hidden = message.Hidden

// named matches the name of a value that is a secret, up to the sign before the value.
const named = `(?i)((?:authorization|token|secret|passw(?:or)?d|pwd|api[_-]?key|private[_-]?key|credential)[\w-]*` +
	`\\?["']?\s*(?:=>|:=|=|:)\s*)`

// kinds lists the kinds, in the order in which they are hidden.
var kinds = []kind{
	{[]string{"-----begin"}, regexp.MustCompile(`(?s)-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?` +
		`(?:-----END [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|\z)`), hidden},
	{[]string{"://"}, regexp.MustCompile(`(?i)\b([a-z][a-z0-9+.-]*://)[^\s/?#@"'<>]*(?::[^\s/?#"'<>]*)?@`),
		"${1}" + hidden + "@"},
	{[]string{"eyj"}, regexp.MustCompile(`\beyJ[\w-]{6,}(?:\.[\w-]*){0,4}`), hidden},
	{[]string{"akia", "asia", "abia", "acca"}, regexp.MustCompile(`\b(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{12,}`), hidden},
	{[]string{"ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-"},
		regexp.MustCompile(`\b(?:gh[pousr]_|github_pat_|glpat-)[\w-]{8,}`), hidden},
	{[]string{"xox"}, regexp.MustCompile(`\bxox[a-z]-[\w-]{6,}`), hidden},
	{[]string{"?", "&", ";"}, regexp.MustCompile(`(?i)([?&;](?:x-amz-[a-z-]+|x-goog-[a-z-]+|x-oss-[a-z-]+|signature|sig|` +
		`sign|hmac|policy|key-pair-id|googleaccessid|awsaccesskeyid|access_key|code|auth|key)=)[^\s&;#"'<>]+`), "${1}" + hidden},
	{[]string{"bearer", "basic"}, regexp.MustCompile(`\b((?i:bearer|basic)\s+)` + // a word of small letters is no secret
		`(?:[\w.~+/=:-]*(?:[a-z][A-Z]|[0-9])[\w.~+/=:-]*|[\w.~+/=:-]{20,})`), "${1}" + hidden},
	{[]string{"authorization", "token", "secret", "passw", "pwd", "key", "credential"}, regexp.MustCompile(named +
		`(?:\\?"(?:[^"\\]|\\.)*(?:"|\z)|\\?'(?:[^'\\]|\\.)*(?:'|\z)|` +
		`(?:bearer|basic|digest|token|apikey)\s+[^\s"',;)}\]]+|[^\s"'&,;)}\]]+)`), "${1}" + hidden},
}

// Text returns a text with what looks like a secret hidden.
func Text(text string) string {
	lower := strings.ToLower(text)
	for _, k := range kinds {
		if slices.ContainsFunc(k.signs, func(sign string) bool { return strings.Contains(lower, sign) }) {
			text = k.form.ReplaceAllString(text, k.with)
		}
	}
	return text
}
