package catalog

import "strings"

func (e *Schema) IsRun() bool { return e.kind() == "run" }

// kind is the type of the thing that e is about.
func (e *Schema) kind() string {
	kind, _, _ := strings.Cut(e.Name, ".")
	return kind
}

// lists reports whether the schema names a path.
func (e *Schema) lists(path string) bool { _, ok := e.Fields[path]; return ok }
