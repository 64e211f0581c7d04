package rules

import (
	"fmt"
	"strings"
)

// Levels of a notification.
const (
	levelInfo    = "info"
	levelSuccess = "success"
	levelWarning = "warning"
	levelError   = "error"
)

func isLevel(s string) bool {
	return s == levelInfo || s == levelSuccess || s == levelWarning || s == levelError
}

// defaultMessage is what a rule without a level, title or body of its own sends.
type defaultMessage struct{ level, title, body *compiled }

// compileDefaults compiles the default messages by event name. They are part of the program, so a fault in them is a
// fault of the program.
func compileDefaults(s *Set) map[string]*defaultMessage {
	partials, sources := defaultSources()
	ts := newTemplates(partials, s.settings.Location, s.people)
	part := func(name, text string, as form) *compiled {
		c, err := ts.compile(name, text, as)
		if err != nil {
			panic(fmt.Sprintf("rules: default message %s: %v", name, err))
		}
		return c
	}
	messages := make(map[string]*defaultMessage, len(sources))
	for name, source := range sources {
		messages[name] = &defaultMessage{
			level: part(name+" level", source.Level, formText),
			title: part(name+" title", source.Title, formText),
			body:  part(name+" body", source.Body, formMarkdown),
		}
	}
	return messages
}

// message is a rendered message before it is addressed.
type message struct{ level, title, body string }

// render makes the message of r for the event of v. What fails is replaced by the default and noted.
func (s *Set) render(r *rule, v *view) (message, []string) {
	fallback := s.defaults[v.event.Name]
	if fallback == nil {
		fallback = s.defaults["*"]
	}
	w := &messageWriter{dot: v.dot}
	var m message
	v.dot["rule"], v.dot["level"] = r.name, r.level
	if m.level = r.level; m.level == "" {
		m.level = w.write("level", nil, fallback.level)
	}
	if !isLevel(m.level) {
		m.level = levelInfo
	}
	v.dot["level"] = m.level
	m.title = strings.TrimSpace(oneLine(w.write("title", r.title, fallback.title)))
	if m.title == "" {
		m.title = oneLine(v.event.Name)
	}
	m.body = strings.TrimSpace(w.write("body", r.body, fallback.body))
	return m, w.notes
}

// messageWriter renders templates with a default behind each.
type messageWriter struct {
	dot   map[string]any
	notes []string
}

// write renders own, or fallback if own is nil or fails.
func (w *messageWriter) write(part string, own, fallback *compiled) string {
	if own != nil {
		text, err := own.render(w.dot)
		if err == nil {
			return text
		}
		w.notes = append(w.notes, fmt.Sprintf("%s: the template failed, so the default message was used: %v", part, err))
	}
	text, err := fallback.render(w.dot)
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("%s: the default message failed: %v", part, err))
	}
	return text
}
