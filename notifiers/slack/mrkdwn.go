package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// maxURL is the length of the longest URL that becomes a link.
const maxURL = 1000

// dialect writes mrkdwn (https://docs.slack.dev/messaging/formatting-message-text).
func dialect() markup.Dialect {
	return markup.Dialect{
		Text: neutralize,
		Code: func(s string) markup.Run {
			return markup.Run{Text: "`" + escape(strings.NewReplacer("\n", " ", "`", "ˋ").Replace(s)) + "`"}
		},
		Fence: func(s string) []markup.Line {
			code := escape(strings.ReplaceAll(s, markup.Fence, "``ˋ")) // which would end the block
			return markup.Split(markup.Fence + "\n" + code + "\n" + markup.Fence)
		},
		Link:    func(url, label string) markup.Run { return markup.Run{Text: writeLink(url, label)} },
		Mention: writeMention,
		Heading: markup.Wrap("*"), Bold: markup.Wrap("*"), Italic: markup.Wrap("_"), Strike: markup.Wrap("~"),
		Quote: markup.Prefix("> "), Rule: "──────────", WordBreak: markup.Breaker,
	}
}

// escape escapes text as far as Slack's <…> markup and its entities go.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// neutralize escapes text so that nothing in it is markup.
func neutralize(s string) string { return escape(markup.NeutralizeMarks(s)) }

// writeLink writes a link to a clean URL.
func writeLink(url, label string) string {
	label = neutralize(notifiers.Cut(notifiers.OneLine(label), 150))
	switch {
	case len(url) > maxURL:
		return label + " (" + neutralize(notifiers.Cut(url, maxURL)) + ")"
	case label == "" || label == neutralize(url):
		return "<" + escape(url) + ">"
	}
	return "<" + escape(url) + "|" + label + ">"
}

// cutMrkdwn truncates s to limit UTF-16 units, with an ellipsis. It never splits a link or an entity, and closes a
// block of code.
func cutMrkdwn(s string, limit int) string {
	if notifiers.Units(s) <= limit {
		return s
	}
	head := s[:safePrefix(s, limit-notifiers.Units(notifiers.Ellipsis)-len("\n"+markup.Fence))]
	if insideFence(head) {
		return head + notifiers.Ellipsis + "\n" + markup.Fence
	}
	return head + notifiers.Ellipsis
}

// splitMrkdwn splits s, which is longer than limit, into a head that is not and the rest; at a line end, if there is
// one in the head's second half. A block of code is closed in one and opened again in the other.
func splitMrkdwn(s string, limit int) (head, tail string) {
	n := safePrefix(s, limit-len("\n"+markup.Fence))
	if i := strings.LastIndexByte(s[:n], '\n'); i > n/2 {
		n = i
	}
	head, tail = s[:n], strings.TrimPrefix(s[n:], "\n")
	if insideFence(head) {
		return head + "\n" + markup.Fence, markup.Fence + "\n" + tail
	}
	return head, tail
}

// insideFence reports whether a block of code is open at the end of s. Backticks in text are never three in a row.
func insideFence(s string) bool { return strings.Count(s, markup.Fence)%2 == 1 }

// safePrefix is the length in bytes of a prefix of s with at most limit UTF-16 units that ends outside of <…>, &…;,
// a fence and a character made of several runes.
func safePrefix(s string, limit int) int {
	n := notifiers.PrefixLen(s, max(limit, 0))
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
