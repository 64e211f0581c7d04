package rules

import (
	"fmt"
	"slices"
	"time"

	"qaserelay/rules/defaults"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/target"
	"qaserelay/rules/value"
)

// waitRest is how long a wait whose messages were all sent is kept for its end.
const waitRest = 90 * 24 * time.Hour

// maxWaits is how many waits are open at a time, about: they are counted once a minute.
const maxWaits = 1_000_000

// waitHash returns the hash of a wait's key for the event of the view, and the values of by. ok is false for an event
// without an entity, if that is the key.
func (p *passage) waitHash(a *After) (hash string, by byValues, ok bool) {
	if len(a.By) == 0 {
		by.hashed = []string{p.view.entityKey}
		return flow.Hash(by.hashed...), by, p.view.entityKey != ""
	}
	by = p.view.by(a.By)
	return flow.Hash(by.hashed...), by, true
}

// startWait starts the wait of a rule that matched, unless it runs or is over already.
func (p *passage) startWait() {
	a, now := p.rule.After, p.state.Now
	hash, by, ok := p.waitHash(a)
	p.noteOnce(by.notes)
	if !ok {
		p.result.Outcome = Failed
		p.result.Reason = "after: the event has no id, so nothing tells what it waits for; write by"
		return
	}
	key, data := p.findSlot(flow.Wait, hash)
	slot, running := flow.ReadWait(data)
	timestamp := p.view.event.Timestamp
	switch {
	case running && slot.Due == 0 && timestamp <= slot.Timestamp:
		p.result.Outcome = Done
		p.note("after", "notified already, since "+p.clock(slot.StartedAt()), by.shown, time.Time{})
		return
	case running && slot.Due != 0 && !a.FromLast:
		p.result.Outcome = Waiting
		p.noteWait(key, &slot)
		return
	case len(a.By) == 0 && p.view.known.DoneSince(p.rule.owners()) > timestamp:
		p.result.Outcome = Done
		p.note("after", "unless is true for a later event that came before", by.shown, time.Time{})
		return
	}
	if !running && p.state.Waits >= maxWaits {
		p.result.Outcome = Failed
		p.result.Reason = fmt.Sprintf("after: %s waits are open, which is the most, so this one does not start; waiting list "+
			"shows them, and a narrower when, or unless, leaves fewer", value.Grouped(maxWaits))
		return
	}
	if running && slot.Due != 0 {
		slot.Restarted = now.UnixMilli()
	} else {
		slot = flow.WaitSlot{Started: now.UnixMilli(), Timestamp: timestamp, Event: p.event, Entity: p.view.entityKey,
			Title: value.Shorten(p.entityTitle(), maxShownValue), By: by.shown}
	}
	slot.Due = a.Due(slot.Step, slot.From()).UnixMilli()
	p.put(Change{Key: key, Value: flow.Encode(slot), Due: slot.DueAt()})
	p.result.Outcome = Waiting
	p.noteWait(key, &slot)
}

// entityTitle returns the title of the entity, such as "Run 7".
func (p *passage) entityTitle() string {
	return p.view.subject()
}

// noteWait notes until when a rule waits.
func (p *passage) noteWait(key string, slot *flow.WaitSlot) {
	a := p.rule.After
	text := "waits until " + p.clock(slot.DueAt())
	if a.Unless != nil {
		text += " for unless: " + a.Unless.Source
	}
	p.note("after", text, slot.By, slot.DueAt())
	p.result.Flow[len(p.result.Flow)-1].Slot = flow.ID(key)
}

// endWaits ends the waits of rules that the event of the view ends, and returns the results of their rules by the numbers
// of the rules. It comes before the conditions of all rules, so that no rule with stop prevents it.
func (s *Set) endWaits(v *view, st State, d *Decision) endedWaits {
	var ended endedWaits
	for _, i := range s.index.Enders(v.event) {
		r := s.rules[i]
		if st.Await && r.unlessReads("failures") {
			continue
		}
		result := Result{Rule: r.Name, Outcome: NotMatched}
		p := &passage{Set: s, rule: r, view: v, state: st, result: &result, decision: d, event: st.EventID}
		if p.endWait() {
			if ended == nil {
				ended = endedWaits{}
			}
			ended[i] = &result
		}
	}
	return ended
}

