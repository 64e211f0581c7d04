package rules

import (
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
)

// failingPrefix begins the keys of the failing results that events have brought of runs that have not ended.
const failingPrefix = "failing:"

func failingKey(ev *event.Event, run string) string {
	var most [160]byte
	return string(event.AppendKey(append(most[:0], failingPrefix...), ev.Source, ev.Project, run))
}

// noteResult keeps a failing result that an event brings, if a rule will ask for the tests that failed in its run.
func (s *Set) noteResult(v *view, st State) {
	ev := v.event
	if ev.Type() != "result" || st.later {
		return
	}
	run, result, ok := failures.FromEvent(ev)
	if !ok || !s.usesFailures && !s.Asks(&event.Event{Name: "run.completed", Project: ev.Project, Source: ev.Source}) {
		return
	}
	key := failingKey(ev, run)
	if f := failures.ReadFailing(st.get(key)); f.Take(&result) {
		v.changes = append(v.changes, Change{Key: key, Value: f.Encode(), Expires: st.Now.Add(s.settings.Retention.Entities)})
	}
}

// runOf returns what is known of the results of a run that has ended: from the Qase API, or else from events.
func runOf(ev *event.Event, st State, failed int) *failures.Run {
	var asked *failures.Run
	if st.Facts != nil {
		asked = st.Facts.Run
	}
	if asked != nil && asked.Known || !isRunEnd(ev) {
		return asked
	}
	if kept := st.get(failingKey(ev, ev.EntityID())); kept != nil {
		if told := failures.ReadFailing(kept).Run(failed); told != nil {
			return told
		}
	}
	return asked
}
