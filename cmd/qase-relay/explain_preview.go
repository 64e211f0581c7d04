package main

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
	"qaserelay/notifiers/preview"
	"qaserelay/relay"
	"qaserelay/relay/admin"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// previewID stands in a previewed message in the place of the delivery's id, which is made when the event comes.
const previewID = "preview"

// gallery draws messages, and keeps their pages if they are to be written.
type gallery struct {
	c     *terminal.Console
	specs map[string]rulefile.Notifier
	rules *rules.Set // knows the people; nil if there are no rules at hand
	event *event.Event
	dir   string // where the pages go; empty for nowhere
	pages []galleryPage
}

// newGallery returns the gallery that the flags ask for, or nil. cfg is nil if there are no rules at hand.
func (f *explainFlags) newGallery(c *terminal.Console, cfg *rulefile.Config, ev *event.Event) *gallery {
	if !f.preview && f.html == "" {
		return nil
	}
	g := &gallery{c: c, specs: map[string]rulefile.Notifier{}, event: ev, dir: f.html}
	if cfg != nil {
		g.rules = cfg.Rules
		for _, spec := range cfg.Notifiers {
			g.specs[spec.Name] = spec
		}
	}
	return g
}

// show prints the picture of a message that would be sent at the given time.
func (g *gallery) show(n rules.Notification, at time.Time) {
	m := relay.NewMessage(previewID, g.event, n)
	m.CreatedAt, m.Event = at, g.event.Body
	g.draw(n.Notifier, &m)
	if len(n.Fallbacks) > 0 {
		g.c.Out.Printf("      %s %s\n", g.c.Out.Dim("if it dies:"), terminal.Printable(standIns(n.Fallbacks)))
	}
}

// showDelivery prints the picture of a message that a relay keeps. A nil gallery draws nothing.
func (g *gallery) showDelivery(d admin.Delivery) {
	if g == nil {
		return
	}
	var m notifiers.Message
	if err := json.Unmarshal(d.Message, &m); err != nil {
		g.say(fmt.Sprintf("the stored message cannot be read: %v", err))
		return
	}
	m.Event = g.event.Body
	g.draw(d.Notifier, &m)
}

func (g *gallery) draw(notifier string, m *notifiers.Message) {
	spec, known := g.specs[notifier]
	if !known {
		g.say("no picture: the rules at hand have no notifier " + notifier)
		return
	}
	n, note, err := made(spec)
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

func (g *gallery) drawWith(n notifiers.Notifier, notifier string, m *notifiers.Message) error {
	p, err := preview.Draw(n, m)
	if err != nil {
		return err
	}
	g.nameMentions(p.Top)
	g.nameMentions(p.Lines)
	g.c.Out.PrintPicture(p)
	page, err := p.HTML()
	g.pages = append(g.pages, galleryPage{Rule: m.Rule, Notifier: notifier, Picture: p, html: page})
	return err
}

// nameMentions writes names for ids, as Slack does.
func (g *gallery) nameMentions(lines []preview.Line) {
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

func (g *gallery) say(what string) {
	for _, line := range terminal.Sentences(g.c.Out, what, 6) {
		g.c.Out.Printf("      %s\n", g.c.Out.Dim(line))
	}
}

// made makes a notifier as the rules have it. Where it lacks a secret here, one is made up, with a note if that could show.
func made(spec rulefile.Notifier) (n notifiers.Notifier, note string, err error) {
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
