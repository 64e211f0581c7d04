package preview

import (
	"bytes"
	_ "embed" // the layout
	"fmt"
	"html/template"
	"strings"
)

//go:embed preview.html
var pictureLayout string

// HTML is the picture as a page of its own, which needs nothing from elsewhere. Of a mail it is the HTML that is sent.
func (p *Picture) HTML() (string, error) {
	if p.Page != "" {
		return p.Page, nil
	}
	layout, err := template.New("picture").Parse(pictureLayout)
	if err != nil {
		return "", fmt.Errorf("reading the layout of pictures: %w", err)
	}
	var b bytes.Buffer
	err = layout.Execute(&b, struct {
		*Picture
		Class, Place string
		Facts        []Fact
	}{p, strings.ToLower(strings.ReplaceAll(p.Channel, " ", "-")), p.place(), p.named()})
	if err != nil {
		return "", fmt.Errorf("writing the picture: %w", err)
	}
	return b.String(), nil
}

// place is where the message goes: the fact without a name.
func (p *Picture) place() string {
	for _, f := range p.Facts {
		if f.Name == "" {
			return f.Text
		}
	}
	return ""
}

// named are the facts with names.
func (p *Picture) named() []Fact {
	var facts []Fact
	for _, f := range p.Facts {
		if f.Name != "" {
			facts = append(facts, f)
		}
	}
	return facts
}