// endedWaits are what is to say of rules whose waits an event has ended, by the numbers of the rules.
type endedWaits map[int]*Result

// take adds what is to say of a rule to its result.
func (e endedWaits) take(i int, result Result) Result {
	if end := e[i]; end != nil {
		result.Notes, result.Flow = end.Notes, end.Flow
		result.Silenced, result.NoRecipients = end.Silenced, end.NoRecipients
		delete(e, i)
	}
	return result
}

// recordEnds records what is to say of rules that the event cannot match.
func (d *Decision) recordEnds(ended endedWaits, enders []int) {
	for _, i := range enders {
		if end := ended[i]; end != nil {
			d.NotMatched--
			d.record(*end)
		}
	}
}

// endWait ends the wait of the rule if the event makes unless true, and reports whether the result has something to say.
func (p *passage) endWait() bool {
	a := p.rule.After
	hash, _, ok := p.waitHash(a)
	if !ok {
		return false
	}
	deleted := len(a.By) == 0 && p.view.event.Action() == "deleted"
	over := deleted
	if !over && a.Unless != nil {
		is, err := a.Unless.Match(p.view.all())
		if err != nil {
			p.result.Notes = append(p.result.Notes, "unless: "+err.Error())
		}
		over = is
	}
	if over && len(a.By) == 0 && !deleted {
		if p.view.known.MarkDone(p.rule.Name, p.view.event.Timestamp) {
			p.view.keepEntity(p.view.known, p.state.Now.Add(p.settings.Retention.Entities))
		}
	}
	if p.state.Resume != nil && !p.rule.unlessReads("failures") {
		return false // the first decision has ended it
	}
	key, data := p.findSlot(flow.Wait, hash)
	slot, running := flow.ReadWait(data)
	if !over || !running {
		return running && len(p.result.Notes) > 0
	}
	p.put(Change{Key: key})
	p.note("after", fmt.Sprintf("ends the wait begun by %s, %s ago", slot.Event,
		value.HumanDuration(p.state.Now.Sub(slot.StartedAt()).Round(time.Second))), slot.By, time.Time{})
	if slot.Told > 0 {
		p.resolve(&slot, a.Resolved && !deleted)
	}
	return true
}

// resolve tells those who were notified that the wait is over: all of them, or those that close something by it. A
// silence and a window of time hold it back, as they do the message before, unless it closes something. Each place gets
// one message, that of the last step.
func (p *passage) resolve(slot *flow.WaitSlot, all bool) {
	defer p.view.setLate(nil)
	var made []Notification
	isOwn := false // the rule's targets are those of several steps
	for i := range min(slot.Step, len(p.rule.After.Steps)) {
		if p.rule.After.Steps[i].Targets == nil {
			if isOwn {
				continue
			}
			isOwn = true
		}
		p.setStep(i+1, slot.StartedAt())
		p.view.setLate(&defaults.Late{Resolved: true, Waited: p.view.late.Waited})
		for _, n := range p.resolveStep(all) {
			made = slices.DeleteFunc(made, func(before Notification) bool { return before.isToPlaceOf(&n) })
			made = append(made, n)
		}
	}
	if until, closed := p.closed(); closed && len(made) > 0 {
		made = p.holdUntil(until, made)
	}
	p.result.Outcome, p.result.Reason = NotMatched, ""
	p.decision.Notifications = append(p.decision.Notifications, made...)
}

// resolveStep returns the messages to the targets of a step: all, or those that close something.
func (p *passage) resolveStep(all bool) []Notification {
	r := p.rule.ofStep(p.step)
	r.Level = message.Success
	if !all {
		return p.closing(r, r.Targets)
	}
	p.result.Outcome = Matched
	heard := p.audible(r, p.view, &p.state, p.result)
	if p.result.Outcome == Silenced {
		p.noteOnce([]string{ofSilence + "all that it is over, " + p.result.Reason})
	}
	return p.write(r, heard)
}

