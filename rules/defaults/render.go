package defaults

import (
	"strings"

	"qaserelay/rules/budget"
	"qaserelay/rules/template"
)

// Rendered are the texts of default messages for one event, rendered once for each level however many rules need them.
// They have a budget of their own, so that an event whose budget the rules have spent still has a message.
type Rendered struct {
	budget *budget.Budget
	known  []renderedText // few, so that a search costs less than a map
}

type renderedText struct {
	template *template.Template
	level    any
	text     string
	err      error
}

// units is the budget of all default texts of one event.
const units = budget.Units / 4

// Render renders a template of a default message.
func (r *Rendered) Render(c template.Context, t *template.Template) (string, error) {
	if text, static := t.Static(); static {
		return text, nil
	}
	level := c.Vars["level"]
	for _, one := range r.known {
		if one.template == t && one.level == level {
			return one.text, one.err
		}
	}
	if r.known == nil {
		r.budget, r.known = budget.Of(units), make([]renderedText, 0, 8)
	}
	c.Budget = r.budget
	text, err := t.Render(c)
	r.known = append(r.known, renderedText{t, level, text, err})
	return text, err
}

// JoinParagraphs joins the paragraphs that are not empty.
func JoinParagraphs(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "\n\n" + second
}

// Line joins the lines of Markdown. A line end in a value from an event is a hard break.
func Line(markdown string) string {
	if strings.Contains(markdown, "\n") {
		markdown = strings.NewReplacer("\\\n", " ", "\n", " ").Replace(markdown)
	}
	return strings.TrimSpace(markdown)
}
