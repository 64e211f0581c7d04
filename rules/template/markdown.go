package template

import (
	"net/url"
	"strconv"
	"strings"

	"qaserelay/rules/value"
)

// MarkdownText writes a value in Markdown so that it is shown as it is.
func MarkdownText(v any) string {
	switch v := v.(type) {
	case value.Link:
		return "[" + EscapeMarkdown(v.Text) + "](<" + escapeDestination(v.URL) + ">)"
	case value.Mention:
		if v.Slack == "" {
			return EscapeMarkdown(v.Name)
		}
		return "[" + EscapeMarkdown(v.Name) + "](mention:" + url.PathEscape(v.Slack) + ")"
	case int:
		return strconv.Itoa(v)
	}
	return EscapeMarkdown(value.Readable(v))
}

// escapeDestination escapes a URL between < and >.
func escapeDestination(u string) string {
	escapes := strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C", " ", "%20", "\n", "", "\r", "", "&", "&amp;")
	return escapes.Replace(value.OneLine(u))
}

// EscapeMarkdown escapes text for CommonMark with tables and strikethrough. It escapes only characters that could be
// markup where they are, so that the Markdown itself stays readable. Line ends become hard breaks. Blank lines and
// indentation are removed, since they could begin a block.
func EscapeMarkdown(s string) string {
	if plainMarkdown(s) {
		return s
	}
	lines := strings.FieldsFunc(s, func(r rune) bool {
		return r == '\n' || r == '\r' || r == '\v' || r == '\f' || r == '\u2028' || r == '\u2029' || r == '\u0085'
	})
	kept := lines[:0]
	for _, line := range lines {
		if line = strings.TrimSpace(value.OneLine(line)); line != "" {
			kept = append(kept, escapeMarkdownLine(line))
		}
	}
	return strings.Join(kept, "\\\n")
}

// plainMarkdown reports whether s needs no escaping. It is a fast check that most values pass.
func plainMarkdown(s string) bool {
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c != ' ' && c < 0x80 && !isAlphanumeric(c) || c == 0xc2 || c == 0xe2 {
			return false
		}
	}
	return len(s) > 0 && isAlphanumeric(s[0]) && !('0' <= s[0] && s[0] <= '9') || len(s) == 0
}

func isAlphanumeric(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
}

func escapeMarkdownLine(line string) string {
	var out strings.Builder
	if at := blockMarker(line); at >= 0 {
		out.WriteString(line[:at] + "\\")
		out.WriteByte(line[at])
		line = line[at+1:]
	}
	for i := 0; i < len(line); i++ {
		c := line[i]
		escape := strings.IndexByte("\\`*[]<>~|", c) >= 0 ||
			c == '_' && !(i > 0 && i+1 < len(line) && isAlphanumeric(line[i-1]) && isAlphanumeric(line[i+1])) ||
			c == '&' && i+1 < len(line) && (line[i+1] == '#' || isAlphanumeric(line[i+1]))
		if c == '\\' && i+1 == len(line) {
			out.WriteString(lastBackslash)
			break
		}
		if escape {
			out.WriteByte('\\')
		}
		out.WriteByte(c)
	}
	return out.String()
}

// lastBackslash stands for a backslash at the end of a line. goldmark takes an escaped one before a hard break for half of
// that, and then the first escape of the next line for text.
const lastBackslash = "&#92;"

// blockMarker returns the index of the character that makes a line a heading, list item, rule or the like, or -1.
// Quotes and code fences are escaped anyway.
func blockMarker(line string) int {
	digits := value.Span(line, func(c byte) bool { return '0' <= c && c <= '9' })
	switch {
	case digits > 0 && digits < len(line) && (line[digits] == '.' || line[digits] == ')'):
		return digits
	case strings.IndexByte("#+-=:", line[0]) >= 0:
		return 0
	}
	return -1
}
