// Package defaults writes the default messages: those of rules without a level, title or body of their own, and of digests.
//
// Most events carry little more than an id, and any field may be missing or of another type than documented, so no text
// leaves a gap: no empty brackets, no separator with nothing behind it. Titles are one line of plain text. Bodies and
// fields are Markdown, in which values of the event are escaped. The link into Qase is not part of a message: each channel
// shows it, as it does the fields, in its own way.
package defaults

import (
	"strings"
	"sync"
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/memory"
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/template/funcs"
	"qaserelay/rules/value"
)

// writer writes the default message about the events of one name.
type writer struct {
	level, label string
	writeLevel   func(*Facts) string                 // in place of level, if it follows from the event
	writeLabel   func(f *Facts, level string) string // in place of label
	writeTitle   func(*Facts) string
	writeLead    func(*Facts) string // nil for none
	writeBody    func(*Facts) string // nil for none
	ofBody       []field
}

// field is a named value below the body. It is left out if its value, which is Markdown, is empty.
type field struct {
	name  string
	value func(*Facts) string
}

// Facts are what the default messages say of an event.
type Facts struct {
	Event    *event.Event
	Entity   *memory.Entity // with the fields of the event
	Title    string         // of the entity; not empty
	Actor    string         // the name of the person who acted; not empty
	Previous map[string]any // the run before, or nil
	Results  Results
	People   *people.Directory
	Location *time.Location // of times
}

// Results are what Qase has said of the tests of a run that has ended. Tests that Qase leaves out of the result of the run,
// the muted ones, do not count as failed.
type Results struct {
	Failed, Muted int
	Headline      string // see failures.Summary
	First, Rest   string // of the line that says how the run ended
}

// writerOf returns the writer of the messages about events of a name.
func writerOf(name string, asked bool) *writer {
	all := writers()
	if w := all.withResults[name]; w != nil && asked {
		return w
	}
	if w := all.byName[name]; w != nil {
		return w
	}
	return all.other
}

// table are the writers of all default messages.
type table struct {
	byName      map[string]*writer // by the names of events
	withResults map[string]*writer // of runs, if Qase was asked which tests failed
	other       *writer            // of all other events
}

var writers = sync.OnceValue(func() table {
	t := table{byName: map[string]*writer{}, withResults: runsWithResults(), other: otherEvent()}
	for _, some := range []map[string]*writer{runs(), results(), defects(), reviews(), contents(), ofRelay()} {
		for name, w := range some {
			t.byName[name] = w
		}
	}
	return t
})

// Texts are the texts of the default message about one event. Each is written when it is first asked for, however many
// rules need it. They belong to one goroutine.
type Texts struct {
	*writer
	facts  Facts
	title  string
	body   string
	fields []message.Field // nil until the body is written
}

// Write returns the texts about an event. asked is set if Qase was asked which tests of the run failed.
func Write(f Facts, asked bool) Texts {
	return Texts{writer: writerOf(f.Event.Name, asked), facts: f}
}

// Level returns the level of the message.
func (t *Texts) Level() string {
	if t.writeLevel != nil {
		return t.writeLevel(&t.facts)
	}
	return t.level
}

// Label returns what has happened in a word or two, in capitals; "" is the level itself. level is that of the message.
func (t *Texts) Label(level string) string {
	if t.writeLabel != nil {
		return t.writeLabel(&t.facts, level)
	}
	return t.label
}

// Title returns the title, which is plain text.
func (t *Texts) Title() string {
	if t.title == "" {
		t.title = strings.TrimSpace(value.OneLine(funcs.Truncate(t.writeTitle(&t.facts))))
	}
	return t.title
}

// Lead returns the beginning of the body below a title that the rule has written, or "".
func (t *Texts) Lead() string {
	if t.writeLead == nil {
		return ""
	}
	return t.writeLead(&t.facts)
}

// Body returns the body, which is Markdown and says what the title does not, and the fields that have a value. Callers
// must not change the fields.
func (t *Texts) Body() (markdown string, fields []message.Field) {
	if t.fields != nil {
		return t.body, t.fields
	}
	if t.writeBody != nil {
		t.body = strings.TrimSpace(funcs.Truncate(t.writeBody(&t.facts)))
	}
	var most [8]message.Field // of all messages
	given := most[:0]
	for _, one := range t.ofBody {
		if text := oneLine(funcs.Truncate(one.value(&t.facts))); text != "" {
			given = append(given, message.Field{Name: one.name, Value: text})
		}
	}
	t.fields = append(make([]message.Field, 0, len(given)), given...)
	return t.body, t.fields
}

// JoinParagraphs joins the paragraphs that are not empty.
func JoinParagraphs(first, second string) string {
	if first == "" || second == "" {
		return first + second
	}
	return first + "\n\n" + second
}

// oneLine joins the lines of Markdown. A line end in a value from an event is a hard break.
func oneLine(markdown string) string {
	if strings.Contains(markdown, "\n") {
		markdown = strings.NewReplacer("\\\n", " ", "\n", " ").Replace(markdown)
	}
	return strings.TrimSpace(markdown)
}
