package relay

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"qaserelay/relay/asker"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/value"
)

// resumed is what became of an event that has waited, in one turn.
type resumed struct {
	slot, id string
	event    *event.Event // nil if it is not stored any more
	question *asker.Question
	facts    *failures.Facts
	waited   time.Duration
	decided  bool // it waits no more
	next     bool // another event waits behind it
}

// resume decides about the first event of a slot, if what it waits for is there or does not come. The next one is
// decided by the next turn.
func (t *turn) resume(s *store.Slot, get func(string) ([]byte, error), out *firedSlot) (f store.Firing, err error) {
	slot, ok := flow.ReadEvents(s.Value)
	if !ok {
		out.err = flow.ErrUnreadable
		return setAside(s, t.now), nil
	}
	first := &slot.Events[0]
	r := &resumed{slot: s.Key, id: first.ID, waited: t.now.Sub(first.SinceAt())}
	out.resumed = r
	stored := storedEvent(s.Events, first.ID)
	if stored != nil {
		r.event = parseStored(stored)
	}
	final := true
	if r.event != nil {
		answer, asked := t.asker.Answer(s.Key, first.ID)
		if r.facts = known(stored, answer.Facts); !asked {
			r.question = questionOf(s.Key, r.event, first)
		}
		var ready bool
		if final, ready = isReady(first, answer, t.now); !ready && t.ask == nil {
			if out.leaving = t.only != nil; out.leaving {
				return store.Firing{Leave: true}, nil
			}
			slot.LookAt(t.now.Add(askLease))
			f.Changes = []store.Change{{Key: s.Key, Value: flow.Encode(slot), Due: later(slot.DueAt(), s.Due)}}
			out.moved = true
			return f, nil
		}
		final = final || t.ask != nil
		r.facts = t.explained(r, first, final)
		if final, err = t.decideStored(&f, stored, undecided{first, final, get}, out); err != nil {
			return f, err
		}
	}
	f.Changes = append(f.Changes, t.passOn(s, &slot, final))
	r.decided, r.next, out.made = final, final && len(slot.Events) > 0, f.Deliveries
	if t.ask != nil {
		out.row = store.ID(0)
		if stored != nil {
			out.row = stored.ID
		}
	}
	return f, nil
}

// known returns the facts that are stored with an event together with those of an answer.
func known(stored *store.StoredEvent, asked *failures.Facts) *failures.Facts {
	before := failures.ReadFacts(stored.Facts)
	if before == nil || asked == nil {
		return cmp.Or(asked, before)
	}
	all := *asked
	all.Entity, all.Run = asker.Merged(before.Entity, asked.Entity), cmp.Or(asked.Run, before.Run)
	if all.Member == nil {
		all.Member = before.Member
	}
	return &all
}

// explained returns the facts of an event that is decided, with the reason if its failing tests are not known because
// nothing has answered.
func (t *turn) explained(r *resumed, w *flow.WaitingEvent, final bool) *failures.Facts {
	switch {
	case !final || !w.Results || r.facts != nil && r.facts.Run != nil:
		return r.facts
	case t.ask != nil:
		return unknownResults(r.facts, r.event, "the event was decided before Qase had answered")
	}
	wait := value.HumanDuration(w.UntilAt().Sub(w.SinceAt()))
	return unknownResults(r.facts, r.event, "the Qase API did not answer in "+wait)
}

// isReady reports whether rules can decide about an event now, and whether all can.
func isReady(w *flow.WaitingEvent, answer asker.Answer, now time.Time) (final, ready bool) {
	named := answer.Named || w.Named == 0 || !now.Before(w.NamedAt())
	final = !w.Results || answer.Done || !now.Before(w.UntilAt())
	return final && named, named && (final || !w.Partly)
}

// later returns a time, or the moment behind another one if it is not later than that.
func later(t, than time.Time) time.Time {
	if !t.After(than) {
		return than.Add(time.Millisecond)
	}
	return t
}

