package rules

import (
	"fmt"
	"strings"

	"qaserelay/rules/defaults"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// render renders the message of r. A part that fails is replaced by the default and noted.
func (s *Set) render(r *Rule, v *view) (message.Message, []string) {
	shown, fallback := v.showFailures(r), v.defaultOf()
	w := &messageWriter{view: v}
	defer w.close()
	m := message.Message{Rule: r.Name, Level: v.levelOf(r), URL: v.page()}
	alone := s.listAlone(r, v, &m)
	if r.Level == "" || v.event.Type() == "run" {
		m.Label = fallback.Label(m.Level)
	}
	title, ownTitle := w.write("title", r.Title)
	if !ownTitle {
		title = fallback.Title()
	}
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
		if marked, err := w.render(r.Marked); err == nil {
			m.SetShortcodes(strings.TrimSpace(value.OneLine(marked)))
		}
	}
	if !s.settings.NoEmoji && !(ownTitle && message.HasSign(m.Title)) {
		m.Sign = message.Sign(m.Level)
	}
	if alone != nil && !r.Title.ReadsMembers() {
		alone["title"] = m.Title
	}
	body, ownBody := w.write("body", r.Body)
	if m.Body = strings.TrimSpace(body); !ownBody {
		s.writeBody(&m, v, shown, ownTitle)
	}
	return m, w.notes
}

// writeBody gives a message the default body, with its fields and the tests that failed. ownTitle is set if the rule has
// written the title.
func (s *Set) writeBody(m *message.Message, v *view, shown *shownTests, ownTitle bool) {
	fallback := v.defaultOf()
	m.Body, m.Fields = fallback.Body()
	s.addTests(m, shown, v)
	if ownTitle {
		m.Body = defaults.JoinParagraphs(fallback.Lead(), m.Body)
	}
	m.Body = defaults.JoinParagraphs(m.Body, defaults.Suppressed(v.suppressed, v.suppressedSince, v.now, s.settings.Location))
}

// levelOf returns the level of the message of a rule, which is the default one without one of its own. From then on,
// templates see the level and the rule.
func (v *view) levelOf(r *Rule) string {
	level := r.Level
	if level == "" && v.late != nil {
		level = v.late.Level()
	}
	if level == "" {
		level = v.defaultOf().Level()
	}
	if !message.IsLevel(level) {
		level = message.Info
	}
	v.rule, v.level = r.Name, level
	v.describe()
	return level
}

// messageWriter renders the templates of a rule.
type messageWriter struct {
	view     *view
	renderer *template.Renderer // made by render
	notes    []string
}

// render renders a template of the rule.
func (w *messageWriter) render(t *template.Template) (string, error) {
	if w.renderer == nil {
		w.renderer = template.NewRenderer(w.view.context())
	}
	return w.renderer.Render(t)
}

// close ends the use of the renderer.
func (w *messageWriter) close() {
	if w.renderer != nil {
		w.renderer.Close()
	}
}

// write renders a text of the rule, and reports whether it has one that can be rendered.
func (w *messageWriter) write(part string, own *template.Template) (text string, isOwn bool) {
	if own == nil {
		return "", false
	}
	text, err := w.render(own)
	if err != nil {
		w.notes = append(w.notes,
			fmt.Sprintf("%s: the template failed, so the default message was used: %v", part, err))
	}
	return text, err == nil
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

// prepare returns the messages of a target. One without templates needs no variables.
func (v *view) prepare(t *Target) target.Prepared {
	if fixed := t.Fixed(); fixed != nil {
		return *fixed
	}
	return t.Prepare(v.context())
}

// fallbacks returns the fallbacks of a message, and notes on those that have none of its recipients.
func (v *view) fallbacks(t *Target, only *people.Recipient) ([]Fallback, []string) {
	if len(t.Fallbacks) == 0 {
		return nil, nil
	}
	return t.RenderFallbacks(v.context(), only)
}
