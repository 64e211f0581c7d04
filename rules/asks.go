package rules

import (
	"slices"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/template"
)

// Asks reports whether a rule that may match ev, the end of a run, reads which tests failed: in its condition, its texts
// or its options, or by the default message.
func (s *Set) Asks(ev *event.Event) bool { return isRunEnd(ev) && len(s.index.Asking(ev)) > 0 }

func isRunEnd(ev *event.Event) bool { return ev.Name == "run.completed" || ev.Name == "run.aborted" }

// reads reports whether any part of the rule reads one of these variables.
func (r *Rule) reads(names ...string) bool {
	by := func(all By) bool {
		return slices.ContainsFunc(all, func(x *condition.Expression) bool { return x.Reads(names...) })
	}
	targets := func(t *Target) bool { return t.reads(names) }
	return r.Condition.Reads(names...) || r.Title.Reads(names...) || r.Body.Reads(names...) ||
		slices.ContainsFunc(r.OwnTargets(), targets) || r.Throttle != nil && by(r.Throttle.By) ||
		r.Group != nil && (r.Group.Title.Reads(names...) || r.Group.Body.Reads(names...) || by(r.Group.By)) ||
		r.After != nil && by(r.After.By)
}

// unlessAsks reports whether the end of the rule's wait depends on the tests that failed.
func (r *Rule) unlessAsks() bool { return r.After != nil && r.After.Unless.Reads("failures") }

func (t *Target) reads(names []string) bool {
	reads := func(one *template.Template) bool { return one.Reads(names...) }
	return slices.ContainsFunc(t.Options, func(o Option) bool { return hasTemplate(o.Value, reads) }) ||
		slices.ContainsFunc(t.Fallbacks, func(f *Target) bool { return f.reads(names) })
}
