package defaults

import (
	"fmt"
	"time"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// Late is what a message says about the wait of its rule.
type Late struct {
	Waited    time.Duration `json:"waited"`
	Reminder  int           `json:"reminder,omitempty"`
	Escalated bool          `json:"escalated,omitempty"`
	Resolved  bool          `json:"resolved,omitempty"`
	Plain     bool          `json:"plain,omitempty"` // there is nothing that could have ended the wait
}

// Title returns the title of a default message about a wait. title is that of the event.
func (l *Late) Title(title string) string {
	waited := value.HumanDuration(l.Waited.Truncate(roundTo(l.Waited)))
	switch {
	case l.Resolved:
		return "Resolved after " + waited + ": " + title
	case l.Plain:
		return title
	case l.Reminder > 0:
		return "Reminder " + value.PlainText(l.Reminder) + ", still open after " + waited + ": " + title
	}
	return "Still open after " + waited + ": " + title
}

// roundTo returns the unit to which people round a time.
func roundTo(d time.Duration) time.Duration {
	switch {
	case d >= 48*time.Hour:
		return time.Hour
	case d >= 10*time.Minute:
		return time.Minute
	}
	return time.Second
}

// Label returns the label of a message about a wait, or "".
func (l *Late) Label() string {
	switch {
	case l.Resolved:
		return "RESOLVED"
	case l.Plain:
		return ""
	case l.Escalated:
		return "ESCALATED"
	case l.Reminder > 0:
		return "REMINDER"
	}
	return "OVERDUE"
}

// Level returns the level of a message about a wait whose rule and step have none, or "".
func (l *Late) Level() string {
	switch {
	case l.Resolved:
		return message.Success
	case l.Plain:
		return ""
	}
	return message.Warning
}

// Suppressed returns the line of a default message about those that were held back before it, or "" if there are none.
func Suppressed(held int, since, now time.Time, zone *time.Location) string {
	if held == 0 {
		return ""
	}
	verb := "was"
	if held > 1 {
		verb = "were"
	}
	layout := "15:04"
	if now.Sub(since) > 20*time.Hour {
		layout = "2 Jan 15:04"
	}
	return fmt.Sprintf("%d more %s held back since %s", held, verb, since.In(zone).Format(layout))
}
