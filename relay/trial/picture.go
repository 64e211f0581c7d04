package trial

import (
	"bytes"
	"encoding/json"
	"errors"
	"regexp"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
	"qaserelay/relay"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// Message is a message that would be sent. Its options hold no secrets.
type Message struct {
	Rule     string          `json:"rule"`
	Notifier string          `json:"notifier"`
	Level    string          `json:"level"`
	Title    string          `json:"title"`
	Body     string          `json:"body"`
	URL      string          `json:"url,omitempty"`
	Options  json.RawMessage `json:"options,omitempty"`
	Fallback []string        `json:"fallback,omitempty"`
	Refused  bool            `json:"refused,omitempty"`  // its notifier would refuse it
	Warnings []string        `json:"warnings,omitempty"` // what its notifier says about it
	Picture  *Picture        `json:"picture,omitempty"`  // absent if it cannot be drawn
	Note     string          `json:"note,omitempty"`     // why it cannot be drawn, or what of it is a sample
}

func messageOf(n rules.Notification) Message {
	m := Message{Rule: n.Rule, Notifier: n.Notifier, Level: n.Level, Title: n.Title, Body: n.FullBody(), URL: n.URL,
		Options: n.Options, Refused: n.IsRefused(), Warnings: n.Warnings()}
	for _, f := range n.Fallbacks {
		if !f.Beside {
			m.Fallback = append(m.Fallback, f.Notifier)
		}
	}
	return m
}

// encode returns v as JSON in which < and > stand as they are.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return bytes.TrimRight(b.Bytes(), "\n"), err
}

// Picture is how a message looks to its receiver. All texts are plain.
type Picture struct {
	Channel string `json:"channel"`
	Level   string `json:"level,omitempty"`
	Facts   []Fact `json:"facts,omitempty"` // above the message; the one without a name is the destination
	Top     []Line `json:"top,omitempty"`   // above the box of lines
	Lines   []Line `json:"lines"`
	Color   string `json:"color,omitempty"`
	Buttons []Run  `json:"buttons,omitempty"`
	HTML    string `json:"html,omitempty"` // of an email
	Style   Style  `json:"style,omitzero"`
}

// Style is the look of a channel.
type Style struct {
	Framed  bool `json:"framed,omitempty"` // the message stands in a frame
	Bar     bool `json:"bar,omitempty"`    // the frame has a bar in the message's color
	Banner  bool `json:"banner,omitempty"` // the top stands in the frame, on the message's color
	Filled  bool `json:"filled,omitempty"` // the message stands on a background
	Bare    bool `json:"bare,omitempty"`   // no sender is shown
	Columns int  `json:"columns,omitempty"`
}

// Layout returns the picture as previews have it.
func (p *Picture) Layout() *preview.Layout {
	l := &preview.Layout{Channel: p.Channel, Level: p.Level, Color: p.Color, Page: p.HTML, Top: markupOf(p.Top),
		Lines: markupOf(p.Lines), Style: preview.Style(p.Style)}
	for _, f := range p.Facts {
		l.Facts = append(l.Facts, preview.Fact(f))
	}
	for _, b := range p.Buttons {
		l.Buttons = append(l.Buttons, markup.Run(b))
	}
	return l
}

func markupOf(all []Line) (lines []markup.Line) {
	for _, l := range all {
		line := markup.Line{Apart: l.Apart, Heading: l.Heading, Small: l.Small, Quote: l.Quote, Pre: l.Code, Named: l.Named}
		for _, r := range l.Runs {
			line.Runs = append(line.Runs, markup.Run(r))
		}
		for _, cell := range l.Cells {
			line.Cells = append(line.Cells, markupOf(cell))
		}
		lines = append(lines, line)
	}
	return lines
}

// Fact is a name with a value.
type Fact struct {
	Name string `json:"name,omitempty"`
	Text string `json:"text"`
}

// Line is a line of a picture: runs of text, or cells side by side.
type Line struct {
	Runs    []Run    `json:"runs,omitempty"`
	Cells   [][]Line `json:"cells,omitempty"`
	Apart   bool     `json:"apart,omitempty"` // with space above it
	Heading bool     `json:"heading,omitempty"`
	Small   bool     `json:"small,omitempty"`
	Quote   bool     `json:"quote,omitempty"`
	Code    bool     `json:"code,omitempty"`
	Named   bool     `json:"named,omitempty"` // a name and a value
}

