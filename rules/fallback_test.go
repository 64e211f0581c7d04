package rules_test

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// fallbackFile has notifiers and the notify entries of one rule.
func fallbackFile(notifiers, notify string) string {
	return "sources: [{name: qase, secrets: [s]}]\nnotifiers:\n" + notifiers +
		"rules:\n  - {name: r, when: event_name == \"run.completed\", notify: " + notify + "}\n"
}

func TestFallbacksOfAMessage(t *testing.T) {
	cases := []struct{ name, notifiers, notify, want string }{
		{"no fallback by default", "", "[a]", "a"},
		{"those of the entry, in its order", "", "[{notifier: a, fallback: [c, b]}]", "a > c > b"},
		{"one name is a list of one", "", "[{notifier: a, fallback: b}]", "a > b"},
		{"those of the notifier", "  - {name: d, type: chat, fallback: [b, c]}\n", "[d]", "d > b > c"},
		{"those of the entry replace those of the notifier", "  - {name: d, type: chat, fallback: [b]}\n",
			"[{notifier: d, fallback: [c]}]", "d > c"},
		{"none, if the list of the entry is empty", "  - {name: d, type: chat, fallback: [b]}\n",
			"[{notifier: d, fallback: []}]",
			"d"},
		{"those of the last fallback follow",
			"  - {name: d, type: chat, fallback: [c]}\n  - {name: e, type: chat, fallback: [b, d]}\n", "[e]",
			"e > b > d > c"},
		{"each notifier once", "  - {name: d, type: chat, fallback: [a]}\n", "[{notifier: a, fallback: [b, d]}]",
			"a > b > d"},
		{"each entry has its own", "", "[{notifier: a, fallback: [b]}, {notifier: b, fallback: [a]}]", "a > b, b > a"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			three := "  - {name: a, type: chat}\n  - {name: b, type: chat}\n  - {name: c, type: hook}\n"
			d := rulefiletest.NewWorld().Decide(t, rulefiletest.Parse(t, fallbackFile(three+c.notifiers, c.notify)),
				"run.completed", `{"id": 1}`)
			var got []string
			for _, n := range d.Notifications {
				way := n.Notifier
				for _, f := range n.Fallbacks {
					way += " > " + f.Notifier
				}
				got = append(got, way)
			}
			if strings.Join(got, ", ") != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func TestAFallbackHasTheOptionsOfItsNotifierForTheEvent(t *testing.T) {
	c := rulefiletest.Parse(t, fallbackFile(`
  - {name: a, type: chat, channel: "#a"}
  - name: b
    type: hook
    url: https://b.example/{{ .payload.id }}
    headers: {X-Fixed: "1", X-Run: "{{ .payload.id }}"}
`[1:], `[{notifier: a, channel: "#{{ .payload.id }}", fallback: [b]}]`))
	n := rulefiletest.NewWorld().Decide(t, c, "run.completed", `{"id": 7}`).Notifications[0]
	const want = `{"channel":"#7"} {"headers":{"X-Run":"7"},"url":"https://b.example/7"}`
	if got := fmt.Sprintf("%s %s", n.Options, n.Fallbacks[0].Options); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFallbacksThatCannotWorkAreErrors(t *testing.T) {
	cases := []struct{ name, notifiers, notify, want string }{
		{"an unknown name", "", "[{notifier: a, fallback: [bb]}]", `no notifier "bb" (did you mean "b"?)`},
		{"an unknown name on a notifier", "  - {name: d, type: chat, fallback: [bb]}\n", "[a]",
			`no notifier "bb" (did you mean "b"?)`},
		{"the notifier itself", "", "[{notifier: a, fallback: [a]}]",
			"the notifier a cannot be its own fallback (name another one)"},
		{"the notifier itself, on the notifier", "  - {name: d, type: chat, fallback: [a, d]}\n", "[a]",
			"the notifier d cannot be its own fallback (name another one)"},
		{"one twice", "", "[{notifier: a, fallback: [b, b]}]", "b is listed twice in this fallback (remove one)"},
		{"a circle", "  - {name: d, type: chat, fallback: [e]}\n  - {name: e, type: chat, fallback: [b, d]}\n", "[a]",
			"the fallbacks form a cycle: d → e → b → d (remove one of them)"},
		{"one that lacks an option of the message", "", "[{notifier: a, fallback: [mail]}]",
			"the fallback mail has no recipient (a fallback has only the options of its notifier; add to: " +
				"[someone@example.com] on the notifier)"},
		{"one that lacks it, on a notifier", "  - {name: d, type: chat, fallback: [mail]}\n", "[d]",
			"the fallback mail has no recipient (a fallback has only the options of its notifier; add to: " +
				"[someone@example.com] on the notifier)"},
		{"nothing that is a name", "", "[{notifier: a, fallback: {to: b}}]",
			"fallback must be text or a list, not a mapping"},
		{"a misspelt key", "", "[{notifier: a, falback: [b]}]",
			`unknown key "falback" in a message to a (did you mean "fallback"?)`},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			three := "  - {name: a, type: chat}\n  - {name: b, type: chat}\n  - {name: mail, type: post}\n"
			_, problems := rulefiletest.Check("rules.yaml", fallbackFile(three+c.notifiers, c.notify))
			if len(problems) != 1 || !strings.HasSuffix(strings.TrimSpace(problems.Error()), c.want) {
				t.Errorf("got %v, want %s", problems, c.want)
			}
		})
	}
}

func TestAFallbackIsNotANotificationOfItsOwn(t *testing.T) {
	c := rulefiletest.Parse(t, fallbackFile("  - {name: a, type: chat}\n  - {name: b, type: chat}\n",
		"[{notifier: a, fallback: [b]}]")+`
tests:
  - {name: the message is there, event: run.completed, expect: [{rule: r, notifier: a, fallback: [b]}]}
  - {name: one of its fallbacks, event: run.completed, expect: [{fallback: b}]}
  - {name: the fallback is sent nothing, event: run.completed, expect: [{notifier: a}, {notifier: b}]}
  - {name: another fallback, event: run.completed, expect: [{notifier: a, fallback: []}]}
`)
	var got []string
	for _, r := range ruletest.Run(c, nil) {
		got = append(got, fmt.Sprint(r.Passed))
		if !r.Passed && r.Failures[0].Kind == ruletest.Different {
			got = append(got, fmt.Sprint(r.Failures[0].Fields))
		}
	}
	if strings.Join(got, " ") != `true true false false [{fallback [] ["b"]  <nil>}]` {
		t.Errorf("got %q", got)
	}
}

func TestTheOptionsOfAFallbackAreShownWithoutSecrets(t *testing.T) {
	c := rulefiletest.Parse(t, fallbackFile(`
  - {name: a, type: chat}
  - {name: b, type: hook, url: "https://b.example/{{ .payload.id }}"}
`[1:], "[{notifier: a, fallback: [b]}]"))
	x := explainEvent(t, c, "run.completed", `{"id": 7}`)
	const want = `[{"notifier":"b","options":{"url":"https://b.example/…"}}]`
	if got := value.JSONText(x.Rules[0].Notifications[0].Fallbacks); got != want {
		t.Errorf("got %s", got)
	}
}

func TestAFallbackToPeopleIsAMessageToEachOfThem(t *testing.T) {
	o := rulefiletest.Options()
	o.Kinds["talk"] = rulefile.Kind{Config: func() any { return &struct{}{} }, Options: struct {
		DM []string `yaml:"dm" json:"dm,omitempty" as:"address" carries:"true" each:"8"`
	}{}}
	text := "people: [{name: ana, email: ana@a.io}, {name: bo, email: bo@a.io}]\n" + fallbackFile(
		"  - {name: a, type: chat, channel: \"#a\"}\n  - {name: d, type: talk, dm: [ana, bo, \"{{ .actor }}\"]}\n",
		"[{notifier: a, fallback: [d]}]")
	file, problems := lint.Parse([]yamldoc.File{{Name: "r.yaml", Data: []byte(text)}}, o)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	n := rulefiletest.NewWorld().Decide(t, file, "run.completed", `{"id": 7}`).Notifications[0]
	var got []string
	for _, f := range n.Fallbacks {
		got = append(got, fmt.Sprintf("%s %s %t", f.Notifier, f.Options, f.Beside))
	}
	const want = `d {"dm":["ana@a.io"]} false, d {"dm":["bo@a.io"]} true`
	if strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}
