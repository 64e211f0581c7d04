// Package gallery previews messages as their recipients see them, on a terminal and as web pages.
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
	"qaserelay/notifiers/preview"
	"qaserelay/relay"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile"
)

// previewID is the delivery id of a previewed message. A real id is made when the event arrives.
const previewID = "preview"

// Gallery prints previews of messages, and collects their pages until Write.
type Gallery struct {
	out   *terminal.Screen
	specs map[string]rulefile.Notifier
	rules *rules.Set // for the people directory; nil without rules
	event *event.Event
	dir   string // the folder of the pages; empty for none
	pages []page
}

// New returns a gallery of messages about ev that prints to out. cfg has the notifiers and the people; it is nil
// without rules. Write puts the pages into the folder dir, unless dir is empty.
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

// Show previews a message that would be sent at the given time.
func (g *Gallery) Show(n rules.Notification, at time.Time) {
	m := relay.NewMessage(previewID, g.event, n)
	m.CreatedAt, m.Event = at, g.event.Body
	g.draw(n.Notifier, &m)
}

// ShowStored previews a stored message to a notifier.
func (g *Gallery) ShowStored(notifier string, stored json.RawMessage) {
	var m notifiers.Message
	if err := json.Unmarshal(stored, &m); err != nil {
		g.printNote(fmt.Sprintf("the stored message cannot be read: %v", err))
		return
	}
	m.Event = g.event.Body
	g.draw(notifier, &m)
}

func (g *Gallery) draw(notifier string, m *notifiers.Message) {
	spec, known := g.specs[notifier]
	if !known {
		g.printNote("cannot be previewed: the rules file has no notifier " + notifier)
		return
	}
	n, note, err := newNotifier(spec)
	if err == nil {
		err = g.drawWith(n, notifier, m)
	}
	if err != nil {
		g.printNote(fmt.Sprintf("cannot be previewed: %v", err))
		return
	}
	if note != "" {
		g.printNote(note)
	}
}

func (g *Gallery) drawWith(n notifiers.Notifier, notifier string, m *notifiers.Message) error {
	p, err := preview.Of(n, m)
	if err != nil {
		return err
	}
	p.NameMentions(g.rules.SlackName)
	g.out.PrintPreview(p)
	html, err := p.HTML()
	g.pages = append(g.pages, page{Rule: m.Rule, Notifier: notifier, Layout: p, HTML: html})
	return err
}

func (g *Gallery) printNote(text string) {
	g.out.PrintSentences("      ", text, g.out.Dim)
}

// newNotifier makes a notifier from its configuration. If a secret is not set here, it uses sample values instead, and
// returns a note if they are visible in the message.
func newNotifier(spec rulefile.Notifier) (n notifiers.Notifier, note string, err error) {
	kinds := builtin.Kinds()
	i := slices.IndexFunc(kinds, func(k notifiers.Kind) bool { return k.Type == spec.Type })
	if i < 0 {
		return nil, "", errors.New("there is no type " + spec.Type)
	}
	n, incomplete := kinds[i].New(spec.Config, spec.Defaults)
	if incomplete == nil {
		return n, "", nil
	}
	n, err = kinds[i].New(kinds[i].Sample(), spec.Defaults)
	if spec.Type == "email" || spec.Type == "http" {
		first, _, _ := strings.Cut(incomplete.Error(), "\n")
		note = "the sender and other values of the notifier are samples, since its configuration is not complete: " +
			first
	}
	return n, note, err
}
