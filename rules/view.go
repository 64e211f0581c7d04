package rules

import (
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/template"
)

// view is one event with the variables that conditions and templates read.
type view struct {
	event     *event.Event
	vars      map[string]any // the variables of env, and its functions
	env       *condition.Env
	templates template.Context // made by context
	defaults  defaultTexts
	now       time.Time
	entityKey string
	series    string
	title     string // of the entity, if it is known
	url       string
	changes   []Change
}

// Context returns the input of the templates for an event, without the texts of a message.
func (s *Set) Context(ev *event.Event, st State) template.Context { return s.view(ev, st).context() }

// context returns the input of the templates, which see the variables of conditions without their functions.
func (v *view) context() template.Context {
	if v.templates.Vars == nil {
		vars := make(map[string]any, 20)
		for _, name := range variableNames {
			vars[name] = v.vars[name]
		}
		v.templates = template.Context{Vars: vars, Now: v.now, Budget: v.env.Budget}
	}
	return v.templates
}

var variableNames = catalog.VariableNames()

// view collects the variables of an event and the changes to store.
func (s *Set) view(ev *event.Event, st State) *view {
	v := &view{event: ev, entityKey: ev.EntityKey(), now: st.Now}
	e := &entityState{Fields: ev.Payload}
	if v.entityKey != "" {
		e = st.Seen.entityOf(st.get(entityPrefix + v.entityKey))
	}
	member := st.Member
	if member == nil && !ev.MemberAssumed {
		member = e.member(ev.MemberID)
	}
	actor := s.people.Actor(ev, member)
	entity := s.entity(e, v, st, actor)
	v.url, _ = entity["url"].(string)
	v.series = seriesKey(ev, entity)
	v.env = condition.NewEnv(st.Now.In(s.settings.Location))
	vars := v.env.Vars
	vars["event_name"], vars["event_type"], vars["event_action"] = ev.Name, ev.Type(), ev.Action()
	vars["timestamp"], vars["time"] = int(ev.Timestamp), ev.Time().In(s.settings.Location)
	vars["payload"], vars["team_member_id"], vars["project_code"] = ev.Payload, ev.MemberID, ev.Project
	vars["source"], vars["entity"], vars["actor"], vars["previous"] = ev.Source, entity, actor, nil
	v.vars = vars
	s.addPrevious(v, st, entity)
	return v
}

// entity updates the stored state of the entity with the event, and returns the variable entity.
func (s *Set) entity(e *entityState, v *view, st State, actor map[string]any) map[string]any {
	if v.entityKey == "" {
		return e.vars(v.event, &s.settings)
	}
	merged := e.merge(st.Fetched)
	if e.apply(v.event, actor) || merged {
		v.changes = append(v.changes, Change{Key: entityPrefix + v.entityKey, Value: e.encode(),
			Expires: st.Now.Add(s.settings.Retention.Entities)})
	}
	v.title, _ = e.Fields["title"].(string)
	return e.vars(v.event, &s.settings)
}

// addPrevious reads the previous run if a rule uses it, and stores a finished run as the previous one of the next.
func (s *Set) addPrevious(v *view, st State, entity map[string]any) {
	if v.event.Type() != "run" || v.entityKey == "" {
		return
	}
	key := finishedKey(v.event, entity["plan"], entity["environment"], v.title)
	if key == "" {
		return
	}
	completed := v.event.Name == "run.completed"
	if s.readsPrevious(v.event) {
		runs := decodeRuns(st.get(key))
		if completed {
			v.changes = append(v.changes, Change{Key: key, Value: runs.encode(v.event, entity),
				Expires: st.Now.Add(s.settings.Retention.Entities)})
		}
		v.vars["previous"] = previousRun(runs.other(v.event.EntityID()), s.settings.Location)
	}
}
