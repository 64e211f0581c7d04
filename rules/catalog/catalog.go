// Package catalog knows the webhook events of Qase: their fields, what the vendor's documentation leaves open or
// contradicts, and an example of each.
//
// It is advice, not a schema: Qase adds events and fields, and its pages disagree with each other, so nothing is ever refused
// for not being here. Facts are from https://docs.qase.io/general/webhooks and https://docs.qase.io/en/articles/5563718-webhooks.
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
	Label   string `json:"label"`   // what the settings page of Qase calls it; "" where it does not list it
	Summary string `json:"summary"` // when Qase sends it
	// Documented says whether Qase documents the payload. Where not, Fields and Example are what receivers met or
	// expect, so a field beyond them is no reason to warn.
	Documented bool            `json:"documented"`
	Quirks     []string        `json:"quirks,omitempty"`
	Fields     []Field         `json:"fields"`
	Example    json.RawMessage `json:"example"` // the whole envelope
}

// Field is something within the payload of an event, or within the envelope.
type Field struct {
	// Name is the path to it: plan.title is within the object plan, steps[].action within each object of the array steps.
	Name     string `json:"name"`
	Type     string `json:"type"` // string, integer, boolean, object or array
	Nullable bool   `json:"nullable,omitempty"`
	// In says where it is documented: in the example, the table, both ("example+table"), "newer pages" alone, or
	// nowhere ("receivers").
	In   string `json:"in,omitempty"`
	Note string `json:"note,omitempty"`
}

// Field returns the field with this path, for which [] may be left out.
func (e Event) Field(path string) (Field, bool) {
	for _, f := range e.Fields {
		if f.Name == path || plainPath(f.Name) == path {
			return f, true
		}
	}
	return Field{}, false
}

// All returns the events, those of one entity together, in the order of its life. They are the caller's own.
func All() []Event {
	events := make([]Event, len(load().Events))
	for i, e := range load().Events {
		events[i] = e.clone()
	}
	return events
}

// Lookup returns the event of this name. It is the caller's own.
func Lookup(name string) (Event, bool) {
	for _, e := range load().Events {
		if e.Name == name {
			return e.clone(), true
		}
	}
	return Event{}, false
}

// Envelope returns the fields around the payload, which all events have. They are the caller's own.
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

// load panics on data that is no catalogue: it is part of the program, and a test reads it.
var load = sync.OnceValue(func() data {
	var d data
	dec := json.NewDecoder(bytes.NewReader(eventsJSON))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&d); err != nil {
		panic(fmt.Errorf("catalog: reading events.json: %w", err))
	}
	return d
})
