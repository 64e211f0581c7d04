package rules

import (
	"fmt"
	"strings"

	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Levels of a notification.
const (
	LevelInfo    = "info"
	LevelSuccess = "success"
	LevelWarning = "warning"
	LevelError   = "error"
)

func IsLevel(s string) bool {
	return s == LevelInfo || s == LevelSuccess || s == LevelWarning || s == LevelError
}

// defaultMessage is what a rule without a level, title or body of its own sends.
type defaultMessage struct {
	level, title, body *template.Template
	fields             []defaultField // belong to the body
}

// defaultField is one field, whose value is a template.
type defaultField struct {
	name  string
	value *template.Template
}

// CompileDefaults compiles the default messages by event name. They are part of the program, so a fault in them is a
// fault of the program.
func CompileDefaults(s *Set) map[string]*defaultMessage {
	d := loadDefaults()
	ts := template.New(d.Templates, template.Options{Location: s.Settings.Location, People: s.People})
	part := func(name, text string, as template.Form) *template.Template {
		c, err := ts.Compile(name, text, as)
		if err != nil {
			panic(fmt.Sprintf("rules: default message %s: %v", name, err))
		}
		return c
	}
	lists := make(map[string][]defaultField, len(d.Fields))
	for list, fields := range d.Fields {
		for _, f := range fields {
			lists[list] = append(lists[list], defaultField{f.Name, part(list+" field "+f.Name, f.Value, template.FormMarkdown)})
		}
	}
	messages := make(map[string]*defaultMessage, len(d.Events))
	for name, source := range d.Events {
		m := &defaultMessage{
			level: part(name+" level", source.Level, template.FormText),
			title: part(name+" title", source.Title, template.FormText),
			body:  part(name+" body", source.Body, template.FormMarkdown),
		}
		for _, list := range source.Fields {
			m.fields = append(m.fields, lists[list]...)
		}
		messages[name] = m
	}
	return messages
}

// message is a rendered message before it is addressed.
type message struct {
	level, title, body string
	fields             []Field
}

// render makes the message of r for the event of v. What fails is replaced by the default and noted.
func (s *Set) render(r *Rule, v *view) (message, []string) {
	fallback := s.Defaults[v.event.Name]
	if fallback == nil {
		fallback = s.Defaults["*"]
	}
	w := &messageWriter{dot: v.Dot}
	var m message
	v.Dot["rule"], v.Dot["level"] = r.Name, r.Level
	if m.level = r.Level; m.level == "" {
		m.level, _ = w.write("level", nil, fallback.level)
	}
	if !IsLevel(m.level) {
		m.level = LevelInfo
	}
	v.Dot["level"] = m.level
	title, _ := w.write("title", r.Title, fallback.title)
	if m.title = strings.TrimSpace(value.OneLine(title)); m.title == "" {
		m.title = value.OneLine(v.event.Name)
	}
	body, own := w.write("body", r.Body, fallback.body)
	if m.body = strings.TrimSpace(body); !own {
		m.fields = w.fields(fallback.fields)
	}
	return m, w.notes
}

// messageWriter renders templates with a default behind each.
type messageWriter struct {
	dot   map[string]any
	notes []string
}

// write renders own, or fallback if own is nil or fails.
func (w *messageWriter) write(part string, own, fallback *template.Template) (text string, isOwn bool) {
	if own != nil {
		text, err := own.Render(w.dot)
		if err == nil {
			return text, true
		}
		w.notes = append(w.notes, fmt.Sprintf("%s: the template failed, so the default message was used: %v", part, err))
	}
	text, err := fallback.Render(w.dot)
	w.defaultFailed(part, err)
	return text, false
}

func (w *messageWriter) defaultFailed(part string, err error) {
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("%s: the default message failed: %v", part, err))
	}
}

// fields renders those that have something to say.
func (w *messageWriter) fields(all []defaultField) []Field {
	r := template.NewRenderer(w.dot)
	defer r.Close()
	fields := make([]Field, 0, len(all))
	for _, f := range all {
		text, err := r.Render(f.value)
		w.defaultFailed(f.name, err)
		if value := markdownLine(text); value != "" {
			fields = append(fields, Field{f.name, value})
		}
	}
	return fields
}

// markdownLine writes Markdown in one line. Line ends in values from an event are hard breaks.
func markdownLine(s string) string {
	if strings.Contains(s, "\n") {
		s = strings.NewReplacer("\\\n", " ", "\n", " ").Replace(s)
	}
	return strings.TrimSpace(s)
}
