package event

import (
	"fmt"

	"qaserelay/rules/catalog"
	"qaserelay/rules/value"
)

// Sample returns the envelope of the catalog's example of an event, which the caller may change. An event that the
// catalog does not know has an empty payload.
func Sample(name string) map[string]any {
	known, ok := catalog.Lookup(name)
	if !ok {
		known, _ = catalog.Lookup("run.completed")
	}
	envelope, err := value.DecodeObject(known.Example)
	if err != nil {
		panic(fmt.Errorf("event: the example of %s: %w", known.Name, err))
	}
	if envelope["event_name"] = name; !ok {
		envelope["payload"] = map[string]any{}
	}
	return envelope
}
