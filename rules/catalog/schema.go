package catalog

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// Schema is the catalog's knowledge of the payload of one event, or of an object that the relay makes, indexed by path.
type Schema struct {
	Name       string
	Documented bool
	Fields     map[string]Field // by path, without []
	Top        []string         // the names at the top of the payload
	Integers   [][]string       // the paths of the integers that are in no list
}

// schemas holds the schemas of all known events and of the variables beside payload.
type schemas struct {
	Events   []*Schema
	ForRules []*Schema // those that a rule can match: all but those of summaries
	ByName   map[string]*Schema
	entities map[string]*Schema // by type: the fields of all its events, and those that the relay adds
	Actor    *Schema
	Previous *Schema // the stored fields of a finished run
	Failures *Schema // the tests that failed in a run
	Trend    *Schema // the last pass rates
}

// TypeTime is the type of the times that the relay adds.
const TypeTime = "time"

// TypeSpan is the type of the durations that the relay adds.
const TypeSpan = "duration"

// entityFields are the fields of an entity beside those of its events, with their types.
var entityFields = map[string]string{
	"id": "", "title": "string", "url": "string", "started_at": TypeTime,
	"created_by":      "object",
	"created_by.name": "string", "created_by.email": "string", "created_by.member_id": "integer",
	"reviewers": "array", "reviewers.name": "string", "reviewers.email": "string",
}

// actorFields are the fields of the variable actor, with their types.
var actorFields = map[string]string{
	"name": "string", "email": "string", "member_id": "integer", "slack": "string", "team": "string",
	"automation": "boolean",
}

// failuresFields are the fields of the variable failures, with their types.
var failuresFields = map[string]string{
	"known": "boolean", "complete": "boolean", "error": "string", "owners": "array", "compared": "object",
	"total": "integer", "new_total": "integer", "fixed_total": "integer", "flaky_total": "integer",
	"defect_total": "integer", "muted_total": "integer",
	"owners.name": "string", "owners.email": "string", "owners.member_id": "integer", "owners.slack": "string",
	"owners.team": "string", "compared.run": "string", "compared.title": "string", "compared.url": "string",
	"compared.finished_at": TypeTime,
}

// failureFields are the fields of one test that failed.
var failureFields = map[string]string{
	"case_id": "integer", "code": "string", "title": "string", "suite": "string", "reason": "string", "status": "string",
	"url": "string", "case_url": "string", "new": "boolean", "never_passed": "boolean", "since": TypeTime,
	"red_runs": "integer", "flaky": "boolean", "rate": "string", "muted": "boolean", "attempts": "integer",
	"times": "integer", "duration": TypeSpan, "defect": "object", "defect.id": "integer", "defect.title": "string",
	"defect.status": "string", "defect.url": "string", "owner": "object", "owner.name": "string",
	"owner.email": "string", "owner.member_id": "integer", "owner.slack": "string", "owner.team": "string",
}

// failuresSchema returns the schema of the variable failures.
func failuresSchema() *Schema {
	s := fixedSchema("failures", failuresFields)
	for _, list := range []string{"list", "new", "still", "fixed", "flaky"} {
		s.Fields[list] = Field{Name: list, Type: "array"}
		for path, kind := range failureFields {
			s.Fields[list+"."+path] = Field{Name: list + "." + path, Type: kind}
		}
	}
	return s
}

// fixedSchema returns the schema of an object that the relay makes.
func fixedSchema(name string, types map[string]string) *Schema {
	s := &Schema{Name: name, Documented: true, Fields: map[string]Field{}}
	for path, kind := range types {
		s.Fields[path] = Field{Name: path, Type: kind}
	}
	return s
}

// Schemas returns the catalog as schemas.
var Schemas = sync.OnceValue(func() *schemas {
	s := &schemas{ByName: map[string]*Schema{}, entities: map[string]*Schema{},
		Actor: fixedSchema("actor", actorFields), Failures: failuresSchema(),
		Trend: fixedSchema("trend", map[string]string{"rates": "array", "line": "string"})}
	for _, e := range All() {
		s.add(e)
	}
	for _, entity := range s.entities {
		entity.dropUnset()
	}
	s.Previous = previousSchema(s.entities["run"])
	return s
})

// add adds an event, and its fields to those of its entity.
func (s *schemas) add(e Event) {
	one := &Schema{Name: e.Name, Documented: e.Documented, Fields: map[string]Field{}}
	if s.Events = append(s.Events, one); !one.IsSummary() {
		s.ForRules = append(s.ForRules, one)
	}
	s.ByName[e.Name] = one
	entity := s.entities[e.Entity]
	if entity == nil {
		entity = fixedSchema(e.Entity, entityFields)
		entity.Documented = false
		s.entities[e.Entity] = entity
	}
	entity.Documented = entity.Documented || e.Documented
	for _, f := range e.Fields {
		path := plainPath(f.Name)
		one.Fields[path] = f
		entity.add(path, f)
		if !strings.Contains(path, ".") {
			one.Top = append(one.Top, path)
		}
		if f.Type == "integer" && path == f.Name {
			one.Integers = append(one.Integers, strings.Split(path, "."))
		}
	}
}

