package template

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// wordJoiner is an invisible character. Slack does not take a character beside it for markup.
const wordJoiner = "\u2060"

// mrkdwnText writes a value in Slack's markup so that it is shown as it is
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

// escapeMrkdwn escapes all characters of Slack's markup. Between letters most are not markup, so snake_case is
// unchanged.
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
		case lineStart && r == '>', r == '`',
			strings.ContainsRune("*_~", r) && !(isWordRune(before) && isWordRune(after)):
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
