package template

import (
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"qaserelay/rules/value"
)

// escapers write a printed value, one for each form.
var escapers = map[Form]func(any) string{
	FormText:       func(v any) string { return value.OneLine(value.PlainText(v)) },
	FormMarkdown:   markdownText,
	FormURL:        func(v any) string { return strings.TrimSpace(value.OneLine(value.PlainText(v))) },
	formURLRest:    func(v any) string { return strings.ReplaceAll(url.QueryEscape(value.PlainText(v)), "+", "%20") },
	formHeader:     func(v any) string { return value.OneLine(value.PlainText(v)) },
	formAddress:    addressText,
	FormJSON:       value.JSONText,
	formJSONString: func(v any) string { s := value.JSONText(value.PlainText(v)); return s[1 : len(s)-1] },
	FormPlain:      value.PlainText,
	FormLink:       func(v any) string { return strings.TrimSpace(value.OneLine(value.PlainText(v))) },
	FormMrkdwn:     mrkdwnText,
}

// escaper returns what writes a value in a form.
func (s *Set) escaper(as Form) func(any) string {
	switch as {
	case FormMention:
		return s.people.MentionText
	case formCall:
		return s.people.SafeName
	}
	return escapers[as]
}

// addressText keeps of a value what a mail address can hold, so that one value stays one address.
func addressText(v any) string {
	if m, ok := v.(value.Mention); ok {
		v = m.Name
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || value.IsControl(r) || strings.ContainsRune(`,;:<>()[]"\`, r) {
			return -1
		}
		return r
	}, value.PlainText(v))
}

// markdownText is a value as Markdown in which it reads as it is.
func markdownText(v any) string {
	switch v := v.(type) {
	case value.Link:
		return "[" + escapeMarkdown(v.Text) + "](<" + escapeDestination(v.URL) + ">)"
	case value.Mention:
		if v.Slack == "" {
			return escapeMarkdown(v.Name)
		}
		return "[" + escapeMarkdown(v.Name) + "](mention:" + url.PathEscape(v.Slack) + ")"
	case int:
		return strconv.Itoa(v)
	}
	return escapeMarkdown(value.PlainText(v))
}

// escapeDestination makes a URL stand between < and >.
func escapeDestination(u string) string {
	return strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C", " ", "%20", "\n", "", "\r", "", "&", "&amp;").Replace(value.OneLine(u))
}

// escapeMarkdown makes text mean itself in CommonMark with tables and strikethrough. It escapes only what could be markup where it stands,
// so that Markdown shown as it is stays legible. Line ends become hard breaks; blank lines and indentation, which
// could begin a new block, vanish.
func escapeMarkdown(s string) string {
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

// plainMarkdown reports quickly that most values need no escaping.
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
		if escape {
			out.WriteByte('\\')
		}
		out.WriteByte(c)
	}
	return out.String()
}

// blockMarker returns where a line has the character that makes it a heading, list item, rule or the like, or -1.
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
