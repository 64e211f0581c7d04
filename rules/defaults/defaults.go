// Package defaults holds the default messages: the texts of rules without a level, title or body of their own, and of digests.
package defaults

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

// Message holds the templates for rules without a level, title or body.
type Message struct {
	Level, Label, Title, Lead, Body *template.Template
	Fields                          []Field // belong to the body
}

// Field is one field of the default body.
type Field struct {
	Name  string
	Value *template.Template
}

// Texts are the compiled templates of defaults.yaml.
type Texts struct {
	Messages map[string]*Message // by event name; "*" is for every other event
	Digest   Digest
	Failures *template.Template // the list of the tests that failed in a run
}

// WithResults ends the name of the message about an event of which Qase has said which tests failed.
const WithResults = " with results"

// Failures is the name of the template of the list of failing tests, which rules can use.
const Failures = "failures"

// FailuresTemplate returns the text of that template.
func FailuresTemplate() string { return load().Templates[Failures] }

// Compile compiles the default messages. It panics on a fault, since the file is part of the program.
func Compile(location *time.Location, directory *people.Directory) (all Texts) {
	d := load()
	ts := template.New(d.Templates, template.Options{Location: location, People: directory})
	compile := func(name, text string, form template.Form) *template.Template {
		c, err := ts.Compile(name, text, form)
		if err != nil {
			panic(fmt.Sprintf("rules: default message %s: %v", name, err))
		}
		return c
	}
	all.Digest = Digest{compile("digest title", d.Digest.Title, template.FormText),
		compile("digest line", d.Digest.Line, template.FormMarkdown), compile("digest more", d.Digest.More, template.FormMarkdown),
		compile("digest none", d.Digest.None, template.FormMarkdown)}
	all.Failures = compile("list of failing tests", d.Templates[Failures], template.FormMarkdown)
	lists := make(map[string][]Field, len(d.Fields))
	for list, fields := range d.Fields {
		for _, f := range fields {
			value := compile(list+" field "+f.Name, f.Value, template.FormMarkdown)
			lists[list] = append(lists[list], Field{f.Name, value})
		}
	}
	messages := make(map[string]*Message, len(d.Events))
	for name, src := range d.Events {
		m := &Message{
			Level: compile(name+" level", src.Level, template.FormText),
			Label: compile(name+" label", src.Label, template.FormText),
			Title: compile(name+" title", src.Title, template.FormText),
			Lead:  compile(name+" lead", src.Lead, template.FormMarkdown),
			Body:  compile(name+" body", src.Body, template.FormMarkdown),
		}
		for _, list := range src.Fields {
			m.Fields = append(m.Fields, lists[list]...)
		}
		messages[name] = m
	}
	all.Messages = messages
	return all
}

// source is the content of defaults.yaml.
type source struct {
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

// load reads defaults.yaml once. All callers share the value, so they must not change it.
var load = sync.OnceValue(func() source {
	var d source
	dec := yaml.NewDecoder(bytes.NewReader(defaultsYAML))
	dec.KnownFields(true)
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("reading defaults.yaml: %w", err))
	}
	return d
})
