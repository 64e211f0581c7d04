// Package placeholder recognizes texts that wait to be replaced, such as the token of an example.
package placeholder

import (
	"regexp"
	"strings"
)

// marks are parts of texts that examples have in place of a real value.
var marks = []string{"put-yours-here", "/t0/b0/", "/t00000000/", "xxxxxxxx", "your-", "your_", "/your/", "your token",
	"yourtoken", "yourdomain", "yourcompany", "changeme", "change-me", "change_me", "replace-me", "replace_me", "replaceme",
	"placeholder", "insert-", "paste-", "/...", "/…", "/%e2%80%a6"}

// gap matches a text that is not written to its end, or names what belongs in it.
var gap = regexp.MustCompile(`(?i)(?:\.\.\.|…|%e2%80%a6)$|<[^<>]+>|%3c.+%3e`)

// whole matches texts that are a placeholder as a whole.
var whole = regexp.MustCompile(`(?i)^(?:x{3,}|\*{3,}|-{3,}|\.{3,}|todo|tbd|fixme|none|null|undefined|` +
	`(?:my|the|a|an|some|api|bot|access|auth|secret)?[-_ ]?(?:token|key|password)(?:[-_ ]?here)?|\[[^\]]*\]|\$\w+|%\w+%)$`)

// Is reports whether a credential, the name of a host, or an address from its path on, is a placeholder.
func Is(text string) bool {
	if whole.MatchString(strings.TrimSpace(text)) || gap.MatchString(text) {
		return true
	}
	lower := strings.ToLower(text)
	for _, mark := range marks {
		if strings.Contains(lower, mark) {
			return true
		}
	}
	return false
}
