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
// What it refuses Parse refuses too, but Parse finds more: names that nothing has, conditions and templates that cannot
// be used.
func JSONSchema() []byte { return bytes.Clone(jsonSchema) }
