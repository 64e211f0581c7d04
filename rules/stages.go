package rules

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/rules/defaults"
	"qaserelay/rules/flow"
	"qaserelay/rules/target"
)

// passage is the way of the messages of one rule through its stages, which follow each other in this order: after,
// silence, throttle, active, group. Each stage lets the messages pass or keeps them back, and notes what it did in the
// result.
type passage struct {
	*Set
	rule     *Rule
	view     *view
	state    State
	result   *Result
	decision *Decision

	event   string    // the id of the event that the messages are about
	step    *Step     // of a wait that the messages are about, or nil
	number  int       // of the step, from 1
	started time.Time // when the wait began
	flush   bool      // a person asked for the messages now
}

// pass returns the notifications of a rule that matched which are sent at once.
func (p *passage) pass() []Notification {
	if p.rule.After != nil && p.state.Replay == "" {
		p.startWait()
		return nil
	}
	return p.behindWait()
}

// behindWait returns the notifications that the stages behind after let through.
func (p *passage) behindWait() []Notification {
	defer p.view.suppress(0, time.Time{})
	r := p.rule.ofStep(p.step)
	heard := p.audible(r, p.view, &p.state, p.result)
	if p.result.Outcome == Silenced {
		return nil
	}
	if p.throttled() {
		return p.closing(r, heard)
	}
	return p.behindThrottle(r, heard)
}

// ofStep returns the rule with the targets and the level of a step of its wait; nil for none.
func (r Rule) ofStep(step *Step) *Rule {
	if step == nil {
		return &r
	}
	if step.Targets != nil {
		r.Targets = step.Targets
	}
	if step.Level != "" {
		r.Level = step.Level
	}
	return &r
}

// setStep makes the messages those of a step of the rule's wait, which began at a time. number counts from 1.
func (p *passage) setStep(number int, started time.Time) {
	p.step, p.number, p.started = &p.rule.After.Steps[number-1], number, started
	p.view.setLate(&defaults.Late{Waited: p.state.Now.Sub(started), Reminder: p.step.Reminder, Escalated: p.step.Escalate,
		Plain: p.rule.After.Unless == nil})
}

// write returns the notifications of a rule, which may be that of a step, to some of its targets.
func (p *passage) write(r *Rule, targets []*Target) []Notification {
	made := p.notify(r, targets, p.view, p.result)
	for i := range made {
		if p.step != nil && p.step.Targets != nil {
			made[i].step = p.number
		}
	}
	return made
}

// behindThrottle returns the notifications that the stages behind throttle let through.
func (p *passage) behindThrottle(r *Rule, heard []*Target) []Notification {
	made := p.write(r, heard)
	if p.result.Outcome != Matched {
		return made
	}
	if until, closed := p.closed(); closed {
		return p.holdUntil(until, made)
	}
	if p.rule.Group != nil && !p.flush {
		return p.gather(made)
	}
	return p.behindSummary(made)
}

// behindSummary returns the messages that are sent at once. If the summary of those that were held until the window
// opened has not left yet, it takes them, so that none overtakes it.
func (p *passage) behindSummary(made []Notification) (sent []Notification) {
	if p.rule.Active == nil || p.rule.Active.Drop || p.flush || p.state.Replay != "" {
		return made
	}
	for _, n := range made {
		address, _ := target.SplitContent(n.Options)
		_, slot, waits := p.openDigest(p.digestParts(&n, address, byValues{}))
		closes := p.closes != nil && p.closes(n.Notifier, n.Options, n.Level)
		if !waits || closes || slot.DueAt().After(p.state.Now) {
			sent = append(sent, n)
			continue
		}
		p.join(n, slot.DueAt())
	}
	if len(made) > 0 && len(sent) == 0 {
		p.result.Outcome = Deferred
	}
	return sent
}

// closing returns those notifications of a rule that close something at their receiver, which no stage keeps back.
func (p *passage) closing(r *Rule, heard []*Target) (all []Notification) {
	if p.closes == nil {
		return nil
	}
	kept := *p.result
	for _, n := range p.write(r, heard) {
		if p.closes(n.Notifier, n.Options, n.Level) {
			all = append(all, n)
		}
	}
	if len(all) == 0 {
		*p.result = kept // what was not sent is of no interest
		return nil
	}
	p.result.Outcome = Matched
	p.note("passes", "it closes something at "+all[0].Notifier, nil, time.Time{})
	return all
}

