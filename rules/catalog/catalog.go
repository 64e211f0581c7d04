// Package catalog describes the webhook events of Qase: their fields, the open points and contradictions of the
// documentation, and an example of each.
//
// It is for advice: Qase adds events and fields, and its pages disagree with each other, so the relay never refuses an
// event for a difference from the catalog. The sources are https://docs.qase.io/general/webhooks and
// https://docs.qase.io/en/articles/5563718-webhooks.
package catalog

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
)

// Event is a kind of webhook call.
type Event struct {
	Name    string `json:"name"`    // event_name, such as run.completed
	Entity  string `json:"entity"`  // the part before the dot
	Label   string `json:"label"`   // on the settings page of Qase; "" if it is not there
	Summary string `json:"summary"` // when Qase sends it
	// Documented is true if Qase documents the payload. If not, Fields and Example are those that receivers have seen
	// or expect, so other fields cause no warning.
	Documented bool            `json:"documented"`
	Quirks     []string        `json:"quirks,omitempty"`
	Fields     []Field         `json:"fields"`
	Example    json.RawMessage `json:"example"` // the whole envelope
}

// Field is a field of the payload of an event, or of the envelope.
type Field struct {
	// Name is the path: plan.title is in the object plan, steps[].action in each object of the array steps.
	Name     string `json:"name"`
	Type     string `json:"type"` // string, integer, boolean, object or array
	Nullable bool   `json:"nullable,omitempty"`
	// In is the place of its documentation: "example", "table", "example+table", "newer pages" alone, or "receivers"
	// for none.
	In   string `json:"in,omitempty"`
	Note string `json:"note,omitempty"`
	// Values are all values that a text has, if Qase lists them.
	Values []string `json:"values,omitempty"`
}

// Field returns the field with this path. The path may omit [].
func (e Event) Field(path string) (Field, bool) {
	for _, f := range e.Fields {
		if f.Name == path || plainPath(f.Name) == path {
			return f, true
		}
	}
	return Field{}, false
}

// All returns a copy of the events, by entity, in the order of its life.
func All() []Event {
	events := make([]Event, len(load().Events))
	for i, e := range load().Events {
		events[i] = e.clone()
	}
	return events
}

// Lookup returns a copy of the event of this name.
func Lookup(name string) (Event, bool) {
	for _, e := range load().Events {
		if e.Name == name {
			return e.clone(), true
		}
	}
	return Event{}, false
}

// Envelope returns a copy of the fields around the payload, which all events have.
func Envelope() []Field { return slices.Clone(load().Envelope) }

func (e Event) clone() Event {
	e.Quirks = slices.Clone(e.Quirks)
	e.Fields = slices.Clone(e.Fields)
	e.Example = bytes.Clone(e.Example)
	return e
}

//go:embed events.json
var eventsJSON []byte

type data struct {
	Envelope []Field `json:"envelope"`
	Events   []Event `json:"events"`
}

// load reads the embedded events. It panics on malformed data, which a test would find.
var load = sync.OnceValue(func() data {
	var d data
	dec := json.NewDecoder(bytes.NewReader(eventsJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("catalog: reading events.json: %w", err))
	}
	return d
})
