package rules

import (
	"slices"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/defaults"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/memory"
	"qaserelay/rules/template"
)

// view is one event with the variables that conditions and templates read.
type view struct {
	event     *event.Event
	vars      map[string]any // the variables of env, and its functions
	env       *condition.Env
	maps      *variableMaps
	templates template.Context // made by context
	texts     *defaults.Texts  // made by defaultOf
	now       time.Time
	entityKey string
	series    string
	title     string // of the entity, if it is known
	url       string
	changes   []Change

	suppressed      int // messages that were held back before this one
	suppressedSince time.Time
	late            *defaults.Late // the message is about a wait, or nil
	failing         failing
	entity          *memory.Entity // with this event
	known           *memory.Entity // what is stored of the entity with this event, or nil
}

// Context returns the input of the templates for an event, without the texts of a message.
func (s *Set) Context(ev *event.Event, st State) template.Context { return s.view(ev, st).context() }

// context returns the input of the templates, which see the variables of conditions without their functions.
func (v *view) context() template.Context {
	if v.templates.Vars == nil {
		vars := v.maps.templates
		for _, name := range variableNames {
			vars[name] = v.vars[name]
		}
		vars["suppressed"], vars["count"], vars["more"], vars["reminder"] = 0, 1, 0, 0
		v.templates = template.Context{Vars: vars, Now: v.now, Budget: v.env.Budget}
	}
	return v.templates
}

// defaultOf returns the default message for the event of a view.
func (s *Set) defaultOf(v *view) *defaults.Texts {
	if v.texts == nil {
		v.texts = defaults.Write(s.facts(v), v.failing.report.IsAsked())
	}
	return v.texts
}

// facts returns what the default message says of the event of a view.
func (s *Set) facts(v *view) *defaults.Facts {
	actor, _ := v.vars["actor"].(map[string]any)
	name, _ := actor["name"].(string)
	previous, _ := v.vars["previous"].(map[string]any)
	return &defaults.Facts{Event: v.event, Entity: v.entity, Title: v.subject(), Actor: name, Previous: previous,
		Results: v.failing.results(v.event.Payload), People: s.people, Location: s.settings.Location}
}

// subject returns the title of the entity, which is never empty.
func (v *view) subject() string {
	entity, _ := v.vars["entity"].(map[string]any)
	title, _ := entity["title"].(string)
	return title
}

var variableNames = catalog.VariableNames()

// variableMaps are the variables of one event, for conditions and for templates.
type variableMaps struct {
	env       *condition.Env
	templates map[string]any
}

// variableMaps returns empty maps: those of an earlier event, if no view uses them any more.
func (s *Set) variableMaps(now time.Time) *variableMaps {
	if m, _ := s.unused.Get().(*variableMaps); m != nil {
		m.env.Reset(now)
		return m
	}
	return &variableMaps{condition.NewEnv(now), make(map[string]any, 32)}
}

// release lets the next event use the maps of a view, which must not be used afterwards.
func (s *Set) release(v *view) {
	clear(v.maps.templates)
	s.unused.Put(v.maps)
}

// view collects the variables of an event and the changes to store.
func (s *Set) view(ev *event.Event, st State) *view {
	v := s.eventView(ev, st)
	if st.Facts == nil {
		st.Facts = failures.ReadFacts(ev.Facts)
	}
	e := &memory.Entity{Fields: ev.Payload}
	if v.entityKey != "" {
		e = st.Seen.entityOf(st.get(memory.EntityPrefix + v.entityKey))
	}
	member := st.Facts.Person()
	if member == nil && !ev.MemberAssumed {
		member = e.Member(ev.MemberID)
	}
	actor := s.people.Actor(ev, member)
	entity := s.entity(e, v, st, actor)
	v.url, _ = entity["url"].(string)
	v.series = memory.SeriesKey(ev, entity)
	v.entity, v.vars["entity"], v.vars["actor"] = e, entity, actor
	s.addPrevious(v, st, entity)
	s.noteResult(v, st)
	return v
}