// throttled counts a message, and reports whether the throttle keeps it back.
func (p *passage) throttled() bool {
	t := p.rule.Throttle
	if t == nil {
		return false
	}
	if p.state.Replay != "" {
		p.note("throttle", "not counted, since the event is replayed", nil, time.Time{})
		return false
	}
	if p.flush {
		p.note("throttle", "not counted, since a person asked for the message", nil, time.Time{})
		return false
	}
	by := p.view.by(t.By)
	p.result.Notes = append(p.result.Notes, by.notes...)
	key, data := p.findSlot(flow.Throttle, flow.Hash(by.hashed...))
	slot, now := flow.ReadThrottle(data), p.state.Now
	slot.By = by.shown
	sent, held, since := slot.Take(now, t.ThrottleLimit)
	change := Change{Key: key, Expires: slot.Expires(t.ThrottleLimit)}
	end := slot.End(t.ThrottleLimit)
	if sent {
		p.view.suppress(held, since)
		p.note("throttle", fmt.Sprintf("sent, %d of %d until %s", slot.Sent, t.AtMost, p.clock(end)), by.shown, time.Time{})
	} else {
		p.result.Outcome = Held
		slot.DropLast()
		slot.Event, slot.Entity = p.event, p.view.entityKey
		if p.step != nil {
			slot.Step, slot.Started = p.number, p.started.UnixMilli()
		}
		text := fmt.Sprintf("held back, %d of %d sent since %s, next from %s, %d held so far",
			slot.Sent, t.AtMost, p.clock(time.UnixMilli(slot.Start)), p.clock(end), slot.Held)
		if t.SendLast {
			change.Due = latest(end, now)
			text += "; the last one is sent then"
		}
		p.note("throttle", text, by.shown, end)
	}
	change.Value = flow.Encode(slot)
	p.put(change)
	return !sent
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// closed returns when the rule's window of time opens next, if it is closed.
func (p *passage) closed() (until time.Time, is bool) {
	a := p.rule.Active
	if a == nil || a.Window.Open(p.state.Now) {
		return until, false
	}
	if p.state.Replay != "" {
		p.note("active", "passed by, since the event is replayed", nil, time.Time{})
		return until, false
	}
	if p.flush {
		p.note("active", "passed by, since a person asked for the message", nil, time.Time{})
		return until, false
	}
	return a.Window.Next(p.state.Now), true
}

// holdUntil keeps messages until a window of time opens, or drops them.
func (p *passage) holdUntil(opens time.Time, made []Notification) (sent []Notification) {
	var kept []Notification
	for _, n := range made {
		if p.closes != nil && p.closes(n.Notifier, n.Options, n.Level) {
			sent = append(sent, n)
		} else {
			kept = append(kept, n)
		}
	}
	window := "closed since " + p.rule.Active.Window.String()
	if p.rule.Active.Name != "" {
		window = p.rule.Active.Name + " is closed"
	}
	switch {
	case len(kept) == 0:
		p.note("active", window+", and the message passes, since it closes something", nil, time.Time{})
		return sent
	case p.rule.Active.Drop:
		p.result.Outcome = Muted
		p.note("active", window+", dropped", nil, time.Time{})
		return sent
	}
	p.result.Outcome = Deferred
	p.note("active", window+", held until "+p.clock(opens), nil, opens)
	for _, n := range kept {
		p.join(n, opens)
	}
	return sent
}

// clock returns a time for people, in the zone of the settings: with its day unless that is today.
func (p *passage) clock(t time.Time) string {
	t, now := t.In(p.settings.Location), p.state.Now.In(p.settings.Location)
	layout := "15:04:05"
	if t.Second() == 0 {
		layout = "15:04"
	}
	if t.YearDay() != now.YearDay() || t.Year() != now.Year() {
		layout = "Mon 2 Jan " + layout
	}
	return t.Format(layout)
}

// note records what a stage did.
func (p *passage) note(stage, text string, key []string, due time.Time) {
	one := flow.Stage{Stage: stage, Text: text, Key: strings.Join(key, ", ")}
	if !due.IsZero() {
		due = due.UTC().Round(0)
		one.Due = &due
	}
	p.result.Flow = append(p.result.Flow, one)
}

// suppress sets how many messages were held back before this one.
func (v *view) suppress(held int, since time.Time) {
	v.suppressed, v.suppressedSince = held, since
	v.describe()
}
