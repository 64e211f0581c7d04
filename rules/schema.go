package rules

import (
	"slices"
	"strings"
	"sync"

	"qaserelay/rules/catalog"
)

// eventSchema is what the catalogue knows of one event, for quick questions.
type eventSchema struct {
	name       string
	documented bool
	fields     map[string]catalog.Field // by path, without []
	top        []string                 // the names at the top of the payload
	integers   [][]string               // the paths of the integers that are in no list
}

// schemas are those of all known events, and of the things that they are about.
type schemas struct {
	events   []*eventSchema
	byName   map[string]*eventSchema
	entities map[string]*eventSchema // by type: the fields of all its events, and what the relay adds
	actor    *eventSchema
	previous *eventSchema // what is kept of a finished run
}

// typeTime is the type of moments that the relay adds.
const typeTime = "time"

// entityFields are what an entity has beside the fields of its events.
var entityFields = map[string]string{
	"id": "", "title": "string", "url": "string", "started_at": typeTime,
	"created_by": "object", "created_by.name": "string", "created_by.email": "string", "created_by.member_id": "integer",
	"reviewers": "array", "reviewers.name": "string", "reviewers.email": "string",
}

// actorFields are what people.actor can fill in.
var actorFields = map[string]string{
	"name": "string", "email": "string", "member_id": "integer", "slack": "string", "team": "string", "automation": "boolean",
}

// fixedSchema returns what is known of something that the relay makes up itself.
func fixedSchema(name string, types map[string]string) *eventSchema {
	s := &eventSchema{name: name, documented: true, fields: map[string]catalog.Field{}}
	for path, kind := range types {
		s.fields[path] = catalog.Field{Name: path, Type: kind}
	}
	return s
}

// knownSchemas is the catalogue in this form.
var knownSchemas = sync.OnceValue(func() *schemas {
	s := &schemas{byName: map[string]*eventSchema{}, entities: map[string]*eventSchema{}, actor: fixedSchema("actor", actorFields)}
	for _, e := range catalog.All() {
		one := &eventSchema{name: e.Name, documented: e.Documented, fields: map[string]catalog.Field{}}
		entity := s.entities[e.Entity]
		if entity == nil {
			entity = fixedSchema(e.Entity, entityFields)
			entity.documented = false
			s.entities[e.Entity] = entity
		}
		entity.documented = entity.documented || e.Documented
		for _, f := range e.Fields {
			path := strings.ReplaceAll(f.Name, "[]", "")
			one.fields[path] = f
			entity.learn(path, f)
			if !strings.Contains(path, ".") {
				one.top = append(one.top, path)
			}
			if f.Type == "integer" && path == f.Name {
				one.integers = append(one.integers, strings.Split(path, "."))
			}
		}
		s.events = append(s.events, one)
		s.byName[e.Name] = one
	}
	s.previous = previousSchema(s.entities["run"])
	return s
})

// learn adds a field of an event to those of its entity. Where events disagree, nothing is known of its type.
func (e *eventSchema) learn(path string, f catalog.Field) {
	if old, there := e.fields[path]; there && old.Type != f.Type {
		f.Type = ""
	}
	e.fields[path] = f
}

// previousSchema is what finished keeps of a run: its numbers, texts, and what is true or false.
func previousSchema(run *eventSchema) *eventSchema {
	s := fixedSchema("previous", map[string]string{"finished_at": typeTime})
	for path, f := range run.fields {
		if !strings.Contains(path, ".") && f.Type != "object" && f.Type != "array" && f.Type != typeTime {
			s.fields[path] = f
		}
	}
	return s
}

// names returns the names of all known events.
func (s *schemas) names() []string {
	names := make([]string, len(s.events))
	for i, e := range s.events {
		names[i] = e.name
	}
	return names
}

// has says what is known of a path in the payload of e: whether it can be there, and its field where the catalogue lists it.
func (e *eventSchema) has(path []string) (catalog.Field, bool) {
	full := strings.Join(path, ".")
	if f, ok := e.fields[full]; ok || !e.documented {
		return f, true
	}
	// Within an object or array of which the catalogue lists nothing, anything may be.
	for n := len(path) - 1; n > 0; n-- {
		parent, ok := e.fields[strings.Join(path[:n], ".")]
		if !ok {
			continue
		}
		switch parent.Type {
		case "object", "array":
			return catalog.Field{}, !e.listsWithin(strings.Join(path[:n], "."))
		case "", typeTime:
			return catalog.Field{}, true
		}
		return parent, false
	}
	return catalog.Field{}, false
}

func (e *eventSchema) listsWithin(path string) bool {
	for name := range e.fields {
		if strings.HasPrefix(name, path+".") {
			return true
		}
	}
	return false
}

// siblings are the names that could stand in place of the last one of a path.
func (e *eventSchema) siblings(path []string) []string {
	prefix := strings.Join(path[:len(path)-1], ".")
	if prefix != "" {
		prefix += "."
	}
	var names []string
	for name := range e.fields {
		if rest, ok := strings.CutPrefix(name, prefix); ok && !strings.Contains(rest, ".") {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// Drift tells what of an event the catalogue does not have: whether the event is known, and the paths of unknown fields
// in its payload. Of events whose payload is not documented, and within objects of which the catalogue lists nothing, any field is fine.
func Drift(ev *Event) (known bool, fields []string) {
	e := knownSchemas().byName[ev.Name]
	if e == nil {
		return false, nil
	}
	if !e.documented {
		return true, nil
	}
	for name, value := range ev.Payload {
		if _, listed := e.fields[name]; !listed {
			fields = append(fields, name)
			continue
		}
		inner, isObject := value.(map[string]any)
		if !isObject || !e.listsWithin(name) {
			continue
		}
		for key := range inner {
			if _, listed := e.fields[name+"."+key]; !listed {
				fields = append(fields, name+"."+key)
			}
		}
	}
	slices.Sort(fields)
	return true, fields
}
