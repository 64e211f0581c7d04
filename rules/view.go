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
	"qaserelay/rules/message"
	"qaserelay/rules/people"
	"qaserelay/rules/template"
)

// view is one event with the variables that conditions and templates read. Each is made when it is first asked for. Its
// first three fields are used again for a later event.
type view struct {
	env           *condition.Env
	templatesVars map[string]any // of templates, once it is in templates
	encoded       []byte         // what was stored last of an entity

	set       *Set
	event     *event.Event
	facts     *failures.Facts
	templates template.Context // made by context
	texts     defaults.Texts   // made by defaultOf
	hasTexts  bool
	now       time.Time
	entityKey string
	memoryKey string // of what is stored of the entity
	series    string
	title     string // of the entity, if it is known
	changes   []Change
	decision  Decision // on the event, as far as it has got

	rule, level     string // of the message
	suppressed      int    // messages that were held back before this one
	suppressedSince time.Time
	late            *defaults.Late // the message is about a wait, or nil
	shown           *shownTests    // the failing tests as the message shows them, or nil
	failing         failing
	previous        map[string]any // the run before, or nil

	entity     *memory.Entity // with this event; nil if only the event counts
	fresh      memory.Entity  // entity, unless something is stored of it
	known      *memory.Entity // the same, if it is kept; nil for an event without an id
	actor      people.Actor   // made by actorOf
	entityVars map[string]any // the variable entity, made by entityMap
	actorVars  map[string]any // the variable actor, made by actorMap
	url        string         // made by page
}

// newView returns a view without an event: that of an earlier one, if it was released.
func (s *Set) newView(now time.Time) *view {
	if v, _ := s.unused.Get().(*view); v != nil {
		v.env.Reset(now)
		return v
	}
	return &view{env: condition.NewEnv(now), templatesVars: make(map[string]any, 32)}
}

// release lets a later event use a view, which must not be used afterwards.
func (s *Set) release(v *view) {
	clear(v.templatesVars)
	clear(v.env.Vars)
	*v = view{env: v.env, templatesVars: v.templatesVars, encoded: v.encoded}
	s.unused.Put(v)
}

// Context returns the input of the templates for an event, without the texts of a message.
func (s *Set) Context(ev *event.Event, st State) template.Context { return s.view(ev, st).context() }

// context returns the input of the templates, which see the variables of conditions without their functions.
func (v *view) context() template.Context {
	if v.templates.Vars == nil {
		vars, all := v.templatesVars, v.variables(variableNames).Vars
		for _, name := range variableNames {
			vars[name] = all[name]
		}
		vars["count"], vars["more"] = 1, 0
		v.templates = template.Context{Vars: vars, Now: v.now, Budget: v.env.Budget}
		v.describe()
	}
	return v.templates
}

// describe sets the variables of templates that differ from one message about the event to the next.
func (v *view) describe() {
	vars := v.templates.Vars
	if vars == nil {
		return // context does it
	}
	vars["suppressed"], vars["reminder"] = v.suppressed, 0
	delete(vars, "waited")
	if v.late != nil {
		vars["waited"], vars["reminder"] = v.late.Waited, v.late.Reminder
	}
	if v.shown != nil {
		vars["failures"], vars["trend"] = v.shown.vars, v.failing.trend
	}
	if v.level != "" {
		(&message.Message{Rule: v.rule, Level: v.level}).SetVariables(vars)
	}
}

// defaultOf returns the default message for the event of a view.
func (v *view) defaultOf() *defaults.Texts {
	if !v.hasTexts {
		v.texts, v.hasTexts = defaults.Write(defaults.Facts{Event: v.event, Entity: v.entity, Title: v.subject(), Actor: v.actorOf().Name,
			Previous: v.previous, Results: v.failing.results(v.event.Payload), People: v.set.people,
			Location: v.set.settings.Location}, v.failing.report.IsAsked()), true
	}
	return &v.texts
}

// subject returns the title of the entity, which is never empty.
func (v *view) subject() string {
	if v.entity == nil {
		return ""
	}
	return v.entity.Title(v.event)
}

// page returns the address of the entity, or "".
func (v *view) page() string {
	if v.url == "" {
		v.url = v.entity.URL(v.event, v.set.settings.QaseURL)
	}
	return v.url
}

var variableNames = catalog.VariableNames()

// variables returns the Env of conditions with at least these variables.
func (v *view) variables(names []string) *condition.Env {
	for _, name := range names {
		if _, made := v.env.Vars[name]; !made {
			v.env.Vars[name] = v.variable(name)
		}
	}
	return v.env
}

// all returns the Env of conditions with all variables.
func (v *view) all() *condition.Env { return v.variables(variableNames) }

