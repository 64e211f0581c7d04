package template

import (
	"regexp"
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
	return escapeMrkdwn(value.Readable(v))
}

// codeForm returns the form of a value at the end of Slack's markup, if that is within code.
func codeForm(literal string) Form {
	blocks := strings.Split(literal, "```")
	last := blocks[len(blocks)-1]
	switch {
	case len(blocks)%2 == 0:
		return formMrkdwnBlock
	case strings.Count(last[strings.LastIndexByte(last, '\n')+1:], "`")%2 == 1:
		return formMrkdwnSpan
	}
	return FormMrkdwn
}

// likeBacktick looks like the mark of code, for which Slack has no escape: a span ends at the first mark, and a block at
// three in a row.
const likeBacktick = "ˋ"

// fences matches marks that could end a block.
var fences = regexp.MustCompile("^`+|`+$|`{3,}")

func mrkdwnBlock(v any) string {
	return escapeEntities(fences.ReplaceAllStringFunc(rawText(v), func(s string) string {
		return strings.Repeat(likeBacktick, len(s))
	}))
}

func mrkdwnSpan(v any) string {
	return escapeEntities(strings.NewReplacer("`", likeBacktick, "\n", " ").Replace(rawText(v)))
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
