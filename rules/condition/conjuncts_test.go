package condition

import (
	"strings"
	"testing"
)

func TestAConditionIsTakenApartAtItsAnds(t *testing.T) {
	for source, want := range map[string]string{
		`true`: `true`,
		`event_name == "run.completed" && payload.failed > 0 and (payload.a or payload.b) and not payload.c`: `event_name == "run.completed" | payload.failed > 0 | payload.a or payload.b | not payload.c`,
		`(payload.a and payload.b) and "and" in payload.c`:                                                   `payload.a | payload.b | "and" in payload.c`,
		`payload.a or payload.b and payload.c`:                                                               `payload.a or payload.b and payload.c`,
		`let n = payload.failed; n > 0 and n < 5`:                                                            `let n = payload.failed; n > 0 and n < 5`,
	} {
		c, findings := Compile(source)
		if findings != nil {
			t.Fatal(source, findings)
		}
		var got []string
		for _, part := range c.Conjuncts() {
			got = append(got, strings.TrimSuffix(strings.TrimPrefix(part.Source, "("), ")"))
		}
		if strings.Join(got, " | ") != want {
			t.Errorf("%s: got %s, want %s", source, strings.Join(got, " | "), want)
		}
	}
}
