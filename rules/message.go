package rules

import (
	"fmt"
	"strings"

	"qaserelay/rules/defaults"
	"qaserelay/rules/message"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// render renders the message of r. A part that fails is replaced by the default and noted.
func (s *Set) render(r *Rule, v *view) (message.Message, []string) {
	shown, fallback := v.showFailures(r), s.defaultOf(v)
	w := &messageWriter{view: v, renderer: template.NewRenderer(v.context())}
	defer w.renderer.Close()
	m := message.Message{Rule: r.Name, Level: r.Level, URL: v.url}
	w.setLevel(&m, fallback)
	alone := s.listAlone(r, v, &m)
	if r.Level == "" || v.event.Type() == "run" {
		m.Label, _ = w.write("label", nil, fallback.Label)
	}
	title, ownTitle := w.write("title", r.Title, fallback.Title)
	if v.late != nil {
		if label := v.late.Label(); label != "" {
			m.Label = label
		}
		if !ownTitle || v.late.Resolved {
			title = v.late.Title(strings.TrimSpace(title))
		}
	}
	if m.Title = strings.TrimSpace(value.OneLine(title)); m.Title == "" {
		m.Title = value.OneLine(v.event.Name)
	}
	if ownTitle && r.Marked != nil {
		if marked, err := w.renderer.Render(r.Marked); err == nil {
			m.SetShortcodes(strings.TrimSpace(value.OneLine(marked)))
		}
	}
	if !s.settings.NoEmoji && !(ownTitle && message.HasSign(m.Title)) {
		m.Sign = message.Sign(m.Level)
	}
	if alone != nil && !r.Title.ReadsMembers() {
		alone["title"] = m.Title
	}
	body, ownBody := w.write("body", r.Body, fallback.Body)
	if m.Body = strings.TrimSpace(body); !ownBody {
		m.Fields = w.fields(fallback.Fields)
		s.addTests(&m, shown, v)
		if ownTitle {
			m.Body = w.lead(fallback.Lead, m.Body)
		}
		m.Body = defaults.JoinParagraphs(m.Body, defaults.Suppressed(v.suppressed, v.suppressedSince, v.now, s.settings.Location))
	}
	return m, w.notes
}

// setLevel gives a message without a level the default one, and sets the variables of the message.
func (w *messageWriter) setLevel(m *message.Message, fallback *defaults.Message) {
	vars := w.view.context().Vars
	m.SetVariables(vars) // of each rule: the map is shared by all of them
	if m.Level == "" && w.view.late != nil {
		m.Level = w.view.late.Level()
	}
	if m.Level == "" {
		m.Level, _ = w.write("level", nil, fallback.Level)
	}
	if !message.IsLevel(m.Level) {
		m.Level = message.Info
	}
	m.SetVariables(vars)
}

// messageWriter renders templates, each with a default.
type messageWriter struct {
	view     *view
	renderer *template.Renderer // of the texts of the rule
	notes    []string
}

// write renders own, or fallback if own is nil or fails.
func (w *messageWriter) write(part string, own, fallback *template.Template) (text string, isOwn bool) {
	if own != nil {
		text, err := w.renderer.Render(own)
		if err == nil {
			return text, true
		}
		w.notes = append(w.notes,
			fmt.Sprintf("%s: the template failed, so the default message was used: %v", part, err))
	}
	text, err := w.view.defaults.Render(w.view.context(), fallback)
	w.noteDefault(part, err)
	return text, false
}

// noteDefault notes that a part of the default message failed.
func (w *messageWriter) noteDefault(part string, err error) {
	if err != nil {
		w.notes = append(w.notes, fmt.Sprintf("%s: the default message failed: %v", part, err))
	}
}

// lead puts the lead of the default message before its body.
func (w *messageWriter) lead(lead *template.Template, body string) string {
	text, err := w.view.defaults.Render(w.view.context(), lead)
	w.noteDefault("lead", err)
	return defaults.JoinParagraphs(strings.TrimSpace(text), body)
}

// fields renders the fields whose value is not empty.
func (w *messageWriter) fields(all []defaults.Field) []message.Field {
	fields := make([]message.Field, 0, len(all))
	for _, f := range all {
		text, err := w.view.defaults.Render(w.view.context(), f.Value)
		w.noteDefault(f.Name, err)
		if value := defaults.Line(text); value != "" {
			fields = append(fields, message.Field{Name: f.Name, Value: value})
		}
	}
	return fields
}

// setMessage sets the variables of options and bodies of notifiers to the message.
func (s *Set) setMessage(c template.Context, m *message.Message) {
	plain := func(markdown string) string { return markdown }
	if s.plainText != nil && c.Budget.Spend(plainCost*len(m.FullBody())) == nil {
		plain = s.plainText
	}
	m.SetMessage(c.Vars, plain)
}

// plainCost is how many units a byte of Markdown takes to become plain text.
const plainCost = 32

// SetExample sets the message of a template's context to one for checks.
func (s *Set) SetExample(c template.Context) {
	s.setMessage(c, &message.Message{Rule: "example", Level: message.Info, Title: "An example", Body: "A *body*.",
		URL: "https://app.qase.io/run/WEB/dashboard/7", Fields: []message.Field{{Name: "Plan", Value: "Smoke"}}})
}
