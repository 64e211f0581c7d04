package rulefile

import (
	"bytes"
	_ "embed"
)

// jsonSchema is made from the types that rules files are decoded into, by TestTheJSONSchemaIsUpToDate.
//
//go:embed rules.schema.json
var jsonSchema []byte

// JSONSchema returns the JSON Schema (draft 7) of rules files, for editors. It knows the builtin types of notifiers.
// Parse refuses every file that it refuses, and finds more: unknown names, and faulty conditions and templates.
func JSONSchema() []byte { return bytes.Clone(jsonSchema) }
