package notifiers

import (
	"fmt"
	"strings"
)

// Limits on fields, where a channel has none of its own.
const (
	maxFields = 10
	fieldName = 50
	fieldText = 500
	fieldURL  = 200
)

// wholeBody is the body with the fields in one line at its end, as Markdown: for channels that have nothing better for them.
func (m *Message) wholeBody() string {
	var parts []string
	for _, f := range m.shownFields() {
		parts = append(parts, f.Name+": "+f.Value)
	}
	line := strings.Join(parts, " · ")
	if m.Body == "" || line == "" {
		return m.Body + line
	}
	return m.Body + "\n\n" + line
}

// shownFields are the fields that have a name and a value. Of more than maxFields the last one says so.
func (m *Message) shownFields() []Field {
	var shown []Field
	for _, f := range m.Fields {
		if f = (Field{oneLine(cut(f.Name, 4*fieldName)), oneLine(cut(f.Value, 4*fieldText))}); f.Name != "" && f.Value != "" {
			shown = append(shown, f)
		}
	}
	if more := len(shown) - maxFields + 1; more > 1 {
		return append(shown[:maxFields-1], Field{"…", fmt.Sprintf("%d more", more)})
	}
	return shown
}

// richField is a field whose styles are data.
type richField struct {
	name  string // plain text
	value richLine
}

// richFields reads fields, the names and values cut to limits in UTF-16 units. There are links only where nothing has to be cut short.
func (m *Message) richFields(limit int) []richField {
	var fields []richField
	for _, f := range m.shownFields() {
		name, value := oneRichLine(f.Name, min(limit, fieldName)), oneRichLine(f.Value, limit)
		for i := range value.runs {
			if limit < fieldText || len(value.runs[i].url) > fieldURL {
				value.runs[i].url = ""
			}
		}
		if name.text() != "" && value.text() != "" {
			fields = append(fields, richField{name.text(), value})
		}
	}
	return fields
}

// oneRichLine reads Markdown as one line, whatever it holds.
func oneRichLine(markdown string, limit int) richLine {
	var line richLine
	for i, l := range richLines(markdown) {
		if i > 0 {
			line.add(richRun{}, " ")
		}
		line.runs = append(line.runs, l.runs...)
	}
	return cutLines([]richLine{line}, limit)[0]
}

// text is the text of a line without its styles.
func (l richLine) text() string {
	var b strings.Builder
	for _, r := range l.runs {
		b.WriteString(r.text)
	}
	return strings.TrimSpace(b.String())
}

// fitFields writes the fields of m, with their values so short that what is written fits.
func fitFields[T any](m *Message, write func([]richField) T, fits func(T) bool) T {
	for limit := fieldText; ; limit /= 2 {
		if written := write(m.richFields(limit)); limit < 4 || fits(written) {
			return written
		}
	}
}
