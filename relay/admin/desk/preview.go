package desk

import (
	"context"
	"encoding/json"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/silence"
)

const (
	// maxExamined is the most messages that a preview looks at, and maxShown the most that it names.
	maxExamined = 5000
	maxShown    = 100
)

// SilencePreview says which messages of some time a silence would have held back.
type SilencePreview struct {
	Since    time.Time `json:"since"`
	Examined int       `json:"examined"`
	Matched  int       `json:"matched"`
	// Complete is false if there were more messages than a preview looks at.
	Complete bool `json:"complete"`
	// Messages are those that match, the newest first, at most 100.
	Messages []SilencedMessage `json:"messages"`
	Warnings []string          `json:"warnings,omitempty"`
}

// SilencedMessage is a message that a silence would have held back.
type SilencedMessage struct {
	ID        string    `json:"id"` // of the delivery
	CreatedAt time.Time `json:"created_at"`
	Event     string    `json:"event"`
	Project   string    `json:"project"`
	Rule      string    `json:"rule"`
	Notifier  string    `json:"notifier"`
	Title     string    `json:"title"`
}

// PreviewSilence looks for the messages of the last time that a silence would have held back. It stores nothing.
func (d *Desk) PreviewSilence(ctx context.Context, spec SilenceSpec, last time.Duration) (SilencePreview, error) {
	s, err := d.newSilence(spec, silence.Spec{})
	if err != nil {
		return SilencePreview{}, err
	}
	p := &silencePreview{desk: d, silence: s, scopes: map[store.ID]*rules.SilenceScope{}}
	p.Since, p.Complete, p.Messages = d.o.Store.Now().Add(-last), true, []SilencedMessage{}
	p.Warnings = d.withWarnings(s).Warnings
	f := store.DeliveryFilter{After: store.FirstID(p.Since) - 1, Limit: MaxPage}
	for {
		page, next, err := d.o.Store.Deliveries(ctx, f)
		if err != nil {
			return p.SilencePreview, failed("listing deliveries", err)
		}
		for i := range page {
			if err := p.examine(ctx, &page[i]); err != nil {
				return p.SilencePreview, failed("reading an event", err)
			}
		}
		if f.Before = next; next == 0 {
			return p.SilencePreview, nil
		}
		if p.Complete = p.Examined < maxExamined; !p.Complete {
			return p.SilencePreview, nil
		}
	}
}

// silencePreview is one look at the messages of some time.
type silencePreview struct {
	SilencePreview
	desk    *Desk
	silence *silence.Silence
	scopes  map[store.ID]*rules.SilenceScope // of events
}

func (p *silencePreview) examine(ctx context.Context, d *store.Delivery) error {
	p.Examined++
	scope, err := p.scopeOf(ctx, d)
	if err != nil {
		return err
	}
	f := scope.Fields
	f.Rule, f.Notifier, f.Level = d.Rule, d.Notifier, levelOf(d)
	var env func() *condition.Env
	if scope.Env != nil {
		env = func() *condition.Env { return scope.Env }
	}
	if !p.silence.Matches(&f, env) {
		return nil
	}
	if p.Matched++; len(p.Messages) < maxShown {
		p.Messages = append(p.Messages, SilencedMessage{ID: d.ID.String(), CreatedAt: d.CreatedAt, Event: d.EventName,
			Project: d.Project, Rule: d.Rule, Notifier: d.Notifier, Title: d.Title})
	}
	return nil
}

// levelOf returns the level of the message of a delivery.
func levelOf(d *store.Delivery) string {
	var m struct {
		Level string `json:"level"`
	}
	_ = json.Unmarshal(d.Message, &m) // one that cannot be read has none
	return m.Level
}

// scopeOf returns what silences see of the event of a delivery. Of an event that the relay has made, that is what the
// delivery says.
func (p *silencePreview) scopeOf(ctx context.Context, d *store.Delivery) (*rules.SilenceScope, error) {
	if known := p.scopes[d.EventID]; known != nil {
		return known, nil
	}
	stored, err := p.desk.o.Store.Event(ctx, d.EventID)
	if err != nil {
		return nil, err
	}
	scope := &rules.SilenceScope{Fields: silence.Fields{Project: d.Project, Event: d.EventName, Source: stored.Source}}
	if ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt); err == nil && stored.Kind == "" {
		full := p.desk.o.Config().Rules.SilenceScope(ev, rules.State{Now: stored.ReceivedAt,
			Get: func(key string) ([]byte, error) { return p.desk.o.Store.Get(ctx, key) }})
		scope = &full
	}
	p.scopes[d.EventID] = scope
	return scope, nil
}
