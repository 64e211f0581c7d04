// Package hints explains to people why a part of a condition has an unexpected value.
package hints

import (
	"fmt"
	"reflect"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/memory"
	values "qaserelay/rules/value"
)

// View is the event that a condition was evaluated for.
type View struct {
	Event *event.Event
	Vars  map[string]any // of conditions
	Title string         // of the entity, if it is known
}

// Add explains unexpected values of a condition and its parts.
func (v *View) Add(trace *condition.Trace) { v.add(trace, nil) }

// add explains unexpected values of a part of a condition and its own parts. parent is the part around it, or nil.
func (v *View) add(part, parent *condition.Trace) {
	if part.State == condition.Evaluated {
		switch {
		case part.Raw == nil && (parent == nil || !parent.HandlesNil):
			part.Hint = v.missing(part.Field)
		case part.Raw == false:
			part.Hint = unequal(part)
		}
	}
	for _, inner := range part.Parts {
		v.add(inner, part)
	}
}

// missing returns the reason why a field has no value, or "".
func (v *View) missing(f condition.Field) string {
	switch f.Root {
	case "payload":
		return v.missingPayload(f.Path)
	case "entity":
		return v.missingEntity(f.Path)
	case "previous":
		return v.missingPrevious(f.Path)
	case "actor":
		return v.missingActor(f.Path)
	}
	return ""
}

func (v *View) missingPayload(path []string) string {
	ev := v.Event
	if len(path) == 0 {
		return ""
	}
	whole := "payload." + strings.Join(path, ".")
	if null := nullOnTheWay(ev.Payload, path); null != "" {
		return "payload." + null + " is null in this event"
	}
	schema := catalog.Schemas().ByName[ev.Name]
	if schema == nil {
		return whole + " is missing in this event"
	}
	said := whole + " is missing in " + ev.Name
	if field, possible := schema.Has(path); field.Type != "" && possible {
		return said + " this time, though it can be there"
	}
	if advice := catalog.SimilarField(path, []*catalog.Schema{schema}); advice != "" {
		return said + "; " + advice
	}
	return said
}

// nullOnTheWay returns the beginning of path that leads to a null, or "".
func nullOnTheWay(payload map[string]any, path []string) string {
	var at any = payload
	for i, key := range path {
		object, _ := at.(map[string]any)
		value, there := object[key]
		if !there {
			return ""
		}
		if value == nil {
			return strings.Join(path[:i+1], ".")
		}
		at = value
	}
	return ""
}

func (v *View) missingEntity(path []string) string {
	if len(path) == 0 {
		return ""
	}
	ev := v.Event
	entity := strings.ReplaceAll(ev.Type(), "_", " ")
	said := fmt.Sprintf("nothing that is known of this %s has entity.%s", entity, strings.Join(path, "."))
	schema := catalog.Schemas().ByName[ev.Name]
	if schema == nil {
		return said
	}
	message, fields := catalog.CheckEntity(path, []*catalog.Schema{schema})
	switch advice := catalog.Similar(path[len(path)-1], fields); {
	case message != "" && advice != "":
		return message + "; " + advice
	case message != "" && catalog.Available(fields) == "":
		return message
	}
	return said + "; it may come with another event"
}

func (v *View) missingPrevious(path []string) string {
	entity, _ := v.Vars["entity"].(map[string]any)
	switch {
	case v.Event.Type() != "run":
		return "only events of runs have a previous run"
	case memory.FinishedKey(v.Event, entity["plan"], entity["environment"], v.Title) == "":
		return "neither the plan nor the title of this run is known, so it has no previous run"
	case v.Vars["previous"] == nil:
		return "no earlier finished run of the same project, plan and environment is known"
	}
	return "the previous run has no " + strings.Join(path, ".")
}

func (v *View) missingActor(path []string) string {
	if len(path) == 0 {
		return ""
	}
	whole := "actor." + strings.Join(path, ".")
	switch id := v.Event.MemberID; {
	case !v.Event.MemberKnown:
		return whole + " is not known: the event has no team_member_id, so it does not say who did this"
	case id != 0:
		return fmt.Sprintf("%s is not known of the member %d; write it in people: {member_id: %[2]d, %s: …}", whole, id,
			path[0])
	}
	return whole + " is not known: automation did this"
}

// unequal returns the reason why a comparison with a constant is false, if it is easy to overlook, or "".
func unequal(part *condition.Trace) string {
	if part.Equals == nil || len(part.Parts) != 1 || part.Parts[0].State != condition.Evaluated {
		return ""
	}
	constant, value := part.Equals.Value, part.Parts[0].Raw
	_, isList := constant.([]any)
	text, isText := constant.(string)
	other, bothText := value.(string)
	switch {
	case constant == nil || value == nil || isList:
		return ""
	case isText && bothText && strings.EqualFold(text, other):
		return "they differ in upper and lower case only"
	case isText && part.Parts[0].Text == "event_name" && catalog.Schemas().ByName[text] == nil:
		return catalog.Hint(text)
	case isText && isNumber(text) || bothText && isNumber(other):
		return ""
	case isText != bothText || reflect.TypeOf(constant) != reflect.TypeOf(value) && (isBool(constant) || isBool(value)):
		return fmt.Sprintf("%s is %s and %s is %s: they are never equal", part.Parts[0].Text, typeWord(value),
			part.Equals.Text, typeWord(constant))
	}
	return ""
}

// isNumber reports whether a text equals a number.
func isNumber(text string) bool { _, ok := values.ParseNumber(text); return ok }

func isBool(v any) bool { _, ok := v.(bool); return ok }

func typeWord(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return "something else"
}
