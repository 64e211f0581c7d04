// Package gallery draws messages on a terminal as their receivers see them, and writes them as web pages.
package gallery

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/markup"
	"qaserelay/notifiers/preview"
	"qaserelay/relay"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// previewID stands in a previewed message in the place of the delivery's id, which is made when the event comes.
const previewID = "preview"

// Gallery draws messages, and keeps their pages until Write.
type Gallery struct {
	out   *terminal.Screen
	specs map[string]rulefile.Notifier
	rules *rules.Set // has the people directory; nil without rules
	event *event.Event
	dir   string // where the pages go; empty for nowhere
	pages []page
}

// New returns a gallery of messages about ev that draws on out. cfg has the notifiers and the people; it is nil without rules.
// Write puts the pages into the folder dir, unless that is empty.
func New(out *terminal.Screen, cfg *rulefile.File, ev *event.Event, dir string) *Gallery {
	g := &Gallery{out: out, specs: map[string]rulefile.Notifier{}, event: ev, dir: dir}
	if cfg != nil {
		g.rules = cfg.Rules
		for _, spec := range cfg.Notifiers {
			g.specs[spec.Name] = spec
		}
	}
	return g
}

// Show draws the message that would be sent at the given time.
func (g *Gallery) Show(n rules.Notification, at time.Time) {
	m := relay.NewMessage(previewID, g.event, n)
	m.CreatedAt, m.Event = at, g.event.Body
	g.draw(n.Notifier, &m)
}

// ShowStored draws a message to a notifier as a relay has stored it. A nil gallery draws nothing.
func (g *Gallery) ShowStored(notifier string, stored json.RawMessage) {
	if g == nil {
		return
	}
	var m notifiers.Message
	if err := json.Unmarshal(stored, &m); err != nil {
		g.say(fmt.Sprintf("the stored message cannot be read: %v", err))
		return
	}
	m.Event = g.event.Body
	g.draw(notifier, &m)
}

func (g *Gallery) draw(notifier string, m *notifiers.Message) {
	spec, known := g.specs[notifier]
	if !known {
		g.say("no picture: the rules at hand have no notifier " + notifier)
		return
	}
	n, note, err := newNotifier(spec)
	if err == nil {
		err = g.drawWith(n, notifier, m)
	}
	if err != nil {
		g.say(fmt.Sprintf("no picture: %v", err))
		return
	}
	if note != "" {
		g.say(note)
	}
}

func (g *Gallery) drawWith(n notifiers.Notifier, notifier string, m *notifiers.Message) error {
	p, err := preview.Of(n, m)
	if err != nil {
		return err
	}
	g.nameMentions(p.Top)
	g.nameMentions(p.Lines)
	g.out.PrintPicture(p)
	html, err := p.HTML()
	g.pages = append(g.pages, page{Rule: m.Rule, Notifier: notifier, Picture: p, html: html})
	return err
}

// nameMentions writes names for ids, as Slack does.
func (g *Gallery) nameMentions(lines []markup.Line) {
	for _, l := range lines {
		for _, cell := range l.Cells {
			g.nameMentions(cell)
		}
		for i, r := range l.Runs {
			if name := g.rules.SlackName(strings.TrimPrefix(r.Text, "@")); r.Mention && name != "" {
				l.Runs[i].Text = "@" + name
			}
		}
	}
}

func (g *Gallery) say(what string) {
	for _, line := range terminal.Sentences(g.out, what, 6) {
		g.out.Printf("      %s\n", g.out.Dim(line))
	}
}

// newNotifier makes a notifier as the rules have it. Where it lacks a secret here, one is made up, with a note if that could show.
func newNotifier(spec rulefile.Notifier) (n notifiers.Notifier, note string, err error) {
	kinds := builtin.Kinds()
	i := slices.IndexFunc(kinds, func(k notifiers.Kind) bool { return k.Type == spec.Type })
	if i < 0 {
		return nil, "", errors.New("there is no type " + spec.Type)
	}
	n, lacks := kinds[i].New(spec.Config, spec.Defaults)
	if lacks == nil {
		return n, "", nil
	}
	n, err = kinds[i].New(kinds[i].Sample(), spec.Defaults)
	if spec.Type == "email" || spec.Type == "http" {
		first, _, _ := strings.Cut(lacks.Error(), "\n")
		note = "made up here are the sender and what else the notifier itself brings, since it is not complete: " + first
	}
	return n, note, err
}
