package relay

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/memory"
	"qaserelay/rules/value"
)

// outlineOf returns what lists show of an event that was decided.
func outlineOf(d *rules.Decision, ev *event.Event) store.Outline {
	o := store.Outline{Outcome: store.OutcomeNone, Subject: subjectOf(d, ev)}
	for i := range d.Results {
		r := &d.Results[i]
		switch {
		case r.Rule == "" && r.Outcome != rules.Failed:
		case r.Outcome == rules.Failed:
			o.Outcome = store.OutcomeError
			o.Rules = append(o.Rules, store.RuleOutcome{Rule: r.Rule, Outcome: string(r.Outcome)})
		case r.Outcome.IsMatch() || r.Outcome == rules.Awaiting:
			o.Rules = append(o.Rules, store.RuleOutcome{Rule: r.Rule, Outcome: string(r.Outcome)})
			switch {
			case o.Outcome == store.OutcomeError:
			case r.Outcome == rules.Matched:
				o.Outcome = store.OutcomeMatched
			case o.Outcome == store.OutcomeNone:
				o.Outcome = store.OutcomeHeld
			}
		}
	}
	if d.Waits {
		o.Outcome = store.OutcomeWaiting
	}
	return o
}

// subjectOf returns the title of the entity, with how many cases failed if a run has ended. What the relay has made is
// about its first message.
func subjectOf(d *rules.Decision, ev *event.Event) string {
	subject := d.Subject
	if d.Row != nil && len(d.Notifications) > 0 {
		subject = d.Notifications[0].Title
	}
	if ev.Name == "run.completed" {
		failed, _ := ev.Payload["failed"].(int)
		if cases, ok := ev.Payload["cases"].(int); ok && failed > 0 {
			subject = fmt.Sprintf("%s · %d failed of %d", store.CutSubject(subject), failed, cases)
		}
	}
	if strings.ContainsAny(subject, "\n\r\t") {
		subject = value.OneLine(subject)
	}
	return store.CutSubject(subject)
}

const (
	// fillPause is the time between two steps of outlining events that an earlier release has stored, and fillRest the
	// time between two looks whether there are some.
	fillPause = 20 * time.Millisecond
	fillRest  = 10 * time.Minute
)

// fillOutlines outlines events that an earlier release has stored, until ctx is done.
func (e *Engine) fillOutlines(ctx context.Context) {
	for ctx.Err() == nil {
		from, err := e.Store.FillOutlines(ctx, func(ev *store.StoredEvent) store.Outline { return e.outlineAgain(ctx, ev) })
		pause := fillPause
		switch {
		case err != nil:
			e.storeFailed(ctx, "outlining stored events", err)
			pause = time.Minute
		case from.IsZero():
			pause = fillRest
		}
		e.filledFrom.Store(&from)
		select {
		case <-ctx.Done():
		case <-time.After(pause):
		}
	}
}

// FilledFrom returns the time from which on all stored events are outlined and counted; zero is all of them.
func (e *Engine) FilledFrom() time.Time {
	if at := e.filledFrom.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// outlineAgain outlines a stored event by the decision that is kept with it. The title of its entity is that of today.
func (e *Engine) outlineAgain(ctx context.Context, stored *store.StoredEvent) store.Outline {
	var d rules.Decision
	_ = json.Unmarshal(stored.Decisions, &d) // one that cannot be read has no results
	ev, err := event.ParseStored(stored.Source, stored.Body, stored.Facts, stored.ReceivedAt)
	if err != nil {
		return outlineOf(&d, &event.Event{Source: stored.Source, Name: stored.Name, Project: stored.Project})
	}
	if d.Subject = value.PlainText(ev.Payload["title"]); d.Subject == "" {
		kept, _ := e.Store.Get(ctx, memory.EntityPrefix+ev.EntityKey()) // without it, the event is named by its id
		d.Subject = memory.TitleOf(ev, kept)
	}
	return outlineOf(&d, ev)
}
