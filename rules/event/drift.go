package event

import (
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
)

// correctTypes replaces texts by whole numbers in fields that are integers in the catalog, since a comparison of a text
// with a number fails, and gives fields that came in other forms over the years the present one. Body stays as it is.
func correctTypes(ev *Event) {
	correctForms(ev)
	schema := catalog.Schemas().ByName[ev.Name]
	if schema == nil {
		return
	}
	for _, path := range schema.Integers {
		object, last := ev.Payload, len(path)-1
		for _, key := range path[:last] {
			object, _ = object[key].(map[string]any)
		}
		if text, isText := object[path[last]].(string); isText {
			if n, err := strconv.Atoi(strings.TrimSpace(text)); err == nil {
				object[path[last]] = n
			}
		}
	}
}

// correctForms makes an object of a plan that is a number, or stands in plan_id, and a number of a list of added cases.
func correctForms(ev *Event) {
	switch ev.Name {
	case "run.started":
		plan := ev.Payload["plan"]
		if plan == nil {
			plan = ev.Payload["plan_id"]
		}
		if id, isNumber := wholeNumber(plan); isNumber && id > 0 {
			ev.Payload["plan"] = map[string]any{"id": id}
		} else if isNumber {
			ev.Payload["plan"] = nil
		}
	case "run.updated":
		if cases, isList := ev.Payload["cases_added"].([]any); isList {
			ev.Payload["cases_added"] = len(cases)
		}
	}
}

// Drift returns the differences of an event from the catalog: whether the event is known, and the paths of unknown
// fields in its payload. An undocumented payload, and an object without listed fields, may have any field.
func Drift(ev *Event) (known bool, fields []string) {
	e := catalog.Schemas().ByName[ev.Name]
	if e == nil {
		return false, nil
	}
	if !e.Documented {
		return true, nil
	}
	for name, value := range ev.Payload {
		if _, listed := e.Fields[name]; !listed {
			fields = append(fields, name)
			continue
		}
		inner, isObject := value.(map[string]any)
		if !isObject || !e.HasFieldsWithin(name) {
			continue
		}
		for key := range inner {
			if _, listed := e.Fields[name+"."+key]; !listed {
				fields = append(fields, name+"."+key)
			}
		}
	}
	slices.Sort(fields)
	return true, fields
}
