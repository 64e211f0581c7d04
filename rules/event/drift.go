package event

import (
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
)

// correctTypes makes numbers of whole numbers that came as text in fields that the catalogue calls integers, since a
// condition that compares text with a number fails. Body stays as it came.
func correctTypes(ev *Event) {
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

// Drift tells what of an event the catalogue does not have: whether the event is known, and the paths of unknown fields
// in its payload. Of events whose payload is not documented, and within objects of which the catalogue lists nothing, any field is fine.
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
