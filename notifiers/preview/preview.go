package preview

import (
	"errors"
	"fmt"
	"slices"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// Previewer is a notifier that can show what it would send. All of the built-in ones are.
type Previewer interface {
	Preview(m *notifiers.Message) ([]byte, error)
	// picture reads what Preview returned for m.
	Picture(m *notifiers.Message, sent []byte) (*Picture, error)
}

// Picture is how a message looks to its receiver. It is read from what is sent, so the two cannot differ, and holds no secrets. Its
// texts are plain, without any markup, and may hold anything that an event does.
type Picture struct {
	Channel string // what the notifier is for people: Slack, Mail, HTTP
	Level   string
	// Facts stand above the message: where it goes, and the header of a mail or a request.
	Facts []Fact
	// Top stands above the box that Lines are in, or is empty.
	Top   []Line
	Lines []Line
	// Color is that of the box or of the bar beside it, such as #dc2626; empty if there is none.
	Color   string
	Buttons []Run
	// Page is the mail's own HTML, as it is sent. Everything else has none.
	Page string
}

// Fact is a name and a value, such as To and an address. The name may be empty.
type Fact struct{ Name, Text string }

// Line and Run are those of rich text.
type (
	Line = markup.Line
	Run  = markup.Run
)

// Draw returns the picture of m as n would send it, without a network.
func Draw(n notifiers.Notifier, m *notifiers.Message) (*Picture, error) {
	p, can := n.(Previewer)
	if !can {
		return nil, errors.New("this notifier cannot show its messages")
	}
	sent, err := p.Preview(m)
	if err != nil {
		return nil, err
	}
	picture, err := p.Picture(m, sent)
	if err != nil {
		return nil, fmt.Errorf("reading the message: %w", err)
	}
	picture.Level = m.Level
	return picture, nil
}

// InRows puts cells side by side, so many in a row.
func InRows(cells [][]Line, many int) []Line {
	var rows []Line
	for row := range slices.Chunk(cells, many) {
		rows = append(rows, Line{Cells: row})
	}
	return rows
}

// Labelled is a name with a value below it.
func Labelled(name string, value []Line) []Line {
	return append(PlainLine(name, Run{Bold: true}), value...)
}

// PlainLine is a line in one style, unless its text is empty.
func PlainLine(text string, style Run) []Line {
	if text == "" {
		return nil
	}
	style.Text = markup.Visible(text)
	return []Line{{Runs: []Run{style}}}
}

// PlainLines are the lines of a text without markup.
func PlainLines(text string) []Line {
	var lines []Line
	apart := false
	for _, l := range SplitLines(text) {
		if l == "" {
			apart = len(lines) > 0
			continue
		}
		lines = append(lines, Line{Runs: []Run{{Text: markup.Visible(l)}}, Apart: apart})
		apart = false
	}
	return lines
}
