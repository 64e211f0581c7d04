package notifiers

import (
	"sort"
	"strings"
	"unicode/utf8"
)

// inert takes the meaning from what apps make links and mentions of by themselves: behind the first character of such, an
// invisible joiner is put. URLs and @names are always made inert; names is for apps that also guess at example.com, #tag and /command.
func inert(s string, names bool) string {
	var b strings.Builder
	before := ' '
	for i, r := range s {
		b.WriteRune(r)
		rest := s[i+utf8.RuneLen(r):]
		after, _ := utf8.DecodeRuneInString(rest)
		if breaks(r, before, after, names) || r == ':' && strings.HasPrefix(rest, "//") || isWWW(s[:i], r) {
			b.WriteString(joiner)
		}
		before = r
	}
	return b.String()
}

// breaks reports whether r, between two others, is the beginning or the middle of what an app would guess at.
func breaks(r, before, after rune, names bool) bool {
	word := isWord(after) || after == '_'
	switch r {
	case '@':
		return word || after == '/' || after == '&' || after == '!'
	case '.':
		return names && word && isWord(before)
	case '#', '/', '$', '~':
		return names && word && !isWord(before)
	}
	return false
}

// isWWW reports whether r, which stands behind head, is the dot of www.
func isWWW(head string, r rune) bool {
	return r == '.' && len(head) >= 3 && strings.EqualFold(head[len(head)-3:], "www")
}

// escapeMarks is text in the Markdown of chats: a backslash stands before all that is inline markup, and a joiner before what would
// make a line a heading, a list or the like.
func escapeMarks(s string) string {
	var b strings.Builder
	if beginsBlock(s) {
		b.WriteString(joiner)
	}
	for _, r := range s {
		if strings.ContainsRune("\\`*_~|[]", r) {
			b.WriteByte('\\')
		}
		b.WriteRune(r)
	}
	return b.String()
}

// escapeTags is text in HTML, with the four entities that every chat knows.
func escapeTags(s string) string {
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

// titleLine is the title of m in one line, at most limit UTF-16 units long.
func titleLine(m *Message, limit int) string {
	if title := cut(oneLine(m.Title), limit); title != "" {
		return title
	}
	return "(no title)"
}

// fitText cuts s so that it is at most limit UTF-16 units long when it is written.
func fitText(s string, limit int, write func(string) string) string {
	n := sort.Search(units(s), func(n int) bool { return units(write(cut(s, n+1))) > limit })
	return write(cut(s, n))
}

// originLine is the small line below a message: its level and what caused it.
func originLine(m *Message) string {
	parts := []string{oneLine(m.Level)}
	for _, s := range m.origin() {
		parts = append(parts, cut(s, 200))
	}
	return strings.Join(parts, " · ")
}

// messageURL is where m leads, clean and at most limit bytes long, or "".
func messageURL(m *Message, limit int) string {
	if clean, ok := cleanURL(m.URL); ok && len(clean) <= limit {
		return clean
	}
	return ""
}
