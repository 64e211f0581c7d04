// Package preview describes how a message looks to its receiver, and draws it as a web page.
//
// The step of a kind that composes a message also returns a function that makes the [Layout] from the same lines.
package preview

import (
	"errors"
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// Previewer is a notifier that can show what it would send. All built-in notifiers can.
type Previewer interface {
	// Preview returns what would be sent for m: the JSON of a chat's message, an email, or the body of a request.
	Preview(m *notifiers.Message) ([]byte, error)
	// Layout returns how m would look to its receiver.
	Layout(m *notifiers.Message) (*Layout, error)
}

// Of returns the layout of m as n would send it, without a network.
func Of(n notifiers.Notifier, m *notifiers.Message) (*Layout, error) {
	p, can := n.(Previewer)
	if !can {
		return nil, errors.New("this notifier cannot show its messages")
	}
	layout, err := p.Layout(m)
	if err != nil {
		return nil, err
	}
	layout.Level = m.Level
	return layout, nil
}

// Draw calls the layout function of a compose step, of whose results it takes all. Only previews call it: sending a
// message makes no layout.
func Draw[Payload any](_ Payload, layout func() *Layout, err error) (*Layout, error) {
	if err != nil {
		return nil, err
	}
	return layout(), nil
}

// Layout is how a message looks to its receiver. It holds no secrets. Its texts are plain, without markup, and may hold
// any text of an event.
type Layout struct {
	Channel string // name of the service for people: Slack, Mail, HTTP
	Level   string
	// Facts stand above the message: its destination, and the header of an email or a request.
	Facts []Fact
	// Top stands above the box of Lines. It may be empty.
	Top   []markup.Line
	Lines []markup.Line
	// Color is the color of the box or of the bar beside it, such as #dc2626, or empty.
	Color   string
	Buttons []markup.Run
	// Page is the HTML of an email as it is sent. Other channels have none.
	Page string
	// Style says how the web page draws the message.
	Style Style
}

// Style is the look of a channel on the web page of a preview. The zero value is a message beside a colored bar.
type Style struct {
	Framed bool // the message stands in a frame
	Bar    bool // the frame has a bar in the message's color
	Banner bool // Top stands in the frame, on the message's color
	Filled bool // the message stands on a background
	Bare   bool // no sender is shown
	// Columns is the number of cells in a row. Zero means 2.
	Columns int
}

// Fact is a name with a value, such as To with an address. The fact without a name is the destination.
type Fact struct{ Name, Text string }

// Add puts lines below those of the layout, with space between.
func (l *Layout) Add(lines ...markup.Line) {
	if len(lines) == 0 {
		return
	}
	first := len(l.Lines)
	l.Lines = append(l.Lines, lines...)
	l.Lines[first].Apart = first > 0
}

// AddRows puts cells below the lines of the layout, so many in a row.
func (l *Layout) AddRows(cells [][]markup.Line, perRow int) {
	l.Add(Rows(cells, perRow)...)
}

// Rows puts cells side by side, so many in a row.
func Rows(cells [][]markup.Line, perRow int) []markup.Line {
	var rows []markup.Line
	for row := range slices.Chunk(cells, perRow) {
		rows = append(rows, markup.Line{Cells: row})
	}
	return rows
}

// Labeled is a cell with a name and, below it, a value.
func Labeled(name string, value ...markup.Line) []markup.Line {
	return append(Text(name, markup.Run{Bold: true}), value...)
}

// Text is a line of text in one style, or nothing if the text is empty.
func Text(text string, style markup.Run) []markup.Line {
	if text == "" {
		return nil
	}
	style.Text = markup.Visible(text)
	return []markup.Line{{Runs: []markup.Run{style}}}
}

// Sign is the emoji of m in front of a title, or nothing.
func Sign(m *notifiers.Message) []markup.Run {
	if sign := markup.Sign(m); sign != "" {
		return []markup.Run{{Text: markup.Visible(sign)}}
	}
	return nil
}

// Small is a small line of text, such as the context of a message.
func Small(text string) []markup.Line {
	lines := Text(text, markup.Run{})
	for i := range lines {
		lines[i].Small = true
	}
	return lines
}

// Mentions is a line of mentions with spaces between them, or nothing.
func Mentions(runs []markup.Run) []markup.Line {
	if len(runs) == 0 {
		return nil
	}
	line := markup.Line{Runs: runs[:1:1]}
	for _, r := range runs[1:] {
		line.Runs = append(line.Runs, markup.Run{Text: " "}, r)
	}
	return []markup.Line{line}
}

// Paragraphs are the lines of a text without markup. Empty lines become space.
func Paragraphs(text string) []markup.Line {
	return Compact(markup.Split(strings.TrimRight(markup.Visible(text), "\n")))
}

// Compact replaces empty lines by space above the next line.
func Compact(lines []markup.Line) []markup.Line {
	var kept []markup.Line
	apart := false
	for _, l := range lines {
		if len(l.Runs) == 0 && len(l.Cells) == 0 {
			apart = len(kept) > 0
			continue
		}
		l.Apart = l.Apart || apart
		kept, apart = append(kept, l), false
	}
	return kept
}

// NameMentions replaces the ids of mentions with the names that name returns, as Slack does. An id without a name stays.
func (l *Layout) NameMentions(name func(id string) string) {
	nameMentions(l.Top, name)
	nameMentions(l.Lines, name)
}

func nameMentions(lines []markup.Line, name func(id string) string) {
	for _, l := range lines {
		for _, cell := range l.Cells {
			nameMentions(cell, name)
		}
		for i, r := range l.Runs {
			if !r.Mention {
				continue
			}
			if n := name(strings.TrimPrefix(r.Text, "@")); n != "" {
				l.Runs[i].Text = "@" + n
			}
		}
	}
}
