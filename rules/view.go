package rules

import (
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/template"
)

// view is one event with the variables that conditions and templates read.
type view struct {
	event     *event.Event
	vars      map[string]any
	env       *condition.Env // of vars
	entityKey string
	series    string
	url       string
	changes   []Change
}

// Vars returns the variables that conditions and templates read for an event.
func (s *Set) Vars(ev *event.Event, st State) map[string]any { return s.view(ev, st).vars }

// view collects the variables of an event and the changes to store.
func (s *Set) view(ev *event.Event, st State) *view {
	v := &view{event: ev, entityKey: ev.EntityKey()}
	actor := s.people.Actor(ev, st.Member)
	entity := s.entity(v, st, actor)
	v.url, _ = entity["url"].(string)
	v.series = seriesKey(ev, entity)
	v.env = condition.NewEnv(st.Now)
	vars := v.env.Vars
	vars["event_name"], vars["event_type"], vars["event_action"] = ev.Name, ev.Type(), ev.Action()
	vars["timestamp"], vars["time"] = int(ev.Timestamp), ev.Time().In(s.settings.Location)
	vars["payload"], vars["team_member_id"], vars["project_code"] = ev.Payload, ev.MemberID, ev.Project
	vars["source"], vars["entity"], vars["actor"], vars["previous"] = ev.Source, entity, actor, nil
	vars[template.NowKey] = st.Now
	v.vars = vars
	s.addPrevious(v, st, entity)
	return v
}

// entity updates the stored state of the entity with the event, and returns the variable entity.
func (s *Set) entity(v *view, st State, actor map[string]any) map[string]any {
	if v.entityKey == "" {
		return (&entityState{Fields: v.event.Payload}).vars(v.event, &s.settings)
	}
	key := entityPrefix + v.entityKey
	e := decodeEntity(st.get(key))
	merged := e.merge(st.Fetched)
	if e.apply(v.event, actor) || merged {
		v.changes = append(v.changes, Change{key, e.encode(), st.Now.Add(s.settings.Retention.Entities)})
	}
	return e.vars(v.event, &s.settings)
}

// addPrevious reads the previous run if a rule uses it, and stores a finished run as the previous one of the next.
func (s *Set) addPrevious(v *view, st State, entity map[string]any) {
	if v.event.Type() != "run" || v.entityKey == "" {
		return
	}
	key := finishedKey(v.event, entity)
	completed := v.event.Name == "run.completed" // its default message compares with the previous run
	if s.usesPrevious || completed {
		v.vars["previous"] = decodeRun(st.get(key), s.settings.Location)
	}
	if completed {
		v.changes = append(v.changes, Change{key, encodeRun(v.event, entity),
			st.Now.Add(s.settings.Retention.Entities)})
	}
}
