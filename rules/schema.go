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
	entities map[string]map[string]bool // by type: the fields of all its events, by path
}

// knownSchemas is the catalogue in this form.
var knownSchemas = sync.OnceValue(func() *schemas {
	s := &schemas{byName: map[string]*eventSchema{}, entities: map[string]map[string]bool{}}
	for _, e := range catalog.All() {
		one := &eventSchema{name: e.Name, documented: e.Documented, fields: map[string]catalog.Field{}}
		entity := s.entities[e.Entity]
		if entity == nil {
			entity = map[string]bool{"id": true, "title": true, "url": true, "started_at": true, "created_by": true, "reviewers": true}
			for _, path := range []string{"created_by.name", "created_by.email", "created_by.member_id", "reviewers.name", "reviewers.email"} {
				entity[path] = true
			}
			s.entities[e.Entity] = entity
		}
		for _, f := range e.Fields {
			path := strings.ReplaceAll(f.Name, "[]", "")
			one.fields[path] = f
			entity[path] = true
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
	return s
})

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
		if parent.Type == "object" || parent.Type == "array" {
			return catalog.Field{}, !e.listsWithin(strings.Join(path[:n], "."))
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
