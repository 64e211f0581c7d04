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
	known  map[renderedKey]renderedText
}

type renderedKey struct {
	template *template.Template
	level    any
}

type renderedText struct {
	text string
	err  error
}

// units is the budget of all default texts of one event.
const units = budget.Units / 4

// Render renders a template of a default message.
func (r *Rendered) Render(c template.Context, t *template.Template) (string, error) {
	if text, static := t.Static(); static {
		return text, nil
	}
	key := renderedKey{t, c.Vars["level"]}
	one, found := r.known[key]
	if !found {
		if r.known == nil {
			r.budget, r.known = budget.Of(units), map[renderedKey]renderedText{}
		}
		c.Budget = r.budget
		one.text, one.err = t.Render(c)
		r.known[key] = one
	}
	return one.text, one.err
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
