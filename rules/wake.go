package rules

import (
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
)

// Woken is a slot that is due (see package flow). The decision about it has to end or to move it, by a Change of its
// key.
type Woken struct {
	Key   string
	Value []byte
	Due   time.Time
	Items []Member // oldest first
	// Events are those that the slot needs beside its items, as far as they are still there.
	Events []*event.Event
	// Removed is set if no rule has such slots any more.
	Removed bool
	// Flush sends what waits although it is not due, and Drop deletes it unsent, since a person asks for it, by the name
	// of Author.
	Flush, Drop bool
	Author      string
}

// Member is an item of a slot, with its event. The event is nil if it is gone, or if the slot has too many bytes.
type Member struct {
	Event *event.Event
	Data  []byte
}

// Row is an event that a slot makes. Its notifications belong to it.
type Row struct {
	Kind                  string // such as digest; not empty
	Source, Name, Project string
	Body                  []byte
}

// The kinds of rows.
const (
	RowDigest     = "digest"
	RowLast       = "last" // the last message that a throttle held back
	RowOverdue    = "overdue"
	RowReminder   = "reminder"
	RowEscalation = "escalation"
	RowSummary    = "summary"
	RowDropped    = "dropped" // what a person has dropped unsent
)

// DigestEvent is the name of the event that a digest of several members makes.
const DigestEvent = "relay.digest"

// Needs is what a decision about a slot reads beside the slot.
type Needs struct {
	Keys   []string
	Events []string // ids
}

// Knows reports whether a rule has slots of this name.
func (s *Set) Knows(n flow.Name) bool {
	switch n.Kind {
	case flow.Feed:
		return s.feedNamed(n.Owner) != nil
	case flow.Event:
		return true
	}
	return s.ruleOf(n.Owner) != nil
}

// Needs returns what [Set.Wake] will read for a slot.
func (s *Set) Needs(w Woken) (n Needs) {
	entity, events := flow.NeedsOf(w.Key, w.Value)
	if entity != "" {
		n.Keys = append(n.Keys, memory.EntityPrefix+entity)
	}
	n.Events = events
	if name, _ := flow.Parse(w.Key); name.Kind == flow.Summary {
		if r := s.ruleOf(name.Owner); r != nil && r.Summary != nil {
			n.Keys = append(n.Keys, memory.SeriesListKey(r.Summary.Source, r.Summary.Project))
		}
	}
	return n
}

// Wake returns the decision about a slot that is due. It is pure, as Decide is.
func (s *Set) Wake(w Woken, st State) (d Decision) {
	st.later = true
	name, _ := flow.Parse(w.Key)
	wake := waking{Set: s, Woken: w, state: st, decision: &d, name: name, rule: s.ruleOf(name.Owner)}
	if w.Removed {
		wake.rule = nil
	}
	if w.Drop {
		wake.drop()
		return d
	}
	switch name.Kind {
	case flow.Throttle:
		wake.throttle()
	case flow.Digest:
		wake.digest()
	case flow.Wait:
		wake.wait()
	case flow.Summary:
		wake.summary()
	case flow.Feed:
		wake.feed()
	}
	return d
}

// waking is the decision about one slot.
type waking struct {
	*Set
	Woken
	state    State
	decision *Decision
	name     flow.Name
	rule     *Rule // nil if it was removed
}

// ruleName returns the name of the slot's rule: the current one, or that in the key if the rule was removed.
func (w *waking) ruleName() string {
	if w.rule != nil {
		return w.rule.Name
	}
	return w.name.Owner
}

// end deletes the slot.
func (w *waking) end() { w.decision.Changes = append(w.decision.Changes, Change{Key: w.Key}) }

// move gives the slot another value and time.
func (w *waking) move(slot any, due, expires time.Time) {
	w.decision.Changes = append(w.decision.Changes, Change{Key: w.Key, Value: flow.Encode(slot), Due: due, Expires: expires})
}

// event returns the event that the slot is about, or nil if it is gone.
func (w *waking) event() *event.Event {
	if len(w.Events) == 0 {
		return nil
	}
	return w.Events[0]
}

// rowOf returns the row of a message about an event that came before.
func rowOf(kind string, ev *event.Event) *Row {
	return &Row{Kind: kind, Source: ev.Source, Name: ev.Name, Project: ev.Project, Body: ev.Body}
}

// passage returns the passage of the messages of the slot's rule about an event.
func (w *waking) passage(ev *event.Event, id string, result *Result) *passage {
	return &passage{Set: w.Set, rule: w.rule, view: w.view(ev, w.state), state: w.state, result: result,
		decision: w.decision, event: id, flush: w.Flush}
}

// throttle sends the last message that was held back, and opens the next window with it.
func (w *waking) throttle() {
	slot, ev := flow.ReadThrottle(w.Value), w.event()
	if w.rule == nil || w.rule.Throttle == nil || !w.rule.Enabled || ev == nil || slot.Held == 0 {
		w.end()
		return
	}
	result := Result{Rule: w.rule.Name, Outcome: Matched}
	p := w.passage(ev, slot.Event, &result)
	p.view.suppress(slot.Held-1, time.UnixMilli(slot.Since))
	if a := w.rule.After; a != nil && 0 < slot.Step && slot.Step <= len(a.Steps) {
		p.setStep(slot.Step, time.UnixMilli(slot.Started))
	}
	r := p.rule.ofStep(p.step)
	heard := p.audible(r, p.view, &p.state, &result)
	if result.Outcome == Silenced { // it takes no place in a window
		slot.DropLast()
	} else {
		p.note("throttle", "the window has ended, and the last message that was held back is sent", slot.By, time.Time{})
		w.decision.Notifications = p.behindThrottle(r, heard)
		slot = flow.ThrottleSlot{Start: w.state.Now.UnixMilli(), Sent: 1, By: slot.By}
	}
	w.decision.record(result)
	w.move(slot, time.Time{}, slot.Expires(w.rule.Throttle.ThrottleLimit))
	if len(w.decision.Notifications) > 0 {
		w.decision.Row = rowOf(RowLast, ev)
	}
}