// eventView collects the variables that follow from the event alone. The others are nil.
func (s *Set) eventView(ev *event.Event, st State) *view {
	v := &view{event: ev, entityKey: ev.EntityKey(), now: st.Now, maps: s.variableMaps(st.Now.In(s.settings.Location))}
	v.env, v.vars = v.maps.env, v.maps.env.Vars
	vars := v.vars
	vars["event_name"], vars["event_type"], vars["event_action"] = ev.Name, ev.Type(), ev.Action()
	vars["timestamp"], vars["time"] = int(ev.Timestamp), ev.Time().In(s.settings.Location)
	vars["payload"], vars["team_member_id"], vars["project_code"] = ev.Payload, ev.MemberID, ev.Project
	vars["source"] = ev.Source
	for _, name := range laterVariables {
		vars[name] = nil
	}
	return v
}

// laterVariables are those that what is stored or was asked for decides about.
var laterVariables = []string{"entity", "actor", "previous", "failures", "trend"}

// entity updates the stored state of the entity with the event, and returns the variable entity.
func (s *Set) entity(e *memory.Entity, v *view, st State, actor map[string]any) map[string]any {
	if v.entityKey == "" {
		return e.Vars(v.event, s.settings.QaseURL, s.settings.Location)
	}
	merged := e.Merge(st.Facts.Fields())
	if st.later {
		if len(e.Fields) == 0 { // nothing is known any more
			e.Apply(v.event, actor)
		}
	} else if e.Apply(v.event, actor) || merged {
		v.keepEntity(e, st.Now.Add(s.settings.Retention.Entities))
	}
	v.known = e
	v.title, _ = e.Fields["title"].(string)
	return e.Vars(v.event, s.settings.QaseURL, s.settings.Location)
}

// keepEntity stores the state of the entity.
func (v *view) keepEntity(e *memory.Entity, expires time.Time) {
	change := Change{Key: memory.EntityPrefix + v.entityKey, Value: e.Encode(), Expires: expires}
	if len(v.changes) > 0 && v.changes[0].Key == change.Key {
		v.changes[0] = change
		return
	}
	v.changes = slices.Insert(v.changes, 0, change)
}

// addPrevious reads the previous run if a rule uses it, and stores a finished run as the previous one of the next.
func (s *Set) addPrevious(v *view, st State, entity map[string]any) {
	if v.event.Type() != "run" || v.entityKey == "" {
		return
	}
	key := memory.FinishedKey(v.event, entity["plan"], entity["environment"], v.title)
	if s.usesFailures || s.Asks(v.event) {
		s.addFailures(v, st, key, entity)
	}
	if key == "" {
		return
	}
	completed := v.event.Name == "run.completed"
	if s.readsPrevious(v.event) {
		runs := memory.DecodeRuns(v.ofSeries(st, key, func(key string) string { return key }, completed))
		if completed && !st.later {
			v.changes = append(v.changes, Change{Key: key, Value: runs.Encode(v.event, entity),
				Expires: st.Now.Add(s.settings.Retention.Entities)})
		}
		v.vars["previous"] = memory.Previous(runs.Other(v.event.EntityID()), s.settings.Location)
	}
}

// ofSeries returns what is stored of a series, by the key of its finished run and what makes a key of it. What an older
// version has stored under the title of the environment is moved, if it is stored anew.
func (v *view) ofSeries(st State, finished string, keyOf func(string) string, stores bool) []byte {
	value := st.get(keyOf(finished))
	if value != nil || v.known == nil {
		return value
	}
	titled := memory.TitledKeyOf(v.event, v.known.Fields, nil)
	if titled == "" {
		return nil
	}
	if value = st.get(keyOf(titled)); value != nil && stores && !st.later {
		v.changes = append(v.changes, Change{Key: keyOf(titled)})
	}
	return value
}
