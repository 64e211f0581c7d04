package defaults

import (
	"errors"
	"strings"
	"time"

	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Digest holds the templates of the default digest.
type Digest struct{ Title, Line, More, None *template.Template }

// DigestWriter writes the default digest of a rule.
type DigestWriter struct {
	*Digest
	Rule, Project string
	Count         int          // of all members
	Members       []DigestLine // those that are listed
	Opened, Now   time.Time
	Location      *time.Location
	NoEmoji       bool
	Room          flow.Room // for the body
}

// DigestLine is a member of a digest.
type DigestLine struct {
	Title, Level, URL string
	Time              time.Time // zero if it is not known
}

// WriteTitle returns such as "5 × failed-run in WEB".
func (w *DigestWriter) WriteTitle() (string, error) {
	return w.render(w.Title, map[string]any{"rule": w.Rule, "count": w.Count, "project": w.Project})
}

// render renders a template of the digest.
func (w *DigestWriter) render(t *template.Template, vars map[string]any) (string, error) {
	return t.Render(template.Context{Vars: vars, Now: w.Now})
}

// DefaultRoom is the room in messages of notifiers without a limit of their own.
const DefaultRoom = 100_000

// maxLineTitle is how many characters of the title of a member are in its line.
const maxLineTitle = 150

// WriteBody lists the members, each by its title as a link, as far as there is room.
func (w *DigestWriter) WriteBody() (string, error) {
	const rest = 40 // characters of the last line
	if w.Count == 0 {
		return w.render(w.None, map[string]any{"since": w.timeOf(w.Opened)})
	}
	left, shown := w.Room.Most-rest, 0
	var out strings.Builder
	var failed error
	for i := range w.Members {
		line, err := w.line(&w.Members[i])
		failed = errors.Join(failed, err)
		if left -= w.Room.Size(line) + w.Room.Line; left < 0 {
			break
		}
		out.WriteString(line)
		shown++
	}
	if more := w.Count - shown; more > 0 {
		text, err := w.render(w.More, map[string]any{"more": more})
		failed = errors.Join(failed, err)
		out.WriteString("\n" + text)
	}
	return out.String(), failed
}

// line returns the line of a member: with the sign of its level, and its time if the digest was open for long.
func (w *DigestWriter) line(m *DigestLine) (string, error) {
	vars := map[string]any{"title": value.Shorten(m.Title, maxLineTitle), "url": m.URL, "sign": "", "time": ""}
	if !w.NoEmoji && !message.HasSign(m.Title) {
		vars["sign"] = message.Sign(m.Level)
	}
	if !m.Time.IsZero() && w.Now.Sub(w.Opened) >= time.Hour {
		vars["time"] = w.timeOf(m.Time)
	}
	text, err := w.render(w.Line, vars)
	return strings.TrimRight(text, "\n") + "\n", err
}

// timeOf returns the time of a member for people.
func (w *DigestWriter) timeOf(t time.Time) string {
	t, now := t.In(w.Location), w.Now.In(w.Location)
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("Mon 15:04")
	}
	return t.Format("15:04")
}