// isToPlaceOf reports whether two notifications go to the same place.
func (n *Notification) isToPlaceOf(other *Notification) bool {
	place, _ := target.SplitContent(n.Options)
	otherPlace, _ := target.SplitContent(other.Options)
	return n.Notifier == other.Notifier && string(place) == string(otherPlace)
}

// setLate makes the messages of the view some about a wait, or with nil about none.
func (v *view) setLate(l *defaults.Late) {
	v.late = l
	v.describe()
}

// wait takes the next step of a wait that is due.
func (w *waking) wait() {
	slot, ok := flow.ReadWait(w.Value)
	ev := w.event()
	if !ok || w.rule == nil || w.rule.After == nil || !w.rule.Enabled || ev == nil || slot.Step >= len(w.rule.After.Steps) {
		w.end() // nothing says any more what it waits for
		return
	}
	a := w.rule.After
	if due := a.Due(slot.Step, slot.From()); due.After(w.state.Now) && !w.Flush { // the rule waits longer now
		slot.Due = due.UnixMilli()
		w.move(slot, due, time.Time{})
		return
	}
	due := a.Due(slot.Step, slot.From())
	// Steps of one time are taken together.
	for more := true; more; more = slot.Step < len(a.Steps) && a.Due(slot.Step, slot.From()).Equal(due) {
		if w.take(&slot, ev) {
			return
		}
	}
	w.next(a, &slot)
}

// take takes a step of a wait. It reports whether a silence holds the step back, so that the wait was moved.
func (w *waking) take(slot *flow.WaitSlot, ev *event.Event) (silenced bool) {
	result := Result{Rule: w.rule.Name, Outcome: Matched}
	p := w.passage(ev, slot.Event, &result)
	p.setStep(slot.Step+1, slot.StartedAt())
	p.note("after", "nothing has come for "+value.HumanDuration(p.view.late.Waited)+w.asked(), slot.By, time.Time{})
	made := p.behindWait()
	switch {
	case result.Outcome == Silenced && w.Flush && len(w.decision.Results) == 0: // it waits on
		w.decision.record(result)
		return true
	case result.Outcome == Silenced: // what lasts is told when the silence ends, if it still lasts then
		slot.Due = w.lookAgain(&result).UnixMilli()
		w.move(slot, slot.DueAt(), time.Time{})
		return true
	}
	w.decision.record(result)
	w.decision.Notifications = append(w.decision.Notifications, made...)
	if len(made) > 0 && w.decision.Row == nil {
		w.decision.Row = rowOf(kindOf(p.step), ev)
	}
	slot.Step, slot.Told = slot.Step+1, slot.Told+1
	return false
}

// maxPostponed is the longest time until a silenced wait is looked at again: a person may end the silence early.
const maxPostponed = 5 * time.Minute

// lookAgain returns when a silenced wait is looked at again.
func (w *waking) lookAgain(result *Result) time.Time {
	next := w.state.Now.Add(maxPostponed)
	for _, one := range result.Silenced {
		found := w.state.Silences.Get(one.Silence)
		if found != nil && found.End().After(w.state.Now) && found.End().Before(next) {
			next = found.End()
		}
	}
	return next
}

// next arms the next step of a wait. Behind the last one, the wait is kept for its end, if anything can end it.
func (w *waking) next(a *After, slot *flow.WaitSlot) {
	due := a.Due(slot.Step, slot.From())
	switch {
	case !due.IsZero():
		due = latest(due, w.Due.Add(time.Millisecond))
		slot.Due = due.UnixMilli()
		w.move(slot, due, time.Time{})
	case a.Unless == nil:
		w.end()
	default:
		slot.Due = 0
		w.move(slot, time.Time{}, w.state.Now.Add(waitRest))
	}
}

func kindOf(s *Step) string {
	switch {
	case s.Escalate:
		return RowEscalation
	case s.Reminder > 0:
		return RowReminder
	}
	return RowOverdue
}
