package rules

import (
	"bytes"
	_ "embed"
	"fmt"
	"sync"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/people"
	"qaserelay/rules/template"
)

//go:embed defaults.yaml
var defaultsYAML []byte

// defaultMessage holds the templates for rules without a level, title or body.
type defaultMessage struct {
	level, label, title, lead, body *template.Template
	fields                          []defaultField // belong to the body
}

// defaultField is one field of the default body.
type defaultField struct {
	name  string
	value *template.Template
}

// defaultDigest holds the templates of the default digest.
type defaultDigest struct{ title, line, more, none *template.Template }

// compiledDefaults are the compiled templates of defaults.yaml.
type compiledDefaults struct {
	defaults      map[string]*defaultMessage // by event name
	defaultDigest defaultDigest
}

// compileDefaults compiles the default messages. It panics on a fault, since the file is part of the program.
func compileDefaults(location *time.Location, directory *people.Directory) (all compiledDefaults) {
	d := loadDefaults()
	ts := template.New(d.Templates, template.Options{Location: location, People: directory})
	compile := func(name, text string, form template.Form) *template.Template {
		c, err := ts.Compile(name, text, form)
		if err != nil {
			panic(fmt.Sprintf("rules: default message %s: %v", name, err))
		}
		return c
	}
	all.defaultDigest = defaultDigest{compile("digest title", d.Digest.Title, template.FormText),
		compile("digest line", d.Digest.Line, template.FormMarkdown), compile("digest more", d.Digest.More, template.FormMarkdown),
		compile("digest none", d.Digest.None, template.FormMarkdown)}
	lists := make(map[string][]defaultField, len(d.Fields))
	for list, fields := range d.Fields {
		for _, f := range fields {
			value := compile(list+" field "+f.Name, f.Value, template.FormMarkdown)
			lists[list] = append(lists[list], defaultField{f.Name, value})
		}
	}
	messages := make(map[string]*defaultMessage, len(d.Events))
	for name, source := range d.Events {
		m := &defaultMessage{
			level: compile(name+" level", source.Level, template.FormText),
			label: compile(name+" label", source.Label, template.FormText),
			title: compile(name+" title", source.Title, template.FormText),
			lead:  compile(name+" lead", source.Lead, template.FormMarkdown),
			body:  compile(name+" body", source.Body, template.FormMarkdown),
		}
		for _, list := range source.Fields {
			m.fields = append(m.fields, lists[list]...)
		}
		messages[name] = m
	}
	all.defaults = messages
	return all
}

// defaults is the content of defaults.yaml.
type defaults struct {
	Templates map[string]string        `yaml:"templates"` // partials
	Fields    map[string][]fieldSource `yaml:"fields"`    // lists of fields
	Events    map[string]messageSource `yaml:"events"`    // by event name; "*" is for every other event
	Digest    digestSource             `yaml:"digest"`
}

// digestSource holds the texts of the templates of the default digest: its title, the line of one message, and the line
// about those without a line of their own.
type digestSource struct {
	Title string `yaml:"title"`
	Line  string `yaml:"line"`
	More  string `yaml:"more"`
	None  string `yaml:"none"` // the body without any message
}

// messageSource holds the texts of the templates of one message.
type messageSource struct {
	Level  string   `yaml:"level"`
	Label  string   `yaml:"label"` // see message.Message
	Title  string   `yaml:"title"`
	Lead   string   `yaml:"lead"` // the beginning of the body below a title of the rule
	Body   string   `yaml:"body"`
	Fields []string `yaml:"fields"` // names of lists of fields
}

// fieldSource is the text of the template of one field.
type fieldSource struct {
	Name  string `yaml:"name"`
	Value string `yaml:"value"`
}

// loadDefaults reads defaults.yaml once. All callers share the value, so they must not change it.
var loadDefaults = sync.OnceValue(func() defaults {
	var d defaults
	dec := yaml.NewDecoder(bytes.NewReader(defaultsYAML))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("rules: reading defaults.yaml: %w", err))
	}
	return d
})
