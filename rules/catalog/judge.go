package catalog

import "strings"

func (e *EventSchema) IsRun() bool { return e.kind() == "run" }

// kind is the type of the thing that e is about.
func (e *EventSchema) kind() string {
	kind, _, _ := strings.Cut(e.Name, ".")
	return kind
}

// lists reports whether the schema names a path.
func (e *EventSchema) lists(path string) bool { _, ok := e.Fields[path]; return ok }
