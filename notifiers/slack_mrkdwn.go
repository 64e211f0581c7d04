package notifiers

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// Slack's markup has no escapes but for & < and >. Beside a joiner, which is invisible and no word boundary, the
// other characters are literal; beside a breaker, which is an invisible boundary, a mark works next to a letter.
const (
	joiner  = "\u2060"
	breaker = "\u200B"
)

// slackURL is the longest URL that is made a link.
const slackURL = 1000

// fence opens and closes a block of code.
const fence = "```"

// slackDialect is mrkdwn (https://docs.slack.dev/messaging/formatting-message-text).
func slackDialect() dialect {
	return dialect{
		text: slackNeutral,
		code: func(s string) string {
			return "`" + slackEscape(strings.ReplaceAll(strings.ReplaceAll(s, "\n", " "), "`", "ˋ")) + "`"
		},
		fence: func(s string) string {
			return fence + "\n" + slackEscape(strings.ReplaceAll(s, "`", "`"+joiner)) + "\n" + fence
		},
		link:    slackLink,
		mention: slackMention,
		heading: func(_ int, s string) string { return around("*", s) },
		bold:    "*", italic: "_", strike: "~",
		quote: "> ", rule: "──────────", wordBreak: breaker,
	}
}

// slackEscape makes text of s, as far as Slack's <…> markup and its entities go.
func slackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// slackNeutral is slackEscape that also takes the meaning from * _ ~ ` and from > at the beginning of a line. Between
// letters these mean nothing, and snake_case stays as it is.
func slackNeutral(s string) string {
	var b strings.Builder
	if strings.HasPrefix(strings.TrimLeft(s, " \t"), ">") {
		b.WriteString(joiner)
	}
	before := ' '
	for i, r := range s {
		after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case !strings.ContainsRune("*_~`", r):
			b.WriteRune(r)
		case r != '`' && isWord(before) && isWord(after):
			b.WriteRune(r)
		default:
			b.WriteString(joiner + string(r) + joiner)
		}
		before = r
	}
	return slackEscape(strings.ReplaceAll(b.String(), joiner+joiner, joiner))
}

// slackLink writes a link whose destination is clean already.
func slackLink(url, label string) string {
	label = slackNeutral(cut(oneLine(label), 150))
	switch {
	case len(url) > slackURL:
		return label + " (" + slackNeutral(cut(url, slackURL)) + ")"
	case label == "" || label == slackNeutral(url):
		return "<" + slackEscape(url) + ">"
	}
	return "<" + slackEscape(url) + "|" + label + ">"
}

// cutMrkdwn shortens s to at most limit UTF-16 units, with a mark. It cuts no link and no entity in two, and closes
// a block of code.
func cutMrkdwn(s string, limit int) string {
	if units(s) <= limit {
		return s
	}
	head := s[:safePrefix(s, limit-units(mark)-len("\n"+fence))]
	if insideFence(head) {
		return head + mark + "\n" + fence
	}
	return head + mark
}

// splitMrkdwn splits s, which is longer than limit, into a head that is not and the rest; at a line end, if there is
// one in the head's second half. A block of code is closed in one and opened again in the other.
func splitMrkdwn(s string, limit int) (head, tail string) {
	n := safePrefix(s, limit-len("\n"+fence))
	if i := strings.LastIndexByte(s[:n], '\n'); i > n/2 {
		n = i
	}
	head, tail = s[:n], strings.TrimPrefix(s[n:], "\n")
	if insideFence(head) {
		return head + "\n" + fence, fence + "\n" + tail
	}
	return head, tail
}

// insideFence reports whether a block of code is open at the end of s. Backticks in text are never three in a row.
func insideFence(s string) bool { return strings.Count(s, fence)%2 == 1 }

// safePrefix is the length in bytes of a prefix of s with at most limit UTF-16 units that ends outside of <…>, &…;,
// a fence and a character made of several runes.
func safePrefix(s string, limit int) int {
	n := prefixLen(s, max(limit, 0))
	if i := strings.LastIndexByte(s[:n], '<'); i > strings.LastIndexByte(s[:n], '>') {
		n = i
	}
	if i := strings.LastIndexByte(s[:n], '&'); i > strings.LastIndexByte(s[:n], ';') {
		n = i
	}
	for n > 0 && n < len(s) && (s[n] == '`' || isExtension(s[n:])) {
		_, size := utf8.DecodeLastRuneInString(s[:n])
		n -= size
	}
	return n
}

// isExtension reports whether s begins with a rune that belongs to the one before it.
func isExtension(s string) bool {
	r, _ := utf8.DecodeRuneInString(s)
	return unicode.In(r, unicode.Mn, unicode.Me, unicode.Variation_Selector) || r == '\u200D'
}
