package defaults

import (
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// DigestWriter writes the default digest of a rule.
type DigestWriter struct {
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
func (w *DigestWriter) WriteTitle() string {
	title := "Nothing for " + plain(w.Rule)
	if w.Count > 0 {
		title = strconv.Itoa(w.Count) + " × " + plain(w.Rule)
	}
	return title + prefixed(" in ", w.Project)
}

// DefaultRoom is the room in messages of notifiers without a limit of their own.
const DefaultRoom = 100_000

// maxLineTitle is how many characters of the title of a member are in its line.
const maxLineTitle = 150

// WriteBody lists the members, each by its title as a link, as far as there is room.
func (w *DigestWriter) WriteBody() string {
	const rest = 40 // characters of the last line
	if w.Count == 0 {
		return "Nothing has come since " + w.timeOf(w.Opened) + "."
	}
	left, listed := w.Room.Most-rest, 0
	var out strings.Builder
	for i := range w.Members {
		line := w.line(&w.Members[i])
		if left -= w.Room.Size(line) + w.Room.Line; left < 0 {
			break
		}
		out.WriteString(line)
		listed++
	}
	if more := w.Count - listed; more > 0 {
		out.WriteString("\n… and " + strconv.Itoa(more) + " more")
	}
	return out.String()
}

// line returns the line of a member: with the sign of its level, and its time if the digest was open for long.
func (w *DigestWriter) line(m *DigestLine) string {
	text := escaped(value.Shorten(m.Title, maxLineTitle))
	if m.URL != "" {
		text = "[" + text + "](" + escaped(m.URL) + ")"
	}
	if sign := message.Sign(m.Level); sign != "" && !w.NoEmoji && !message.HasSign(m.Title) {
		text = escaped(sign) + " " + text
	}
	if !m.Time.IsZero() && w.Now.Sub(w.Opened) >= time.Hour {
		text += " · " + w.timeOf(m.Time)
	}
	return "- " + text + "\n"
}

// timeOf returns the time of a member for people.
func (w *DigestWriter) timeOf(t time.Time) string {
	t, now := t.In(w.Location), w.Now.In(w.Location)
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		return t.Format("Mon 15:04")
	}
	return t.Format("15:04")
}
