package markup

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"

	"qaserelay/notifiers"
)

// CleanURL returns raw in a form that is safe in any markup, and whether it leads to the web or to a mailbox.
func CleanURL(raw string) (string, bool) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return "", false
	}
	switch {
	case (u.Scheme == "http" || u.Scheme == "https") && u.Host != "":
	case u.Scheme == "mailto" && u.Opaque != "":
	default:
		return "", false
	}
	return strings.NewReplacer(
		" ", "%20", "<", "%3C", ">", "%3E", `"`, "%22", "|", "%7C", "`", "%60", `\`, "%5C", "\t", "%09",
	).Replace(u.String()), true
}

// Around puts a mark around each line of s, since marks do not reach over line ends.
func Around(mark, s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.TrimSpace(line) != "" {
			lines[i] = mark + line + mark
		}
	}
	return strings.Join(lines, "\n")
}

func IsWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// PlainBody is a body as text for people, at most limit bytes long.
func PlainBody(body string, limit int) string {
	markup := PlainMarkup(func(s string) string { return Inert(s, false) })
	return FitLines(RichLines(notifiers.Cut(body, 2*limit)), markup.Write, func(s string) bool { return len(s) <= limit })
}

// Texts returns a text, or those of a list.
func Texts(value any) []string {
	list, isList := value.([]any)
	if !isList {
		list = []any{value}
	}
	var all []string
	for _, one := range list {
		if s, ok := one.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// Slack's markup has no escapes but for & < and >. Beside a joiner, which is invisible and no word boundary, the
// other characters are literal; beside a breaker, which is an invisible boundary, a mark works next to a letter.
const (
	Joiner  = "\u2060"
	Breaker = "\u200B"
)

// Fence opens and closes a block of code.
const Fence = "```"

// SlackEscape makes text of s, as far as Slack's <…> markup and its entities go.
func SlackEscape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// SlackNeutral is SlackEscape that also takes the meaning from * _ ~ ` and from > at the beginning of a line. Between
// letters these mean nothing, and snake_case stays as it is.
func SlackNeutral(s string) string {
	var b strings.Builder
	if strings.HasPrefix(strings.TrimLeft(s, " \t"), ">") {
		b.WriteString(Joiner)
	}
	before := ' '
	for i, r := range s {
		after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case !strings.ContainsRune("*_~`", r):
			b.WriteRune(r)
		case r != '`' && IsWord(before) && IsWord(after):
			b.WriteRune(r)
		default:
			b.WriteString(Joiner + string(r) + Joiner)
		}
		before = r
	}
	return SlackEscape(strings.ReplaceAll(b.String(), Joiner+Joiner, Joiner))
}

// KeepSpaces makes spaces hold that stand at the beginning of s, or all of them.
func KeepSpaces(s string, all bool) string {
	if all {
		return strings.NewReplacer(" ", "\u00A0", "\t", "\u00A0\u00A0\u00A0\u00A0").Replace(s)
	}
	rest := strings.TrimLeft(s, " ")
	return strings.Repeat("\u00A0", len(s)-len(rest)) + rest
}
