package markup

import (
	"strings"

	"qaserelay/notifiers"
)

// maxFieldURL is the length of the longest URL that a field links to.
const maxFieldURL = 200

// Title returns the title of m in one line of at most limit UTF-16 units.
func Title(m *notifiers.Message, limit int) string {
	if title := notifiers.Cut(notifiers.OneLine(m.Title), limit); title != "" {
		return title
	}
	return "(no title)"
}

// Headline returns the title of m behind the emoji of its level, in one line of at most limit UTF-16 units.
func Headline(m *notifiers.Message, limit int) string {
	sign := Sign(m)
	return sign + Title(m, limit-notifiers.Units(sign))
}

// Sign returns the emoji of the level and a space, or "".
func Sign(m *notifiers.Message) string {
	if sign := notifiers.OneLine(m.Sign); sign != "" {
		return sign + " "
	}
	return ""
}

// Label returns the label of m, as it stands above a title.
func Label(m *notifiers.Message) string { return notifiers.Cut(notifiers.OneLine(m.ShownLabel()), 50) }

// Context returns the small line below a message: its project and its rule.
func Context(m *notifiers.Message) string { return strings.Join(m.Context(), " · ") }

// Footer is Context for channels without a label above the title: an unsigned label comes first.
func Footer(m *notifiers.Message) string {
	if label := UnsignedLabel(m); label != "" {
		return strings.Join(append([]string{label}, m.Context()...), " · ")
	}
	return Context(m)
}

// UnsignedLabel returns the label of m if no emoji stands for it, and "" for an info.
func UnsignedLabel(m *notifiers.Message) string {
	if m.Sign != "" || m.Level == "info" {
		return ""
	}
	return Label(m)
}

// MessageURL returns the URL of m, clean and at most limit bytes long, or "".
func MessageURL(m *notifiers.Message, limit int) string {
	if clean, ok := CleanURL(m.URL); ok && len(clean) <= limit {
		return clean
	}
	return ""
}

// PlainBody returns a body as plain text of at most limit bytes.
func PlainBody(body string, limit int) string {
	w := Plain(notifiers.CleanText)
	text, _ := FitLines(Lines(Shorten(body, 2*limit)), w.Write, func(s string) bool { return Bytes(s) <= limit })
	return text
}

// Field is a field of a message.
type Field struct {
	Name  string // plain text
	Value Line
}

// Fields returns the fields of m, names and values truncated to limit UTF-16 units. A truncated field has no links.
func Fields(m *notifiers.Message, limit int) []Field {
	var fields []Field
	for _, f := range m.ShownFields() {
		name, value := SingleLine(f.Name, min(limit, notifiers.MaxFieldName)), SingleLine(f.Value, limit)
		for i := range value.Runs {
			if limit < notifiers.MaxFieldValue || len(value.Runs[i].URL) > maxFieldURL {
				value.Runs[i].URL = ""
			}
		}
		if name.Text() != "" && value.Text() != "" {
			fields = append(fields, Field{name.Text(), value})
		}
	}
	return fields
}

// FitFields truncates the fields of m until what write makes of them fits, and returns both.
func FitFields[T any](m *notifiers.Message, write func([]Field) T, fits func(T) bool) (T, []Field) {
	for limit := notifiers.MaxFieldValue; ; limit /= 2 {
		fields := Fields(m, limit)
		if written := write(fields); limit < 4 || fits(written) {
			return written, fields
		}
	}
}