// storedEvent returns the event with an id, or nil.
func storedEvent(all []store.StoredEvent, id string) *store.StoredEvent {
	i := slices.IndexFunc(all, func(ev store.StoredEvent) bool { return ev.ID.String() == id })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// passOn returns the change of a slot whose first event was decided, in part or for good.
func (t *turn) passOn(s *store.Slot, slot *flow.EventSlot, final bool) store.Change {
	if !final {
		slot.Events[0].Partly = true
		slot.LookAt(t.now.Add(askLease))
	} else if slot.Events = slot.Events[1:]; len(slot.Events) == 0 {
		return store.Change{Key: s.Key}
	} else {
		slot.Due = t.now.UnixMilli()
	}
	return store.Change{Key: s.Key, Value: flow.Encode(slot), Due: later(slot.DueAt(), s.Due)}
}

// undecided is an event that waits, and what is decided about it now.
type undecided struct {
	*flow.WaitingEvent
	final bool // all rules decide
	get   func(string) ([]byte, error)
}

// decideStored decides about a stored event: all rules that have not decided yet, or those that do not wait. It reports
// whether no rule is left.
func (t *turn) decideStored(f *store.Firing, stored *store.StoredEvent, u undecided, out *firedSlot) (
	final bool, err error) {
	w, final := u.WaitingEvent, u.final
	var before rules.Decision
	if w.Partly {
		if err := json.Unmarshal(stored.Decisions, &before); err != nil {
			return false, fmt.Errorf("reading the first decision about %s: %w", w.ID, err)
		}
	}
	var readErr error
	st := rules.State{Now: t.now, Dry: t.DryRun, Silences: t.silences.List(), EventID: w.ID, Facts: out.resumed.facts,
		Await: !final, IsSign: !w.Partly, Get: func(key string) ([]byte, error) {
			value, err := u.get(key)
			if err != nil && readErr == nil {
				readErr = &readError{fmt.Errorf("reading the state for a decision: %w", err)}
			}
			return value, err
		}}
	if w.Partly {
		st.Resume = resumeOf(&before)
	}
	d, err := t.decideAgain(out.resumed.event, st)
	if err == nil && !final && len(d.Awaiting) == 0 { // no rule waits after all
		final, st.Await = true, false
		d, err = t.decideAgain(out.resumed.event, st)
	}
	if err := errors.Join(readErr, err); err != nil {
		return final, err
	}
	if t.ask != nil && t.ask.Drop {
		drop(&d)
	}
	out.results = slices.DeleteFunc(slices.Clone(d.Results),
		func(r rules.Result) bool { return r.Outcome == rules.Awaiting })
	merged := before.Merge(d)
	merged.Waits = !final
	if f.Decisions, err = json.Marshal(merged); err != nil {
		return final, fmt.Errorf("encoding the decision: %w", err)
	}
	merged.Subject = d.Subject
	f.Of, f.Facts, f.Outline = stored.ID, encodeFacts(out.resumed.facts, out.resumed.event), outlineOf(&merged, out.resumed.event)
	return final, t.addRows(f, out.resumed.event, &d)
}

// resumeOf returns what the rules have to know of the first decision about an event.
func resumeOf(before *rules.Decision) *rules.Resume {
	var r rules.Resume
	for _, one := range before.Results {
		switch {
		case one.Outcome == rules.Awaiting:
			r.Awaiting = append(r.Awaiting, one.Rule)
		case one.Outcome.IsMatch():
			r.Matched = append(r.Matched, one.Rule)
		}
	}
	return &r
}

// drop takes back what rules make of an event that a person drops. What is remembered of its entity stays.
func drop(d *rules.Decision) {
	for i := range d.Results {
		if d.Results[i].Outcome.IsMatch() {
			d.Results[i].Outcome = rules.Dropped
		}
	}
	d.Notifications, d.Items = nil, nil
	d.Changes = slices.DeleteFunc(d.Changes, func(c rules.Change) bool { return store.IsSlot(c.Key) })
}

// decideAgain lets the rules decide, and turns a panic in them into an error.
func (t *turn) decideAgain(ev *event.Event, st rules.State) (d rules.Decision, err error) {
	defer t.recoverRules(ev, func(panicked any) { err = slotError(panicked) })
	return t.Engine.decide(t.cfg.Rules, ev, st), nil
}

// goOn has the question of an event asked that waits on, or the event behind it decided.
func (t *turn) goOn(r *resumed) {
	if r.question != nil && !r.decided {
		t.asker.Ask(*r.question)
	}
	if r.decided {
		t.asker.Forget(r.slot, r.id)
	}
	if r.next {
		t.slotReady(r.slot)
	}
}

// settleResumed goes on with what an event that has waited needs next, and counts and logs what was decided.
func (t *turn) settleResumed(out *firedSlot) {
	r := out.resumed
	t.goOn(r)
	if r.event == nil || len(out.results) == 0 {
		return
	}
	id, _ := store.ParseID(r.id)
	t.observeResults(out.results, id, r.event.Name, t.now)
	t.traceDecision(r.event, tracedDecision{id, out.results, len(out.made)})
	t.logDryRun(id, out.made)
	if leftOut, due := t.eventLines.Admit(t.now); due && r.decided {
		args := []any{"event", r.id, "event_name", r.event.Name, "project", r.event.Project, "source", r.event.Source,
			"deliveries", len(out.made), "waited", r.waited.Round(time.Millisecond)}
		if leftOut > 0 {
			args = append(args, "left_out", leftOut)
		}
		t.Logger.Info("event decided", args...)
	}
}

// observeAsked counts a list of failing tests that was asked for.
func (e *Engine) observeAsked(source string, run *failures.Run, waited time.Duration) {
	e.Metrics.Asked(source, run.Outcome(), waited)
}

// waitedSince returns how long ago a time was, and 0 for the zero time.
func (e *Engine) waitedSince(t time.Time) time.Duration {
	if t.IsZero() {
		return 0
	}
	return e.Now().Sub(t)
}
