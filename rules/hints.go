package rules

import (
	"fmt"
	"reflect"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/memory"
	values "qaserelay/rules/value"
)

// addHints explains unexpected values of a part of a condition and its own parts. parent is the part around it, or nil.
func (v *view) addHints(part, parent *condition.Trace) {
	if part.State == condition.Evaluated {
		switch {
		case part.Raw == nil && (parent == nil || !parent.HandlesNil):
			part.Hint = v.missing(part.Field)
		case part.Raw == false:
			part.Hint = unequal(part)
		}
	}
	for _, inner := range part.Parts {
		v.addHints(inner, part)
	}
}

// missing returns the reason why a field has no value, or "".
func (v *view) missing(f condition.Field) string {
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

func (v *view) missingPayload(path []string) string {
	ev := v.event
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

func (v *view) missingEntity(path []string) string {
	if len(path) == 0 {
		return ""
	}
	ev := v.event
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

func (v *view) missingPrevious(path []string) string {
	entity, _ := v.vars["entity"].(map[string]any)
	switch {
	case v.event.Type() != "run":
		return "only events of runs have a previous run"
	case memory.FinishedKey(v.event, entity["plan"], entity["environment"], v.title) == "":
		return "neither the plan nor the title of this run is known, so it has no previous run"
	case v.vars["previous"] == nil:
		return "no earlier finished run of the same project, plan and environment is known"
	}
	return "the previous run has no " + strings.Join(path, ".")
}

func (v *view) missingActor(path []string) string {
	if len(path) == 0 {
		return ""
	}
	whole := "actor." + strings.Join(path, ".")
	switch id := v.event.MemberID; {
	case !v.event.MemberKnown:
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
