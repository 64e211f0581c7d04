package catalog

import (
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// EventSchema is what the catalogue knows of one event, for quick questions.
type Schema struct {
	Name       string
	Documented bool
	Fields     map[string]Field // by path, without []
	Top        []string         // the names at the top of the payload
	Integers   [][]string       // the paths of the integers that are in no list
}

// schemas are those of all known events, and of the things that they are about.
type schemas struct {
	Events   []*Schema
	ByName   map[string]*Schema
	entities map[string]*Schema // by type: the fields of all its events, and what the relay adds
	Actor    *Schema
	Previous *Schema // what is kept of a finished run
}

// TypeTime is the type of moments that the relay adds.
const TypeTime = "time"

// entityFields are what an entity has beside the fields of its events.
var entityFields = map[string]string{
	"id": "", "title": "string", "url": "string", "started_at": TypeTime,
	"created_by": "object", "created_by.name": "string", "created_by.email": "string", "created_by.member_id": "integer",
	"reviewers": "array", "reviewers.name": "string", "reviewers.email": "string",
}

// actorFields are what people.actor can fill in.
var actorFields = map[string]string{
	"name": "string", "email": "string", "member_id": "integer", "slack": "string", "team": "string", "automation": "boolean",
}

// fixedSchema returns what is known of something that the relay makes up itself.
func fixedSchema(name string, types map[string]string) *Schema {
	s := &Schema{Name: name, Documented: true, Fields: map[string]Field{}}
	for path, kind := range types {
		s.Fields[path] = Field{Name: path, Type: kind}
	}
	return s
}

// KnownSchemas is the catalogue in this form.
var Schemas = sync.OnceValue(func() *schemas {
	s := &schemas{ByName: map[string]*Schema{}, entities: map[string]*Schema{}, Actor: fixedSchema("actor", actorFields)}
	for _, e := range All() {
		one := &Schema{Name: e.Name, Documented: e.Documented, Fields: map[string]Field{}}
		entity := s.entities[e.Entity]
		if entity == nil {
			entity = fixedSchema(e.Entity, entityFields)
			entity.Documented = false
			s.entities[e.Entity] = entity
		}
		entity.Documented = entity.Documented || e.Documented
		for _, f := range e.Fields {
			path := strings.ReplaceAll(f.Name, "[]", "")
			one.Fields[path] = f
			entity.learn(path, f)
			if !strings.Contains(path, ".") {
				one.Top = append(one.Top, path)
			}
			if f.Type == "integer" && path == f.Name {
				one.Integers = append(one.Integers, strings.Split(path, "."))
			}
		}
		s.Events = append(s.Events, one)
		s.ByName[e.Name] = one
	}
	s.Previous = previousSchema(s.entities["run"])
	return s
})

// learn adds a field of an event to those of its entity. Where events disagree, nothing is known of its type.
func (e *Schema) learn(path string, f Field) {
	if old, there := e.Fields[path]; there && old.Type != f.Type {
		f.Type = ""
	}
	e.Fields[path] = f
}

// previousSchema is what finished keeps of a run: its numbers, texts, and what is true or false.
func previousSchema(run *Schema) *Schema {
	s := fixedSchema("previous", map[string]string{"finished_at": TypeTime})
	for path, f := range run.Fields {
		if !strings.Contains(path, ".") && f.Type != "object" && f.Type != "array" && f.Type != TypeTime {
			s.Fields[path] = f
		}
	}
	return s
}

// Names returns the names of all known events.
func (s *schemas) Names() []string {
	names := make([]string, len(s.Events))
	for i, e := range s.Events {
		names[i] = e.Name
	}
	return names
}

// Has says what is known of a path in the payload of e: whether it can be there, and its field where the catalogue lists it.
func (e *Schema) Has(path []string) (Field, bool) {
	full := strings.Join(path, ".")
	if f, ok := e.Fields[full]; ok || !e.Documented {
		return f, true
	}
	// Within an object or array of which the catalogue lists nothing, anything may be.
	for n := len(path) - 1; n > 0; n-- {
		parent, ok := e.Fields[strings.Join(path[:n], ".")]
		if !ok {
			continue
		}
		switch parent.Type {
		case "object", "array":
			return Field{}, !e.HasFieldsWithin(strings.Join(path[:n], "."))
		case "", TypeTime:
			return Field{}, true
		}
		return parent, false
	}
	return Field{}, false
}

func (e *Schema) HasFieldsWithin(path string) bool {
	for name := range e.Fields {
		if strings.HasPrefix(name, path+".") {
			return true
		}
	}
	return false
}

// Siblings are the names that could stand in place of the last one of a path.
func (e *Schema) Siblings(path []string) []string {
	prefix := strings.Join(path[:len(path)-1], ".")
	if prefix != "" {
		prefix += "."
	}
	var names []string
	for name := range e.Fields {
		if rest, ok := strings.CutPrefix(name, prefix); ok && !strings.Contains(rest, ".") {
			names = append(names, rest)
		}
	}
	slices.Sort(names)
	return names
}

// Variables returns the variables that conditions and templates see, each with a value of its type.
func Variables() map[string]any {
	return map[string]any{
		"event_name": "", "event_type": "", "event_action": "", "timestamp": 0, "time": time.Time{},
		"payload": map[string]any{}, "team_member_id": 0, "project_code": "", "source": "",
		"entity": map[string]any{}, "actor": map[string]any{}, "previous": any(nil),
	}
}

// VariableNames returns the names of the variables in order.
func VariableNames() []string { return slices.Sorted(maps.Keys(Variables())) }

// PayloadFields returns the names of the fields that stand directly in the payload of any event.
func PayloadFields() []string {
	var all []string
	for _, e := range All() {
		for _, f := range e.Fields {
			if !strings.ContainsAny(f.Name, ".[") {
				all = append(all, f.Name)
			}
		}
	}
	return all
}

// Documented returns the events whose payload is documented, or all if there are none.
func Documented(events []*Schema) []*Schema {
	var kept []*Schema
	for _, e := range events {
		if e.Documented {
			kept = append(kept, e)
		}
	}
	if len(kept) == 0 {
		return events
	}
	return kept
}

// EntitiesOf returns what is known of the things that the events are about, each once.
func Entities(events []*Schema) []*Schema {
	var kinds []*Schema
	for _, e := range Documented(events) {
		if s := Schemas().entities[e.kind()]; s != nil && !slices.Contains(kinds, s) {
			kinds = append(kinds, s)
		}
	}
	return kinds
}

// FieldHint says what may have been meant by a field that is not there: another field, or that of an earlier event.
func FieldHint(path []string, events []*Schema) string {
	var near []string
	for _, e := range events {
		near = append(near, e.Siblings(path)...)
	}
	slices.Sort(near)
	near = slices.Compact(near)
	last := path[len(path)-1]
	if best := Nearest(last, near); best != "" {
		return DidYouMean(last, near)
	}
	full := strings.Join(path, ".")
	if own := Schemas().entities[events[0].kind()]; own != nil && own.lists(full) {
		return "entity." + full + " has it, from an earlier event"
	}
	return DidYouMean(last, near)
}

// JudgeEntity says whether a field of the entity can come from any event of the things that the events are about.
func CheckEntity(path []string, events []*Schema) (message, hint string) {
	var near []string
	kinds := Entities(events)
	for _, e := range kinds {
		if _, ok := e.Has(path); ok {
			return "", ""
		}
		near = append(near, e.Siblings(path)...)
	}
	if len(kinds) == 0 {
		return "", ""
	}
	slices.Sort(near)
	return "entity." + strings.Join(path, ".") + " is in no event of this kind", DidYouMean(path[len(path)-1], slices.Compact(near))
}
