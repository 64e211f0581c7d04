package template

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// wordJoiner is invisible and no boundary of a word. Beside it, a sign of Slack's markup means itself.
const wordJoiner = "\u2060"

// mrkdwnText is a value as Slack's markup in which it reads as it is
// (https://docs.slack.dev/messaging/formatting-message-text).
func mrkdwnText(v any) string {
	switch v := v.(type) {
	case value.Link:
		if !urlWithHost.MatchString(v.URL + "/") {
			return escapeMrkdwn(v.Text)
		}
		to := strings.NewReplacer("|", "%7C", "<", "%3C", ">", "%3E", " ", "%20").Replace(value.OneLine(v.URL))
		return "<" + escapeEntities(to) + "|" + escapeMrkdwn(value.OneLine(v.Text)) + ">"
	case value.Mention:
		if people.ChatID.MatchString(v.Slack) {
			return "<@" + v.Slack + ">"
		}
		return "@" + escapeMrkdwn(value.OneLine(v.Name))
	}
	return escapeMrkdwn(value.PlainText(v))
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
		case value.IsControl(r) && r != '\n':
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
