package rulefile

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/defaults"
	"qaserelay/rules/diag"
	"qaserelay/rules/people"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// compiler compiles the texts of notifiers and rules and records them for static checks.
type compiler struct {
	templates    *template.Set
	people       *people.Directory
	windows      windowTable
	texts        []TextSource
	partials     []TextSource
	usesPrevious bool        // a text reads previous
	usesText     bool        // a text reads the plain text of the message
	inOption     bool        // the text is an option, which may read the message
	contentType  string      // of the body among the options that are read
	rule         *rules.Rule // the rule whose texts are compiled; nil for those of notifiers
	location     *time.Location
	retention    time.Duration // of events
}

// newCompiler collects the partials of templates: and checks each as part of a body.
func newCompiler(documents []*document, settings *rules.Settings, directory *people.Directory) *compiler {
	location := settings.Location
	c := &compiler{people: directory, location: location, retention: settings.Retention.Events}
	partials := map[string]string{}
	origin := map[string]*document{}
	for _, d := range documents {
		for name, t := range d.spec.Templates {
			if origin[name] != nil {
				d.Report(t.Node, diag.Error, fmt.Sprintf("the template %q is in two files", name),
					"the other is "+origin[name].Name)
			}
			origin[name], partials[name] = d, t.S
			c.partials = append(c.partials, TextSource{At: d.At(t.Node), Key: name, Text: t.S, Form: template.FormMarkdown})
			c.note(t.S)
		}
	}
	if origin[defaults.Failures] == nil {
		partials[defaults.Failures] = defaults.FailuresTemplate
	}
	c.templates = template.New(partials, template.Options{Location: location, People: directory})
	for name, d := range origin {
		d.ReportInside(d.spec.Templates[name].Node, c.templates.Check(name))
	}
	return c
}

// note records whether a text reads previous.
func (c *compiler) note(text string) {
	c.usesPrevious = c.usesPrevious || strings.Contains(text, "previous")
	c.usesText = c.usesText || strings.Contains(text, "text") || strings.Contains(text, "fields")
}

// compile compiles a text that is given. It returns nil for a faulty one, which it reports.
func (c *compiler) compile(d *document, t yamldoc.Text, name string, form template.Form) *template.Template {
	c.note(t.S)
	out, faults := c.templates.Compile(name, t.S, form)
	d.ReportInside(t.Node, faults)
	static := false
	if out != nil {
		_, static = out.Static()
	}
	c.texts = append(c.texts, TextSource{At: d.At(t.Node), Key: name, Text: t.S, Form: form, Compiled: out, Rule: c.rule,
		Static: static, OfOption: c.inOption})
	return out
}

// plainText returns the function that kinds share, or nil if no text needs it.
func (c *compiler) plainText(kinds map[string]Kind) func(string) string {
	for _, kind := range kinds {
		if c.usesText && kind.PlainText != nil {
			return kind.PlainText
		}
	}
	return nil
}

// contentTypeOf returns the content type among the headers of a message, as far as no event changes it, or fallback.
func contentTypeOf(entries []yamldoc.Entry, fallback string) string {
	for _, e := range entries {
		if e.Key.Value != "headers" {
			continue
		}
		for key, header := range yamldoc.Pairs(e.Value) {
			if strings.EqualFold(key.Value, "Content-Type") && !template.HasActions(header.Value) {
				return header.Value
			}
		}
	}
	return fallback
}