// Run is text in one style.
type Run struct {
	Text    string `json:"text"`
	URL     string `json:"url,omitempty"`
	Bold    bool   `json:"bold,omitempty"`
	Italic  bool   `json:"italic,omitempty"`
	Strike  bool   `json:"strike,omitempty"`
	Code    bool   `json:"code,omitempty"`
	Mention bool   `json:"mention,omitempty"`
}

// PictureOf returns a layout as a picture.
func PictureOf(l *preview.Layout) *Picture {
	p := &Picture{Channel: l.Channel, Level: l.Level, Color: l.Color, HTML: l.Page, Top: linesOf(l.Top), Lines: linesOf(l.Lines),
		Style: Style(l.Style)}
	for _, f := range l.Facts {
		if f.Name == "" { // a path can be a secret
			f.Text = pathOfURL.ReplaceAllString(f.Text, "$1/…")
		}
		p.Facts = append(p.Facts, Fact(f))
	}
	for _, b := range l.Buttons {
		p.Buttons = append(p.Buttons, Run(b))
	}
	if p.Lines == nil {
		p.Lines = []Line{}
	}
	return p
}

// pathOfURL matches a URL with more than its host.
var pathOfURL = regexp.MustCompile(`\b(https?://[^/\s]+)/\S+`)

func linesOf(all []markup.Line) (lines []Line) {
	for _, l := range all {
		line := Line{Apart: l.Apart, Heading: l.Heading, Small: l.Small, Quote: l.Quote, Code: l.Pre, Named: l.Named}
		for _, r := range l.Runs {
			line.Runs = append(line.Runs, Run(r))
		}
		for _, cell := range l.Cells {
			line.Cells = append(line.Cells, linesOf(cell))
		}
		lines = append(lines, line)
	}
	return lines
}

// drawer draws messages by the notifiers of a configuration.
type drawer struct {
	cfg  *rulefile.Config
	made map[string]notifiers.Notifier // those that exist already
}

func newDrawer(cfg *rulefile.Config) *drawer {
	return &drawer{cfg: cfg, made: map[string]notifiers.Notifier{}}
}

// draw returns the picture of a message, and a note about it, or why there is none.
func (d *drawer) draw(n rules.Notification, ev *event.Event, at time.Time) (p *Picture, note string) {
	made, note, err := d.notifier(n.Notifier)
	if err != nil {
		return nil, "cannot be shown: " + err.Error()
	}
	m := relay.NewMessage("preview", ev, n)
	m.CreatedAt, m.Event = at, ev.Body
	layout, err := preview.Of(made, &m)
	if err != nil {
		return nil, "cannot be shown: " + err.Error()
	}
	layout.NameMentions(d.cfg.Rules.SlackName)
	return PictureOf(layout), note
}

// notifier makes a notifier. If a secret is missing, the one of the sample settings stands for it, and the note says
// which values are samples.
func (d *drawer) notifier(name string) (n notifiers.Notifier, note string, err error) {
	if made := d.made[name]; made != nil {
		return made, "", nil
	}
	i := slices.IndexFunc(d.cfg.Notifiers, func(s rulefile.Notifier) bool { return s.Name == name })
	if i < 0 {
		return nil, "", errors.New("the rules have no notifier " + name)
	}
	spec, kinds := d.cfg.Notifiers[i], builtin.Kinds()
	k := slices.IndexFunc(kinds, func(k notifiers.Kind) bool { return k.Type == spec.Type })
	if k < 0 {
		return nil, "", errors.New("there is no type " + spec.Type)
	}
	if n, err = kinds[k].New(spec.Config, spec.Defaults); err == nil {
		d.made[name] = n
		return n, "", nil
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	if n, err = kinds[k].New(kinds[k].Sample(), spec.Defaults); spec.Type == "email" || spec.Type == "http" {
		note = "the sender and other values of the notifier are samples, since its configuration is not complete: " + first
	}
	return n, note, err
}
