package rules

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// wordJoiner is invisible and no boundary of a word. Beside it, a sign of Slack's markup means itself.
const wordJoiner = "\u2060"

// mrkdwnText is a value as Slack's markup in which it reads as it is
// (https://docs.slack.dev/messaging/formatting-message-text).
func mrkdwnText(v any) string {
	switch v := v.(type) {
	case linkValue:
		if !urlHost.MatchString(v.url + "/") {
			return escapeMrkdwn(v.text)
		}
		to := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", " ", "%20").Replace(oneLine(v.url))
		return "<" + escapeEntities(to) + "|" + escapeMrkdwn(oneLine(v.text)) + ">"
	case mentionValue:
		if chatID.MatchString(v.slack) {
			return "<@" + v.slack + ">"
		}
		return "@" + escapeMrkdwn(oneLine(v.name))
	}
	return escapeMrkdwn(plainText(v))
}

// escapeMrkdwn takes the meaning from all signs of Slack's markup. Between letters most have none, so snake_case stays as it is.
func escapeMrkdwn(s string) string {
	if plainMarkdown(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	var out strings.Builder
	before, lineStart := ' ', true
	for i, r := range s {
		after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case isControl(r) && r != '\n':
			continue
		case lineStart && r == '>', strings.ContainsRune("*_~", r) && !(isWordRune(before) && isWordRune(after)), r == '`':
			out.WriteString(wordJoiner + string(r) + wordJoiner)
		default:
			out.WriteRune(r)
		}
		lineStart = r == '\n' || lineStart && unicode.IsSpace(r)
		before = r
	}
	return escapeEntities(strings.ReplaceAll(out.String(), wordJoiner+wordJoiner, wordJoiner))
}

func escapeEntities(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

func isWordRune(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }
