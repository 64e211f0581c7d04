package console

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

// step is an entry of what happened to an event.
type step struct {
	At       time.Time
	Icon     string // ok, bad, warn, wait, off, again, person, or empty for a dot
	Text     string
	Note     string // beside the text
	Error    string // below them
	Response string // the beginning of what the receiver answered
	Delivery string // the id of the message that it is about
	Event    string // the id of another event that it is about
	Ahead    bool   // it has not happened yet
}

// stepsOf joins arrival, decision, attempts, what people did, and what is still to come, in the order of time.
func stepsOf(p *eventPage, deeds []step) []step {
	steps := append([]step{arrival(p), decided(p)}, deeds...)
	for _, m := range p.Messages {
		steps = append(steps, attemptsOf(m)...)
		if s, ends := endOf(m); ends {
			steps = append(steps, s)
		}
	}
	for slot, sent := range p.Digests {
		steps = append(steps, step{At: p.ReceivedAt, Icon: "wait", Text: "joined the digest " + slot, Note: "which was sent as",
			Event: sent})
	}
	slices.SortStableFunc(steps, func(a, b step) int { return a.At.Compare(b.At) })
	return steps
}

func arrival(p *eventPage) step {
	s := step{At: p.ReceivedAt, Text: "arrived at the source " + p.Source, Note: sizeText(p.Size)}
	switch {
	case p.Kind != "":
		s.Text = "was made by the relay: " + p.Kind
	case p.ReplayOf != "":
		s.Icon, s.Text, s.Note, s.Event = "again", "was replayed", "from", p.ReplayOf
	}
	return s
}

func decided(p *eventPage) step {
	s := step{At: p.ReceivedAt}
	if w := p.Waiting; p.Event.State == "waiting" {
		s.Icon, s.Text = "wait", "waits to be decided"
		if w != nil && w.Until != nil {
			s.Note = "until " + w.Until.UTC().Format("15:04:05 UTC") + " at the latest"
		}
		if w != nil && w.Behind != "" {
			s.Event, s.Note = w.Behind, "behind"
		}
		return s
	}
	all, matched, failed := p.Decision.count()
	s.Text = count(all, "rule") + ": " + fmt.Sprintf("%d matched", matched)
	if failed > 0 {
		s.Icon, s.Text = "warn", s.Text+", "+fmt.Sprintf("%d failed", failed)
	}
	return s
}

// attemptsOf returns the last attempts to send a message.
func attemptsOf(m message) (steps []step) {
	log := m.Log
	if skipped := len(log) - maxAttempts; skipped > 0 {
		log = log[skipped:]
		steps = append(steps, step{At: log[0].At, Text: count(skipped, "earlier attempt"), Delivery: m.ID})
	}
	for _, a := range log {
		steps = append(steps, attempt(m, a))
	}
	return steps
}

func attempt(m message, a desk.Attempt) step {
	took := frame.Duration(time.Duration(a.Seconds * float64(time.Second)))
	s := step{At: a.At, Icon: "ok", Text: "→ " + m.Notifier, Note: strings.TrimSpace(a.Status + " after " + took),
		Error: a.Error, Response: a.Response, Delivery: m.ID}
	if m.FallbackFor != "" {
		s.Text += " (fallback)"
	}
	if a.Reason != "" || a.Error != "" && m.State != store.Delivered {
		s.Icon = "bad"
	}
	return s
}

// endOf returns what is still to come of a message, or how it ended without an attempt.
func endOf(m message) (s step, ends bool) {
	s = step{Text: "→ " + m.Notifier, Delivery: m.ID, At: m.UpdatedAt}
	switch {
	case m.IsDryRun():
		s.Icon, s.Note = "off", "not sent: dry run"
	case m.State == store.Cancelled:
		s.Icon, s.Note = "off", "cancelled"
		s.Error = m.Error
	case m.State == store.Pending && m.NextAt != nil:
		s.Icon, s.Ahead, s.At, s.Note = "wait", true, *m.NextAt, "is tried"
		if m.Attempts > 0 {
			s.Note = "is tried again"
		}
	case m.State == store.Sending:
		s.Icon, s.Ahead, s.Note = "wait", true, "is being sent"
	default:
		return s, false
	}
	return s, true
}
