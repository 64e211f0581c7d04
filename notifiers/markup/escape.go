package markup

import (
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Invisible characters that keep an app from reading text as markup. Beside a joiner, which is not a word boundary, a
// character is literal; a breaker is a word boundary, so a mark beside it works next to a letter.
const (
	Joiner  = "\u2060"
	Breaker = "\u200B"
)

// Fence opens and closes a block of code.
const Fence = "```"

// Visible removes joiners and breakers.
func Visible(s string) string { return strings.NewReplacer(Joiner, "", Breaker, "").Replace(s) }

// Neutralize keeps apps from making links and mentions of plain text, with a joiner behind the first character. URLs
// and @names are always neutralized; names is for apps that also guess at example.com, #tag and /command.
func Neutralize(s string, names bool) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		b.WriteRune(r)
		rest := s[i+utf8.RuneLen(r):]
		after, _ := utf8.DecodeRuneInString(rest)
		if startsName(r, before, after, names) || r == ':' && strings.HasPrefix(rest, "//") || isWWW(s[:i], r) {
			b.WriteString(Joiner)
		}
		before = r
	}
	return b.String()
}

// startsName reports whether an app could take r, between two other characters, for the first or middle character of
// a name.
func startsName(r, before, after rune, names bool) bool {
	word := IsWord(after) || after == '_'
	switch r {
	case '@':
		return word || after == '/' || after == '&' || after == '!'
	case '.':
		return names && word && IsWord(before)
	case '#', '/', '$', '~':
		return names && word && !IsWord(before)
	}
	return false
}

// isWWW reports whether r, which follows head, is the dot of www.
func isWWW(head string, r rune) bool {
	return r == '.' && len(head) >= 3 && strings.EqualFold(head[len(head)-3:], "www")
}

// IsWord reports whether r is a letter or a digit.
func IsWord(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r))
}

// EscapeMarkdown escapes text for the Markdown of chats: a backslash before each inline mark, and a joiner before a
// beginning that would make the line a heading or a list.
func EscapeMarkdown(s string) string {
	var b strings.Builder
	if beginsBlock(s) {
		b.WriteString(Joiner)
	}
	for _, r := range s {
		if strings.ContainsRune("\\`*_~|[]", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// beginsBlock reports whether Markdown could take s for the beginning of a block.
func beginsBlock(s string) bool {
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return false
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	ordered := digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')')
	return ordered || strings.ContainsRune("#>-+=", rune(s[0]))
}

// EscapeHTML escapes text for HTML, with the four entities that every chat knows.
func EscapeHTML(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// NeutralizeMarks makes * _ ~ ` literal, and > at the beginning of a line, for markup that has no escape for them.
// Between letters they have no meaning, so snake_case stays as it is.
func NeutralizeMarks(s string) string {
	var b strings.Builder
	if strings.HasPrefix(strings.TrimLeft(s, " \t"), ">") {
		b.WriteString(Joiner)
	}
	before := ' '
	for i, r := range s {
		after, _ := utf8.DecodeRuneInString(s[i+utf8.RuneLen(r):])
		switch {
		case !strings.ContainsRune("*_~`", r), r != '`' && IsWord(before) && IsWord(after):
			b.WriteRune(r)
		default:
			b.WriteString(Joiner + string(r) + Joiner)
		}
		before = r
	}
	return strings.ReplaceAll(b.String(), Joiner+Joiner, Joiner)
}

// CleanURL returns raw in a form that is safe in any markup. It reports whether raw is a URL of the web or a mailbox.
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

// KeepSpaces makes the spaces at the beginning of each line non-breaking; with all, those in a row and tabs too. It is
// for places where several spaces are shown as one.
func KeepSpaces(s string, all bool) string {
	if all {
		s = strings.ReplaceAll(s, "\t", "    ")
	}
	var b strings.Builder
	first, before := true, '\n'
	for i, r := range s {
		first = before == '\n' || first && before == ' '
		if r == ' ' && (first || all && (before == ' ' || strings.HasPrefix(s[i+1:], " "))) {
			b.WriteRune('\u00A0')
		} else {
			b.WriteRune(r)
		}
		before = r
	}
	return b.String()
}
