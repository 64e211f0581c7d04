package rules

import (
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
)

// Values of functions that are more than text. Each form writes them in its own way.
type (
	linkValue    struct{ text, url string }
	mentionValue struct{ name, slack, call string } // call is as people.mentionText writes it, or empty
	jsonValue    struct{ text string }              // JSON that is to stand as it is
)

// escapers write a printed value, one for each form.
var escapers = map[form]func(any) string{
	formText:       func(v any) string { return oneLine(plainText(v)) },
	formMarkdown:   markdownText,
	formURL:        func(v any) string { return strings.TrimSpace(oneLine(plainText(v))) },
	formURLRest:    func(v any) string { return strings.ReplaceAll(url.QueryEscape(plainText(v)), "+", "%20") },
	formHeader:     func(v any) string { return oneLine(plainText(v)) },
	formAddress:    addressText,
	formJSON:       jsonText,
	formJSONString: func(v any) string { s := jsonText(plainText(v)); return s[1 : len(s)-1] },
	formPlain:      plainText,
	formLink:       func(v any) string { return strings.TrimSpace(oneLine(plainText(v))) },
	formMrkdwn:     mrkdwnText,
}

// escaper returns what writes a value in a form.
func (ts *templates) escaper(as form) func(any) string {
	switch as {
	case formMention:
		return ts.people.mentionText
	case formCall:
		return ts.people.callText
	}
	return escapers[as]
}

// plainText is a value as people write it.
func plainText(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case int:
		return strconv.Itoa(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case time.Time:
		return v.Format("2006-01-02 15:04 MST")
	case time.Duration:
		return humanDuration(v)
	case linkValue:
		return v.text
	case mentionValue:
		return v.name
	case jsonValue:
		return v.text
	case []any:
		parts := make([]string, len(v))
		for i, x := range v {
			parts[i] = plainText(x)
		}
		return strings.Join(parts, ", ")
	case map[string]any:
		return jsonText(v)
	}
	return fmt.Sprint(v)
}

// oneLine turns line ends and other control characters into spaces, so that text cannot begin a line or a header.
func oneLine(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

func isControl(r rune) bool { return unicode.IsControl(r) || r == '\u2028' || r == '\u2029' }

// addressText keeps of a value what a mail address can hold, so that one value stays one address.
func addressText(v any) string {
	if m, ok := v.(mentionValue); ok {
		v = m.name
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || isControl(r) || strings.ContainsRune(`,;:<>()[]"\`, r) {
			return -1
		}
		return r
	}, plainText(v))
}

// markdownText is a value as Markdown in which it reads as it is.
func markdownText(v any) string {
	switch v := v.(type) {
	case linkValue:
		return "[" + escapeMarkdown(v.text) + "](<" + escapeDestination(v.url) + ">)"
	case mentionValue:
		if v.slack == "" {
			return escapeMarkdown(v.name)
		}
		return "[" + escapeMarkdown(v.name) + "](mention:" + url.PathEscape(v.slack) + ")"
	case int:
		return strconv.Itoa(v)
	}
	return escapeMarkdown(plainText(v))
}

// escapeDestination makes a URL stand between < and >.
func escapeDestination(u string) string {
	return strings.NewReplacer("<", "%3C", ">", "%3E", "\\", "%5C", " ", "%20", "\n", "", "\r", "", "&", "&amp;").Replace(oneLine(u))
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
		if line = strings.TrimSpace(oneLine(line)); line != "" {
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
	digits := span(line, func(c byte) bool { return '0' <= c && c <= '9' })
	switch {
	case digits > 0 && digits < len(line) && (line[digits] == '.' || line[digits] == ')'):
		return digits
	case strings.IndexByte("#+-=:", line[0]) >= 0:
		return 0
	}
	return -1
}
