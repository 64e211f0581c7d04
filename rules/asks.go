package rules

import (
	"cmp"
	"slices"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/index"
)

// Asks reports whether a rule that may match ev, the end of a run, reads which tests failed: in its condition, its texts
// or its options, or by the default message.
func (s *Set) Asks(ev *event.Event) bool { return isRunEnd(ev) && len(s.index.Asking(ev)) > 0 }

// named are the variables that the Qase API can say something of, beside those of failing tests: the title, plan and
// environment of an entity, on which the runs before and the last pass rates depend, and the person who acted.
var named = []string{"entity", "actor", "previous", "failures", "trend"}

// readsNames reports whether any part of the rule reads such a variable, or a text that does.
func (s *Set) readsNames(r *Rule) bool {
	alerts := func(t *Target) bool { return s.alerts != nil && s.alerts(t.Notifier) }
	return r.Title == nil || r.Body == nil || r.reads(named...) || slices.ContainsFunc(r.allTargets(), alerts)
}

// ReadsNames reports whether a rule that may match ev reads the names of its entity or of the person who acted. For the end
// of a run, a summary does.
func (s *Set) ReadsNames(ev *event.Event) bool {
	return isRunEnd(ev) && s.summed[project{ev.Source, ev.Project}] || len(s.index.Naming(ev)) > 0
}

// MayMatch reports whether a rule can match ev.
func (s *Set) MayMatch(ev *event.Event) bool { return len(s.index.Candidates(ev)) > 0 }

// WasRed reports whether a case failed in the run before that of ev, so that it may be fixed.
func (s *Set) WasRed(ev *event.Event, st State) bool { return s.view(ev, st).failing.wasRed }

func isRunEnd(ev *event.Event) bool { return ev.Name == "run.completed" || ev.Name == "run.aborted" }

// reads reports whether any part of the rule reads one of these variables.
func (r *Rule) reads(names ...string) bool {
	targets := func(t *Target) bool { return t.Reads(names...) }
	return r.Condition.Reads(names...) || r.Title.Reads(names...) || r.Body.Reads(names...) ||
		slices.ContainsFunc(r.OwnTargets(), targets) || r.byReads(names...) ||
		r.Group != nil && (r.Group.Title.Reads(names...) || r.Group.Body.Reads(names...))
}

// byReads reports whether an expression of by reads one of the variables.
func (r *Rule) byReads(names ...string) bool {
	by := func(all By) bool {
		return slices.ContainsFunc(all, func(x *condition.Expression) bool { return x.Reads(names...) })
	}
	return r.Throttle != nil && by(r.Throttle.By) || r.Group != nil && by(r.Group.By) || r.After != nil && by(r.After.By)
}

// unlessReads reports whether the end of the rule's wait reads one of these variables.
func (r *Rule) unlessReads(names ...string) bool {
	return r.After != nil && r.After.Unless.Reads(names...)
}

// Resume is what a decision with State.Await has left to the one that follows when the tests that failed are known. The
// rules may be others by then.
type Resume struct {
	Awaiting []string // the rules that it has left
	Matched  []string // those of the others that matched
}

// skips reports whether a rule was decided before, or is not to be decided at all, and notes the rule that stops others.
func (r *Resume) skips(rule *Rule, d *Decision, stoppedBy *string) bool {
	if r == nil {
		return false
	}
	if slices.ContainsFunc(r.Matched, rule.owns) {
		if rule.Stop && *stoppedBy == "" {
			*stoppedBy = rule.Name
		}
		return true
	}
	i := slices.IndexFunc(r.Awaiting, rule.owns)
	if i >= 0 && r.Awaiting[i] != rule.Name {
		if d.formerly == nil {
			d.formerly = map[string]string{}
		}
		d.formerly[r.Awaiting[i]] = rule.Name
	}
	return i < 0 && !rule.asks
}

// await leaves a rule to the decision that follows, and reports whether it does. Its outcome counts only if its condition
// does not read which tests failed.
func (d *Decision) await(r *Rule, result Result, canMatch bool) bool {
	if !canMatch || result.Outcome == Disabled || result.Outcome == Stopped {
		return false
	}
	if !d.behind && !r.whenAsks && !(r.asks && result.Outcome.IsMatch()) {
		return false
	}
	d.behind = d.behind || r.Stop
	d.Awaiting = append(d.Awaiting, r.Name)
	d.record(Result{Rule: r.Name, Outcome: Awaiting})
	return true
}

// Merge returns the whole decision on an event: this one, which has left rules undecided, and the one about these.
func (d Decision) Merge(rest Decision) Decision {
	old, now := resultsOf(d.Results, rest.formerly), resultsOf(rest.Results, nil)
	d.NotMatched += rest.NotMatched
	d.Results = nil
	for _, name := range index.Join(old.names, now.names) {
		r, again := now.byName[name]
		before, known := old.byName[name]
		switch {
		case again && known && before.Outcome == NotMatched:
			d.NotMatched--
		case !again && before.Outcome == Awaiting:
			before.Outcome, before.Reason = NotMatched, "the rule was removed while the event waited"
			r = before
		case !again:
			r = before
		}
		d.Results = append(d.Results, r)
	}
	d.Awaiting, d.behind, d.formerly = nil, false, nil
	d.Notifications = append(slices.Clip(d.Notifications), rest.Notifications...)
	d.Changes = append(slices.Clip(d.Changes), rest.Changes...)
	d.Items = append(slices.Clip(d.Items), rest.Items...)
	return d
}

// namedResults are results by the names of their rules.
type namedResults struct {
	names  []string
	byName map[string]Result
}

func resultsOf(all []Result, renamed map[string]string) (n namedResults) {
	n.byName = make(map[string]Result, len(all))
	for _, r := range all {
		name := cmp.Or(renamed[r.Rule], r.Rule)
		n.names, n.byName[name] = append(n.names, name), r
	}
	return n
}