// variable makes a variable. Those that what is stored or was asked for decides about are nil if only the event counts.
func (v *view) variable(name string) any {
	ev := v.event
	switch name {
	case "event_name":
		return ev.Name
	case "event_type":
		return ev.Type()
	case "event_action":
		return ev.Action()
	case "timestamp":
		return int(ev.Timestamp)
	case "time":
		return ev.Time().In(v.set.settings.Location)
	case "payload":
		return ev.Payload
	case "team_member_id":
		return ev.MemberID
	case "project_code":
		return ev.Project
	case "source":
		return ev.Source
	case "entity":
		return orNil(v.entityMap())
	case "actor":
		return orNil(v.actorMap())
	case "previous":
		return orNil(v.previous)
	case "failures":
		return orNil(v.failing.vars)
	case "trend":
		return orNil(v.failing.trend)
	}
	return nil
}

func orNil(object map[string]any) any {
	if object == nil {
		return nil
	}
	return object
}

// laterVariables are those that what is stored or was asked for decides about.
var laterVariables = []string{"entity", "actor", "previous", "failures", "trend"}

// entityMap returns the variable entity.
func (v *view) entityMap() map[string]any {
	if v.entityVars == nil && v.entity != nil {
		v.entityVars = v.entity.Vars(v.event, v.set.settings.QaseURL, v.set.settings.Location)
	}
	return v.entityVars
}

// actorMap returns the variable actor.
func (v *view) actorMap() map[string]any {
	if v.actorVars == nil && v.entity != nil {
		v.actorVars = v.actorOf().Vars()
	}
	return v.actorVars
}

// actorOf returns the person who acted.
func (v *view) actorOf() people.Actor {
	if v.actor.Name == "" {
		member := v.facts.Person()
		if member == nil && !v.event.MemberAssumed {
			member = v.entity.Member(v.event.MemberID)
		}
		v.actor = v.set.people.Actor(v.event, member)
	}
	return v.actor
}

// view collects what is known of an event, and the changes to store.
func (s *Set) view(ev *event.Event, st State) *view {
	v := s.eventView(ev, st)
	if v.facts = st.Facts; v.facts == nil {
		v.facts = failures.ReadFacts(ev.Facts)
		st.Facts = v.facts
	}
	s.addEntity(v, st)
	v.series = memory.SeriesKey(ev, v.entity.Fields)
	s.addPrevious(v, st)
	s.noteResult(v, st)
	return v
}

// eventView is the view of the event alone.
func (s *Set) eventView(ev *event.Event, st State) *view {
	v := s.newView(st.Now.In(s.settings.Location))
	v.set, v.event, v.now = s, ev, st.Now
	if v.memoryKey = ev.PrefixedKey(memory.EntityPrefix); v.memoryKey != "" {
		v.entityKey = v.memoryKey[len(memory.EntityPrefix):]
	}
	return v
}

// addEntity adds the state of the entity, updated with the event.
func (s *Set) addEntity(v *view, st State) {
	v.fresh = memory.New(v.event.Payload)
	e := &v.fresh
	if v.entity = e; v.entityKey == "" {
		return
	}
	fetched, isNew := v.facts.Fields(), true
	if stored := st.get(v.memoryKey); len(stored) > 0 || len(fetched) > 0 {
		e = st.Seen.entityOf(stored)
		isNew = len(e.Fields) == 0
	}
	v.entity = e
	merged := e.Merge(fetched)
	if st.later {
		if isNew && !merged { // nothing is known any more
			e.Apply(v.event, v.actorOf)
		}
	} else if e.Apply(v.event, v.actorOf) || merged {
		v.keepEntity(e, st.Now.Add(s.settings.Retention.Entities))
	}
	v.known = e
	v.title, _ = e.Fields["title"].(string)
}

// keepEntity stores the state of the entity.
func (v *view) keepEntity(e *memory.Entity, expires time.Time) {
	v.encoded = e.Append(v.encoded[:0])
	change := Change{Key: v.memoryKey, Value: slices.Clone(v.encoded), Expires: expires}
	if len(v.changes) > 0 && v.changes[0].Key == change.Key {
		v.changes[0] = change
		return
	}
	v.changes = slices.Insert(v.changes, 0, change)
}

// addPrevious reads the previous run if a rule uses it, and stores a finished run as the previous one of the next.
func (s *Set) addPrevious(v *view, st State) {
	if v.event.Type() != "run" || v.entityKey == "" {
		return
	}
	key := memory.FinishedKey(v.event, v.entity.Fields["plan"], v.entity.Fields["environment"], v.title)
	if s.usesFailures || s.Asks(v.event) {
		s.addFailures(v, st, key)
	}
	if key == "" {
		return
	}
	completed := v.event.Name == "run.completed"
	if s.readsPrevious(v.event) {
		runs := memory.DecodeRuns(v.ofSeries(st, key, func(key string) string { return key }, completed))
		if completed && !st.later {
			v.changes = append(v.changes, Change{Key: key, Value: runs.Encode(v.event, v.entityMap()),
				Expires: st.Now.Add(s.settings.Retention.Entities)})
		}
		v.previous = memory.Previous(runs.Other(v.event.EntityID()), s.settings.Location)
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
