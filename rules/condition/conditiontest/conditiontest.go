// Package conditiontest makes random conditions and the events that they are evaluated for, for tests.
package conditiontest

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"qaserelay/rules/event"
)

// Generator makes random conditions over variables that facts decide, and over fields that only an event has.
type Generator struct{ *rand.Rand }

// NewGenerator returns a generator whose conditions depend on nothing but the seed.
func NewGenerator(seed uint64) Generator { return Generator{rand.New(rand.NewPCG(seed, seed+1))} }

// Event returns an event with the fields that the conditions read.
func (g Generator) Event(t testing.TB, source, name, project string) *event.Event {
	t.Helper()
	body := fmt.Sprintf(`{"event_name":%q,"project_code":%q,"payload":{"id":1,"title":%s,"failed":3,"on":true,`+
		`"tags":["WEB","run"]}}`, name, project, g.Text())
	ev, err := event.Parse(source, []byte(body), time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// Condition returns a condition whose parts nest to the depth.
func (g Generator) Condition(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	a, b := g.Condition(depth-1), g.Condition(depth-1)
	switch g.IntN(9) {
	case 0, 1:
		return "(" + a + " and " + b + ")"
	case 2, 3:
		return "(" + a + " || " + b + ")"
	case 4:
		return "not (" + a + ")"
	case 5:
		return "(" + a + " ? " + b + " : " + g.Condition(depth-1) + ")"
	case 6:
		return "(let x = " + g.name() + "; x == " + g.Text() + " or (" + a + "))"
	case 7:
		return "((" + g.Pick("nil", "payload.missing", a) + ") ?? (" + b + "))"
	}
	return "any(payload.tags, # == " + g.Text() + " and (" + a + "))"
}

func (g Generator) leaf() string {
	switch g.IntN(8) {
	case 0, 1:
		return g.name() + g.Pick(" == ", " != ") + g.Text()
	case 2:
		return g.name() + g.Pick(" in ", " not in ") +
			"[" + g.Text() + ", " + g.Text() + ", " + g.Pick(g.Text(), g.name()) + "]"
	case 3:
		return g.name() + g.Pick(" startsWith ", " endsWith ", " contains ") + g.Text()
	case 4:
		return g.name() + " matches " + g.Pick(`"^run"`, `"ed$"`, `"x|WEB"`)
	case 5:
		return "payload.failed" + g.Pick(" > ", " == ", " <= ") + g.Pick("0", "3", "-1")
	case 6:
		return g.Pick("true", "false", "payload.on", "payload.missing", "nil == nil")
	}
	return g.Text() + " == " + g.name()
}

func (g Generator) name() string {
	return g.Pick("event_name", "event_type", "event_action", "project_code", "source", "payload.title",
		"payload.missing", "entity.title", "lower(event_name)", "upper(project_code)")
}

// Text returns a text in quotes, which many events have in a variable.
func (g Generator) Text() string {
	return g.Pick(`"run.completed"`, `"run.started"`, `"review.created"`, `"run"`, `"review"`, `"completed"`,
		`"started"`, `"WEB"`, `"API"`, `"qase"`, `""`, `"un"`, `"nope"`)
}

// Pick returns one of the texts.
func (g Generator) Pick(texts ...string) string { return texts[g.IntN(len(texts))] }
