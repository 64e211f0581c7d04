package markup

import (
	"strings"

	"qaserelay/notifiers"
)

// Limits on fields, where a channel has none of its own.
const (
	fieldURL = 200
)

// RichField is a field whose styles are data.
type RichField struct {
	Name  string // plain text
	Value RichLine
}

// RichFields reads fields, the names and values cut to limits in UTF-16 units. There are links only where nothing has to be cut short.
func RichFields(m *notifiers.Message, limit int) []RichField {
	var fields []RichField
	for _, f := range m.ShownFields() {
		name, value := OneRichLine(f.Name, min(limit, notifiers.FieldName)), OneRichLine(f.Value, limit)
		for i := range value.Runs {
			if limit < notifiers.FieldText || len(value.Runs[i].URL) > fieldURL {
				value.Runs[i].URL = ""
			}
		}
		if name.Text() != "" && value.Text() != "" {
			fields = append(fields, RichField{name.Text(), value})
		}
	}
	return fields
}

// OneRichLine reads Markdown as one line, whatever it holds.
func OneRichLine(markdown string, limit int) RichLine {
	var line RichLine
	for i, l := range RichLines(markdown) {
		if i > 0 {
			line.add(RichRun{}, " ")
		}
		line.Runs = append(line.Runs, l.Runs...)
	}
	return cutLines([]RichLine{line}, limit)[0]
}

// Text is the text of a line without its styles.
func (l RichLine) Text() string {
	var b strings.Builder
	for _, r := range l.Runs {
		b.WriteString(r.Text)
	}
	return strings.TrimSpace(b.String())
}

// FitFields writes the fields of m, with their values so short that what is written fits.
func FitFields[T any](m *notifiers.Message, write func([]RichField) T, fits func(T) bool) T {
	for limit := notifiers.FieldText; ; limit /= 2 {
		if written := write(RichFields(m, limit)); limit < 4 || fits(written) {
			return written
		}
	}
}
