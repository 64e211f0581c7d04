package rules

import (
	"slices"

	"qaserelay/rules/event"
	"qaserelay/rules/message"
)

// Decide returns the decision on ev: the outcome of each rule, the notifications, and the values to store. It is
// pure: the same event and state give the same decision. A key that State.Get fails to read counts as absent; the
// caller knows of the failure and drops the decision.
func (s *Set) Decide(ev *event.Event, st State) Decision {
	v := s.view(ev, st)
	defer s.release(v)
	s.forget(v, st)
	d := &v.decision
	d.Subject = v.subject()
	ended := s.endWaits(v, st, d)
	candidates, recorded := s.index.Candidates(ev), s.index.All()
	if len(s.rules) > maxRecorded || st.Resume != nil {
		recorded = candidates
		d.NotMatched = len(s.rules) - len(recorded)
	}
	d.Results = make([]Result, 0, min(len(recorded), maxRecorded))
	stoppedBy := ""
	for _, i := range recorded {
		canMatch := len(candidates) > 0 && candidates[0] == i
		if canMatch {
			candidates = candidates[1:]
		}
		r := s.rules[i]
		if st.Resume.skips(r, d, &stoppedBy) {
			continue
		}
		result := s.outcome(r, v, stoppedBy, canMatch)
		if st.Await && d.await(r, result, canMatch) {
			continue
		}
		if d.record(ended.take(i, result)); !result.Outcome.IsMatch() {
			continue
		}
		s.act(r, v, &st, d)
		if r.Stop {
			stoppedBy = r.Name
		}
	}
	d.recordEnds(ended, s.index.Enders(ev))
	s.noteSign(ev, st, d)
	if len(d.Awaiting) == 0 {
		d.Changes = append(v.changes, d.Changes...)
	}
	return *d
}

// act adds the notifications of a rule that matched to the decision, and completes its result, which is the last one.
func (s *Set) act(r *Rule, v *view, st *State, d *Decision) {
	result := &d.Results[len(d.Results)-1]
	if r.hasTiming() {
		p := passage{Set: s, rule: r, view: v, state: *st, result: result, decision: d, event: st.EventID}
		d.send(p.pass())
		return
	}
	d.send(s.notify(r, s.audible(r, v, st, result), v, result))
}

// outcome returns the result of one rule. canMatch is false for rules that the index excludes.
func (s *Set) outcome(r *Rule, v *view, stoppedBy string, canMatch bool) Result {
	result := Result{Rule: r.Name, Outcome: NotMatched}
	switch {
	case !r.Enabled:
		result.Outcome = Disabled
	case stoppedBy != "":
		result.Outcome, result.Reason = Stopped, "the rule "+stoppedBy+" stops here"
	case canMatch:
		matched, err := r.Condition.Match(v.variables(r.whenReads))
		if err != nil {
			result.Outcome, result.Reason = Failed, err.Error()
		} else if matched {
			result.Outcome = Matched
		}
	}
	return result
}

// notify returns the notifications of a rule that matched, to some of its targets. It notes parts that failed, and people and notifiers that
// get no message, in its result.
func (s *Set) notify(r *Rule, targets []*Target, v *view, result *Result) (all []Notification) {
	if len(targets) == 0 {
		return nil
	}
	m, notes := s.render(r, v)
	if r.Group != nil {
		defer delete(v.context().Vars, "events")
	}
	if slices.ContainsFunc(targets, (*Target).ReadsEvent) {
		whole := m
		s.setMessage(v.context(), &whole)
		defer message.ClearVariables(v.context().Vars)
	}
	all = make([]Notification, 0, len(targets))
	for _, t := range targets {
		p := v.prepare(t)
		notes = append(notes, p.Notes...)
		if len(p.Messages) == 0 {
			result.NoRecipients = append(result.NoRecipients, t.Notifier)
		}
		for _, one := range p.Messages {
			fallbacks, failed := v.fallbacks(t, one.Person)
			notes = append(notes, failed...)
			all = append(all, Notification{Message: m, Notifier: t.Notifier, Options: one.Options, Fallbacks: fallbacks,
				EntityKey: v.entityKey, Series: v.series, Person: one.To, target: slices.Index(r.Targets, t)})
		}
	}
	if result.Notes = append(result.Notes, notes...); len(all) == 0 {
		result.Outcome = NoRecipients
	}
	return all
}
