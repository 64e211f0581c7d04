package judge

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/people"
)

// conditions makes random conditions over a number, a text, a missing field and the fields of a person, and values for
// them.
type conditions struct{ *rand.Rand }

func (g conditions) pick(texts ...string) string { return texts[g.IntN(len(texts))] }

func (g conditions) source(depth int) string {
	if depth == 0 {
		return g.leaf()
	}
	a, b := g.source(depth-1), g.source(depth-1)
	switch g.IntN(6) {
	case 0, 1:
		return "(" + a + " and " + b + ")"
	case 2, 3:
		return "(" + a + " or " + b + ")"
	case 4:
		return "not (" + a + ")"
	}
	return "(" + a + " ? " + b + " : " + g.source(depth-1) + ")"
}

func (g conditions) leaf() string {
	number := g.pick("0", "1", "2", "3", "2.5", `"2"`)
	text := g.pick(`"a"`, `"b"`, `"ab"`, `"2"`, `""`)
	subject := g.pick("payload.x", "payload.y", "(payload.x ?? 2)", "payload.o.x")
	switch g.IntN(9) {
	case 0, 1:
		return subject + g.pick(" == ", " != ", " < ", " <= ", " > ", " >= ") + number
	case 2:
		return subject + g.pick(" == ", " != ") + text
	case 3:
		return subject + g.pick(" in ", " not in ") + "[" + number + ", " + text + "]"
	case 4:
		return subject + g.pick(" in ", " not in ") + g.pick("0..2", "1..3", "2..2")
	case 5:
		return subject + g.pick(" contains ", " startsWith ", " endsWith ") + text
	case 6:
		return g.pick("payload.x", "payload.o") + g.pick(" == nil", " != nil")
	case 7:
		return g.pick(`actor.name == "Ana"`, `actor.email == "bob@bar.io"`, `actor.team == "qa"`, `actor.member_id == 12`,
			`actor.member_id != 40`, `actor.automation`, `actor.team == nil`, `team_member_id == 12`)
	}
	return g.pick("payload.x", "payload.y", "payload.x == true")
}

// payload returns a payload, without some of the fields.
func (g conditions) payload() map[string]any {
	values := []any{0, 1, 2, 3, 2.5, -1, 1.5, 100, "2", "a", "b", "ab", "abc", "", "zz", true, false, []any{1}, []any{"a", "b", 2, 3},
		map[string]any{"x": 2}}
	all := map[string]any{}
	for _, name := range []string{"x", "y"} {
		if g.IntN(5) > 0 {
			all[name] = values[g.IntN(len(values))]
		}
	}
	if g.IntN(3) > 0 {
		all["o"] = map[string]any{"x": values[g.IntN(len(values))]}
	}
	return all
}

// actors are the actors that the directory of the test gives to events.
var actors = []map[string]any{
	{"member_id": 12, "name": "Ana", "email": "ana@example.com", "team": "qa", "automation": false},
	{"member_id": 40, "name": "Bob", "email": "bob@bar.io", "team": "dev", "automation": false},
	{"member_id": 99, "name": "Bob", "email": "bob@bar.io", "team": "dev", "automation": false},
	{"member_id": 0, "name": "automation", "automation": true},
	{"member_id": 7, "name": "member 7", "automation": false},
	{"member_id": 7, "name": "Ana", "email": "other@example.com", "automation": false},
}

// TestAnAnswerThatIsSaidToBeImpossibleNeverHappens compares the possible answers of random conditions with those that
// random events give.
func TestAnAnswerThatIsSaidToBeImpossibleNeverHappens(t *testing.T) {
	g := conditions{rand.New(rand.NewPCG(7, 8))}
	w := &World{Teams: []string{"qa", "dev"}, People: []people.Person{
		{Name: "Ana", Email: "ana@example.com", MemberID: 12, Team: "qa"},
		{Name: "Bob", Email: "bob@bar.io", MemberID: 40, Team: "dev"}}}
	fixed := 0
	for range 2500 {
		source := g.source(g.IntN(3))
		c, findings := condition.Compile(source)
		if findings != nil {
			continue // such as ?? between values that cannot be nil
		}
		j := &judge{World: w, cond: c, facts: condition.Facts{}, report: func(verdict) {}}
		possible := j.newPossibilities(c.Tree()).of(c.Tree())
		if possible != undecided {
			fixed++
		}
		for range 40 {
			env := condition.NewEnv(time.Unix(1650540200, 0).UTC())
			maps.Copy(env.Vars, catalog.Variables())
			actor := actors[g.IntN(len(actors))]
			payload := g.payload()
			env.Vars["payload"], env.Vars["actor"], env.Vars["team_member_id"] = payload, actor, actor["member_id"]
			matched, err := c.Match(env)
			if err == nil && possible&certain(matched) == 0 {
				t.Fatalf("%s\nis %v for %s, which is said to be impossible", source, matched, fmt.Sprint(payload, actor))
			}
		}
	}
	if fixed < 60 {
		t.Errorf("only %d conditions have a fixed answer: this proves little", fixed)
	}
}
