package preview

import (
	"bytes"
	_ "embed" // the page
	"fmt"
	"html/template"
)

//go:embed preview.html
var page string

// HTML returns the layout as a web page that loads nothing from elsewhere. For an email it is the HTML that is sent.
func (l *Layout) HTML() (string, error) {
	if l.Page != "" {
		return l.Page, nil
	}
	t, err := template.New("preview").Parse(page)
	if err != nil {
		return "", fmt.Errorf("reading the template of previews: %w", err)
	}
	data := struct {
		*Layout
		Destination string
		Facts       []Fact // with names
	}{Layout: l}
	for _, f := range l.Facts {
		switch {
		case f.Name != "":
			data.Facts = append(data.Facts, f)
		case data.Destination == "":
			data.Destination = f.Text
		}
	}
	var b bytes.Buffer
	if err := t.Execute(&b, data); err != nil {
		return "", fmt.Errorf("writing the preview: %w", err)
	}
	return b.String(), nil
}
