package markup

import (
	"sort"
	"strings"
	"unicode/utf8"

	"qaserelay/notifiers"
)

// Inert takes the meaning from what apps make links and mentions of by themselves: behind the first character of such, an
// invisible joiner is put. URLs and @names are always made inert; names is for apps that also guess at example.com, #tag and /command.
func Inert(s string, names bool) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		b.WriteRune(r)
		rest := s[i+utf8.RuneLen(r):]
		after, _ := utf8.DecodeRuneInString(rest)
		if breaks(r, before, after, names) || r == ':' && strings.HasPrefix(rest, "//") || isWWW(s[:i], r) {
			b.WriteString(Joiner)
		}
		before = r
	}
	return b.String()
}

// breaks reports whether r, between two others, is the beginning or the middle of what an app would guess at.
func breaks(r, before, after rune, names bool) bool {
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

// isWWW reports whether r, which stands behind head, is the dot of www.
func isWWW(head string, r rune) bool {
	return r == '.' && len(head) >= 3 && strings.EqualFold(head[len(head)-3:], "www")
}

// EscapeMarks is text in the Markdown of chats: a backslash stands before all that is inline markup, and a joiner before what would
// make a line a heading, a list or the like.
func EscapeMarks(s string) string {
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

// EscapeTags is text in HTML, with the four entities that every chat knows.
func EscapeTags(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", `"`, "&quot;").Replace(s)
}

// beginsBlock reports whether Markdown could take s for the beginning of a block.
func beginsBlock(s string) bool {
	s = strings.TrimLeft(s, " \t")
	if s == "" {
		return false
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	return strings.ContainsRune("#>-+=", rune(s[0])) || digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')')
}

// TitleLine is the title of m in one line, at most limit UTF-16 units long.
func TitleLine(m *notifiers.Message, limit int) string {
	if title := notifiers.Cut(notifiers.OneLine(m.Title), limit); title != "" {
		return title
	}
	return "(no title)"
}

// FitText cuts s so that it is at most limit UTF-16 units long when it is written.
func FitText(s string, limit int, write func(string) string) string {
	n := sort.Search(notifiers.Units(s), func(n int) bool { return notifiers.Units(write(notifiers.Cut(s, n+1))) > limit })
	return write(notifiers.Cut(s, n))
}

// OriginLine is the small line below a message: its level and what caused it.
func OriginLine(m *notifiers.Message) string {
	parts := []string{notifiers.OneLine(m.Level)}
	for _, s := range m.Origin() {
		parts = append(parts, notifiers.Cut(s, 200))
	}
	return strings.Join(parts, " · ")
}

// MessageURL is where m leads, clean and at most limit bytes long, or "".
func MessageURL(m *notifiers.Message, limit int) string {
	if clean, ok := CleanURL(m.URL); ok && len(clean) <= limit {
		return clean
	}
	return ""
}
