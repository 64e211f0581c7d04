package rules

import (
	"time"

	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
	"qaserelay/rules/recap"
	"qaserelay/rules/value"
)

// RunSummary makes a rule one of summaries.
type RunSummary = recap.Entry

// armedSummaries returns the slots of the entries of summaries. One whose times have changed has another slot.
func (s *Set) armedSummaries(now time.Time, dry bool) (changes []Change) {
	for _, r := range s.rules {
		if r.Summary == nil || !r.Enabled {
			continue
		}
		name := flow.Name{Dry: dry, Kind: flow.Summary, Owner: r.Name, Hash: flow.Hash(r.Summary.Times...)}
		slot := flow.SummarySlot{Since: now.UnixMilli(), Source: r.Summary.Source, Project: r.Summary.Project,
			Due: r.Summary.At.Next(now).UnixMilli()}
		if len(r.Targets) > 0 {
			slot.Notifier = r.Targets[0].Notifier
		}
		changes = append(changes, Change{Key: name.Key(), Value: flow.Encode(slot), Due: slot.DueAt()})
	}
	return changes
}

// runSummary sends what became of the runs of a project. A period that was missed is reported once, and of several only
// the last.
func (w *waking) runSummary() {
	slot, ok := flow.ReadSummary(w.state.get(w.Key))
	of := w.rule.Summary
	if !ok || !w.rule.Enabled || w.name.Hash != flow.Hash(of.Times...) {
		w.end()
		return
	}
	from, to := of.Period(slot.DueAt(), w.state.Now)
	if w.Flush && w.state.Now.Before(slot.DueAt()) { // what is known of the present period
		from, _ = of.Period(slot.DueAt(), slot.DueAt())
		to = w.state.Now
	} else {
		slot.Since, slot.Due = to.UnixMilli(), of.At.Next(w.state.Now).UnixMilli()
	}
	slot.Source, slot.Project = of.Source, of.Project
	payload, runs := of.Payload(failures.Period{QaseURL: w.settings.QaseURL, From: from, To: to,
		Location: w.settings.Location}, w.state.get)
	if runs > 0 || of.Always || w.Flush {
		ev := w.ownEvent(of.Event(), of.Source, of.Project, payload)
		st := w.state
		st.later = false
		*w.decision = w.Decide(ev, st)
		w.decision.Row = rowOf(RowSummary, ev)
	}
	w.move(slot, slot.DueAt(), time.Time{})
}

// ownEvent returns an event that the relay makes about a project.
func (w *waking) ownEvent(name, source, project string, payload map[string]any) *event.Event {
	body := value.JSONText(map[string]any{"event_name": name, "timestamp": int(w.state.Now.Unix()), "payload": payload,
		"team_member_id": 0, "project_code": project})
	ev, err := event.Parse(source, []byte(body), w.state.Now)
	if err != nil { // the body is made above
		panic(err)
	}
	return ev
}

// noteSeries adds the series of a run that has ended to those of its project, from which summaries are made.
func (s *Set) noteSeries(v *view, st State, key string) {
	entity := v.entity.Fields
	plan, _ := entity["plan"].(map[string]any)
	title, _ := plan["title"].(string)
	const day = 24 * 60 * 60
	one := memory.Series{Key: key, Plan: event.IDText(plan["id"]), Title: title,
		Environment: value.PlainText(entity["environment"]), Day: st.Now.Unix() / day}
	if titled := memory.TitledKeyOf(v.event, v.known.Fields, nil); titled != "" {
		one.Was = memory.CasesKey(titled)
	}
	list := memory.SeriesListKey(v.event.Source, v.event.Project)
	kept := s.settings.Retention.Entities
	if changed := memory.AddSeries(st.get(list), one, st.Now.Add(-kept).Unix()/day); changed != nil {
		v.changes = append(v.changes, Change{Key: list, Value: changed, Expires: st.Now.Add(kept)})
	}
}
