package rules

import (
	"maps"

	"qaserelay/rules/defaults"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
	"qaserelay/rules/message"
)

// failing is what is known of the tests that failed in the run of an event.
type failing struct {
	report *failures.Report // nil if no rule asks for it
	wasRed bool             // a case failed in the run before
	vars   map[string]any   // the variable failures, and trend; made by addFailureVars
	trend  map[string]any
	shown  map[failures.Shown]*shownTests
}

// shownTests are the failing tests as the messages of some rules show them.
type shownTests struct {
	vars    map[string]any // the variable failures
	message *message.Failures
}

// addFailures makes the report about the tests that failed in a run, by its facts and the history of its series, and stores
// the history that follows. finished is the key of the finished run of the series, or "".
func (s *Set) addFailures(v *view, st State, finished string) {
	ev, count := v.event, func(name string) int { return event.Int(v.event.Payload[name]) }
	run := runOf(ev, st, count("failed"))
	if !s.usesFailures && run == nil && finished == "" {
		return // nothing would be said, and nothing be kept
	}
	e := &failures.Ended{ID: ev.EntityID(), Title: v.title, Project: ev.Project, FinishedAt: ev.Timestamp,
		Cases: count("cases"), Failed: count("failed"), Passed: count("passed"), Aborted: ev.Name == "run.aborted",
		Running: !isRunEnd(ev), People: s.people, QaseURL: s.settings.QaseURL, Location: s.settings.Location}
	if e.Facts = run; run != nil && run.Recounted {
		e.Failed, e.Passed = e.Facts.Failed, max(e.Passed, e.Facts.Statuses["passed"])
	}
	if e.DurationMS = v.entity.TookMS(ev); run != nil && run.TookMS > 0 {
		e.DurationMS = run.TookMS
	}
	key, keeps := "", !e.Running && (e.Facts != nil || e.Cases > 0)
	if finished != "" {
		key = memory.CasesKey(finished)
		e.History = failures.ReadHistory(v.ofSeries(st, finished, memory.CasesKey, keeps))
	}
	v.failing.wasRed = e.History != nil && e.History.WasRed(e.ID, e.FinishedAt)
	v.failing.report = failures.NewReport(e)
	if s.usesFailures {
		v.addFailureVars()
	}
	if key != "" && keeps && !st.later {
		v.changes = append(v.changes, Change{Key: key, Value: e.History.Encode(),
			Expires: st.Now.Add(s.settings.Retention.Entities)})
	}
	if key != "" && !e.Running && !st.later {
		s.noteSeries(v, st, key)
	}
}

// addFailureVars sets the variables failures and trend, which no condition reads unless the set uses them.
func (v *view) addFailureVars() {
	if v.failing.vars == nil {
		v.failing.vars, v.failing.trend = v.failing.report.Vars()
	}
}

// showFailures sets the variable failures for the texts of a rule, and returns what its messages show. It returns nil if
// nothing is known of the run and no rule reads it.
func (v *view) showFailures(r *Rule) *shownTests {
	report := v.failing.report
	if report == nil || !report.IsAsked() && v.failing.vars == nil {
		return nil
	}
	shown := v.failing.shown[r.Failures]
	if shown == nil {
		v.addFailureVars()
		shown = v.makeShown(r.Failures)
		if v.failing.shown == nil {
			v.failing.shown = map[failures.Shown]*shownTests{}
		}
		v.failing.shown[r.Failures] = shown
	}
	v.shown = shown
	v.describe()
	return shown
}

// results returns what the default message says of the tests of the run.
func (f *failing) results(payload map[string]any) (r defaults.Results) {
	if !f.report.IsAsked() {
		return r
	}
	said := f.summary(payload)
	return defaults.Results{Failed: f.report.Total, Muted: f.report.Muted, Headline: said.Headline, First: said.Failed,
		Rest: said.Rest}
}

// summary returns the first line about the tests of the run.
func (f *failing) summary(payload map[string]any) failures.Summary {
	skipped := payload["skipped"]
	if skipped == nil {
		skipped = payload["skiped"]
	}
	return f.report.Summary(failures.Counts{Blocked: event.Int(payload["blocked"]), Skipped: event.Int(skipped)})
}

// makeShown makes the failing tests as rules with these settings show them.
func (v *view) makeShown(how failures.Shown) *shownTests {
	report := v.failing.report
	vars := maps.Clone(v.failing.vars)
	if how.NoReasons {
		report = report.WithoutReasons()
		vars, _ = report.Vars()
	}
	m, said := &shownTests{vars: vars, message: report.Message(how.Most)}, v.failing.summary(v.event.Payload)
	list := failures.ListVars(m.message)
	list["headline"], list["failed"], list["rest"] = said.Headline, said.Failed, said.Rest
	m.vars["shown"] = list
	return m
}

// addTests puts the failing tests into a message with the default body. Its template fails only if a text is too long.
func (s *Set) addTests(m *message.Message, shown *shownTests, v *view) {
	if shown == nil || !v.failing.report.IsAsked() || shown.message == nil {
		return
	}
	tests := *shown.message
	if tests.Markdown == "" {
		tests.Markdown = defaults.WriteFailures(shown.vars, v.now)
		shown.message = &tests
	}
	m.Failures = &tests
}

// forget removes a case that was deleted from the histories of its project, or a defect that is not open any more.
func (s *Set) forget(v *view, st State) {
	id, gone := event.Int(v.event.Payload["id"]), (*failures.History).Forget
	switch v.event.Name {
	case "defect.resolved", "defect.deleted":
		gone = (*failures.History).Resolve
	case "case.deleted":
	default:
		return
	}
	if id <= 0 {
		return
	}
	for _, one := range memory.ReadSeries(st.get(memory.SeriesListKey(v.event.Source, v.event.Project))) {
		if h := failures.ReadHistory(st.get(one.Key)); gone(h, id) {
			v.changes = append(v.changes, Change{Key: one.Key, Value: h.Encode(),
				Expires: st.Now.Add(s.settings.Retention.Entities)})
		}
	}
}
