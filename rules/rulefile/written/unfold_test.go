package written

import (
	"testing"

	"qaserelay/rules/yamldoc"
)

func TestRulesInBracketsAreWrittenWithDashes(t *testing.T) {
	const text = `settings: {timezone: UTC}
rules: [{name: a, when: "true", notify: [ops]}, # the first
  {name: b,
   when: "payload.x == 'é, ]'",
   notify: [ops]}, {name: c}] # the last
templates: {x: y}
`
	const want = `settings: {timezone: UTC}
rules:
  - {name: a, when: "true", notify: [ops]}
  - {name: b,
         when: "payload.x == 'é, ]'",
         notify: [ops]}
  - {name: c}
templates: {x: y}
`
	u, ok := Read([]yamldoc.File{{Name: "r", Data: []byte(text)}}).Unfold("r")
	if !ok || string(u.Data) != want {
		t.Fatalf("%v\n%s", ok, u.Data)
	}
	for now, was := range map[int]int{1: 1, 2: 2, 3: 2, 7: 2, 8: 6, 9: 7} {
		if got := u.Line(now); got != was {
			t.Errorf("line %d was %d, not %d", now, was, got)
		}
	}
}

func TestOtherFilesAreNotUnfolded(t *testing.T) {
	for name, text := range map[string]string{
		"dashes":       "rules:\n  - {name: a}\n",
		"all brackets": "{rules: [{name: a}]}\n",
		"no rules":     "settings: {}\n",
		"none":         "rules: []\n",
		"an anchor":    "rules: &all [{name: a}]\nx-more: *all\n",
		"an alias":     "x-all: &all [{name: a}]\nrules: *all\n",
		"no list":      "rules: {name: a}\n",
	} {
		if u, ok := Read([]yamldoc.File{{Name: "r", Data: []byte(text)}}).Unfold("r"); ok {
			t.Errorf("%s: %s", name, u.Data)
		}
	}
	if _, ok := Read(nil).Unfold("r"); ok {
		t.Error("a file that is not there is unfolded")
	}
}