// dropUnset removes the fields that the relay adds to an entity from events that this type does not have: reviewers.
func (e *Schema) dropUnset() {
	if _, reviewed := e.Fields["reviewer"]; reviewed {
		return
	}
	for path := range e.Fields {
		if path == "reviewers" || strings.HasPrefix(path, "reviewers.") {
			delete(e.Fields, path)
		}
	}
}

// add adds a field of an event to those of its entity. If events disagree on its type, the type is unknown.
func (e *Schema) add(path string, f Field) {
	if old, there := e.Fields[path]; there && old.Type != f.Type {
		f.Type = ""
	}
	e.Fields[path] = f
}

// previousSchema returns the schema of a finished run: only numbers, texts and booleans are stored.
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

// Has reports whether a path can exist, and returns its field if the catalog lists it.
func (e *Schema) Has(path []string) (Field, bool) {
	full := strings.Join(path, ".")
	if f, ok := e.Fields[full]; ok || !e.Documented {
		return f, true
	}
	// An object or array without listed fields may have any field.
	for n := len(path) - 1; n > 0; n-- {
		parent, ok := e.Fields[strings.Join(path[:n], ".")]
		if !ok {
			continue
		}
		switch parent.Type {
		case "object", "array":
			return Field{}, !e.HasFieldsWithin(strings.Join(path[:n], "."))
		case "", TypeTime, TypeSpan:
			return Field{}, true
		}
		return parent, false
	}
	return Field{}, false
}

// HasFieldsWithin reports whether the catalog lists fields of the object at path.
func (e *Schema) HasFieldsWithin(path string) bool {
	for name := range e.Fields {
		if strings.HasPrefix(name, path+".") {
			return true
		}
	}
	return false
}

// IsRun reports whether this is an event of a run.
func (e *Schema) IsRun() bool { return e.kind() == "run" }

// IsSummary reports whether this is an event of summaries, which goes only where their entry sends it.
func (e *Schema) IsSummary() bool { return e.kind() == "summary" }

// kind returns the type of the entity of an event.
func (e *Schema) kind() string {
	kind, _, _ := strings.Cut(e.Name, ".")
	return kind
}

// Siblings returns the names that can replace the last one of a path, in order.
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
		"failures": any(nil), "trend": any(nil),
	}
}

// VariableNames returns the names of the variables in order.
func VariableNames() []string { return slices.Sorted(maps.Keys(Variables())) }

// PayloadFields returns the names of the top-level fields in the payload of any event.
func PayloadFields() []string {
	var all []string
	for _, e := range Schemas().Events {
		all = append(all, e.Top...)
	}
	return all
}

// Documented returns the events with a documented payload, or all if there are none.
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

// Entities returns the schemas of the entities of the events, each once.
func Entities(events []*Schema) []*Schema {
	var kinds []*Schema
	for _, e := range Documented(events) {
		if s := Schemas().entities[e.kind()]; s != nil && !slices.Contains(kinds, s) {
			kinds = append(kinds, s)
		}
	}
	return kinds
}

// FieldHint returns a hint for a payload field that does not exist: the hint [SimilarField], or the fields that the
// events have there.
func FieldHint(path []string, events []*Schema) string {
	return cmp.Or(SimilarField(path, events), Available(siblings(path, events)))
}

// SimilarField returns a hint for a payload field that does not exist: a field with a similar name, or the same field
// of the entity. It returns "" if there is neither.
func SimilarField(path []string, events []*Schema) string {
	if hint := Similar(path[len(path)-1], siblings(path, events)); hint != "" {
		return hint
	}
	full := strings.Join(path, ".")
	if own := Schemas().entities[events[0].kind()]; own != nil {
		if _, several := own.Fields["reviewers"]; several && path[0] == "reviewer" {
			return "entity.reviewers are all of them, from earlier events"
		}
		if _, listed := own.Fields[full]; listed {
			return "entity." + full + " has it, from an earlier event"
		}
	}
	return ""
}

// OnlyReviews ends the message of CheckEntity about reviewers of another entity than a review.
const OnlyReviews = " is of test case reviews only"

// CheckEntity returns a message if no event of the same entity types has a field, and the fields that they have there.
func CheckEntity(path []string, events []*Schema) (message string, fields []string) {
	kinds := Entities(events)
	for _, e := range kinds {
		if _, ok := e.Has(path); ok {
			return "", nil
		}
	}
	if len(kinds) == 0 {
		return "", nil
	}
	reviewed := func(e *Schema) bool { _, ok := e.Has([]string{"reviewers"}); return ok }
	if strings.HasPrefix(path[0], "reviewer") && !slices.ContainsFunc(kinds, reviewed) {
		return "entity." + strings.Join(path, ".") + OnlyReviews, nil
	}
	return "entity." + strings.Join(path, ".") + " is in no event of this kind", siblings(path, kinds)
}

// siblings returns the names that can replace the last one of a path in any of the schemas, in order.
func siblings(path []string, schemas []*Schema) []string {
	var names []string
	for _, s := range schemas {
		names = append(names, s.Siblings(path)...)
	}
	slices.Sort(names)
	return slices.Compact(names)
}
