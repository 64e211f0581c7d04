package notifiers

import (
	"fmt"
	"strings"
)

// WholeBody is the body with the fields in one line at its end, as Markdown: for channels that have nothing better for
// them. The failing tests are not in it.
func (m *Message) WholeBody() string {
	line := m.FieldsLine()
	if m.Body == "" || line == "" {
		return m.Body + line
	}
	return m.Body + "\n\n" + line
}

// FieldsLine is the fields in one line, as Markdown.
func (m *Message) FieldsLine() string {
	var parts []string
	for _, f := range m.ShownFields() {
		parts = append(parts, f.Name+": "+f.Value)
	}
	return strings.Join(parts, " · ")
}

// ShownFields are the fields that have a name and a value. Of more than maxFields the last one says so.
func (m *Message) ShownFields() []Field {
	var shown []Field
	for _, f := range m.Fields {
		f = Field{Name: OneLine(Cut(f.Name, 4*MaxFieldName)), Value: OneLine(Cut(f.Value, 4*MaxFieldValue))}
		if f.Name != "" && f.Value != "" {
			shown = append(shown, f)
		}
	}
	if more := len(shown) - maxFields + 1; more > 1 {
		return append(shown[:maxFields-1], Field{Name: "…", Value: fmt.Sprintf("%d more", more)})
	}
	return shown
}
