package rules_test

import (
	"slices"
	"strings"
	"testing"

	"qaserelay/rules"
	"qaserelay/rules/rulefile/rulefiletest"
)

// recipientsFile has one rule, which sends an email with the given options.
func recipientsFile(options string) string {
	return `
sources: [{name: qase, secrets: [s]}]
people:
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: dev}
  - {name: Ana López, email: ana@bar.io, member_id: 12, team: qa}
  - {name: Carla Roe, email: carla@bar.io, team: qa}
  - {name: Zoe}
notifiers: [{name: mail, type: hook, url: "https://ops.example.com"}]
rules:
  - {name: r, when: 'true', notify: [{notifier: mail, ` + options + `}]}
`
}

func TestRecipientsOfEachShape(t *testing.T) {
	const all = `{"id":5,"one":{"email":"eve@x.io","name":"Eve"},"plan":{"id":3,"title":"d"},"many":[` +
		`{"email":"bob@bar.io","name":"Bob Bar"},{"email":"carla@bar.io","name":"C"},{"name":"Nemo"}]}`
	for options, want := range map[string]string{
		`to: "{{ .payload.many }}"`:                                "bob@bar.io carla@bar.io",
		`to: ["{{ range .payload.many }}{{ .email }}, {{ end }}"]`: "bob@bar.io carla@bar.io",
		`to: '{{ join ", " .payload.many }}'`:                      "bob@bar.io carla@bar.io",
		`to: "{{ .payload.one }}; {{ .payload.one.email }}"`:       "eve@x.io",
		`to: "{{ .payload.one.name }} <{{ .payload.one.email }}>"`: "eve@x.io",
		`to: "{{ .actor.name }}"`:                                  "bob@bar.io",
		`to: "{{ .actor }}"`:                                       "bob@bar.io",
		`to: "{{ .team_member_id }}"`:                              "bob@bar.io",
		`to: "{{ .actor.team }}"`:                                  "bob@bar.io",
		`to: [qa, "Ana Lo\u0301pez", 40, "eve@x.io, BOB@bar.io"]`:  "ana@bar.io carla@bar.io bob@bar.io eve@x.io",
		`to: "{{ .payload.many }}", except: [bob@bar.io]`:          "carla@bar.io",
		`to: "{{ .payload.many }}", except: U024BE7LH`:             "carla@bar.io",
		`to: "{{ .payload.many }}", except: "{{ .actor }}"`:        "carla@bar.io",
		`to: "{{ .payload.many }}", except: [qa, Bob Bar]`:         "nobody",
		`to: "{{ .payload.plan }}"`:                                "nobody",
		`to: "{{ json .payload }}"`:                                "nobody",
		`to: "{{ .payload.missing }}"`:                             "nobody",
		`to: Zoe`:                                                  "nobody",
		`to: "{{ \"qa\" }}, {{ .payload.one.name }}"`:              "ana@bar.io carla@bar.io",
	} {
		t.Run(options, func(t *testing.T) {
			c := rulefiletest.Parse(t, recipientsFile(options))
			d := rulefiletest.NewWorld().Decide(t, c, "run.deleted", all)
			got := "nobody"
			if len(d.Notifications) == 1 {
				got = strings.Join(recipientsOf(t, string(d.Notifications[0].Options)), " ")
			}
			if got != want {
				t.Errorf("got %s, want %s (notes %q)", got, want, d.Results[0].Notes)
			}
			if none := d.Results[0].Outcome == rules.NoRecipients &&
				slices.Equal(d.Results[0].NoRecipients, []string{"mail"}); none != (want == "nobody") {
				t.Errorf("result %+v", d.Results[0])
			}
		})
	}
}

func TestADecisionSaysWhyAPersonGetsNoMessage(t *testing.T) {
	const people = `{"id":5,"bob":{"email":"bob@bar.io","name":"Bob Bar"},"eve":{"email":"eve@x.io","name":"Eve"},` +
		`"nemo":{"name":"Nemo"}}`
	known := "; write member_id in people, or api_token in the source"
	for _, c := range []struct {
		member         int
		options, notes string
	}{
		{40, `to: "{{ .payload.bob }}", except: "{{ .actor }}"`, "no recipient is left for mail: Bob Bar is left out by except"},
		{40, `to: [dev, Carla Roe], except: [dev, carla@bar.io]`,
			"no recipient is left for mail: Bob Bar is left out by except; Carla Roe is left out by except"},
		{40, `to: ["{{ .payload.nemo }}", "{{ .payload.bob }}"], except: dev`,
			`no recipient is left for mail: "Nemo" is not an email address, and not the name of a person or team; ` +
				"Bob Bar is left out by except"},
		{0, `to: ["{{ .actor }}", "{{ .entity.reviewers }}"]`,
			"no recipient is left for mail: automation is not a person"},
		{40, `to: "{{ .entity.reviewers }}"`, "no recipient is left for mail: to names nobody for this event"},
		{99, `to: "{{ .actor }}"`, "no recipient is left for mail: member 99 has no known address"},
		{99, `to: ["{{ .actor }}", dev]`, "to for mail: member 99 has no known address, and was left out"},
		{99, `to: [dev, "{{ .payload.eve }}"], except: "{{ .actor }}"`, "except for mail: member 99 could not be told " +
			"from Eve, since no name or address is known" + known},
		{99, `to: [Carla Roe, Ana López], except: "{{ .team_member_id }}"`, "except for mail: member 99 could not be told " +
			"from Carla Roe, since no name or address is known" + known},
		{99, `to: [dev, eve@x.io], except: "{{ .actor.email }}"`,
			"except for mail: it is not known who member 99 is, so nobody is left out" + known},
		{99, `to: [dev, Ana López], except: "{{ .actor }}"`, ""}, // their member ids are known, and are others
		{40, `to: [Ana López, Carla Roe], except: "{{ .actor }}"`, ""},
		{0, `to: [dev, eve@x.io], except: "{{ .actor.email }}"`, ""},
	} {
		t.Run(c.options, func(t *testing.T) {
			file := rulefiletest.Parse(t, recipientsFile(c.options))
			world := rulefiletest.NewWorld()
			ev := rulefiletest.Event(t, "run.deleted", people, world.Now)
			ev.MemberID = c.member
			d := world.DecideEvent(file.Rules, ev)
			if notes := strings.Join(d.Results[0].Notes, "\n"); notes != c.notes {
				t.Errorf("got  %s\nwant %s", notes, c.notes)
			}
		})
	}
}

func TestAnEntryThatFailsLeavesTheOthers(t *testing.T) {
	for options, want := range map[string]string{
		`to: ["{{ .payload.id.deeper }}", eve@x.io]`: `{"to":["eve@x.io"]}`,
		`to: "{{ .payload.id.deeper }}"`:             ``, // the notifier's own people, or a dead letter
	} {
		c := rulefiletest.Parse(t, recipientsFile(options))
		d := rulefiletest.NewWorld().Decide(t, c, "run.deleted", `{"id": 7}`)
		if len(d.Notifications) != 1 || string(d.Notifications[0].Options) != want || len(d.Results[0].Notes) != 1 {
			t.Errorf("%s: got %+v", options, d)
		}
	}
}

// recipientsOf returns the texts of the option to.
func recipientsOf(t *testing.T, options string) []string {
	t.Helper()
	_, list, found := strings.Cut(options, `"to":[`)
	list, _, closed := strings.Cut(list, "]")
	if !found || !closed {
		t.Fatalf("no recipients in %s", options)
	}
	return strings.Split(strings.ReplaceAll(list, `"`, ""), ",")
}

func TestPreviousIsAnotherRunOfTheSameSeries(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(
		`  - {name: a, when: 'true', title: "before: {{ .previous.id }}", notify: [qa]}`+"\n"))
	w := rulefiletest.NewWorld()
	for _, step := range []struct{ name, payload, want string }{
		{"run.completed", `{"id":1,"failed":0}`, "before:"}, // its start was not seen
		{"run.started", `{"id":2,"title":"Nightly 2026-11-25"}`, "before:"},
		{"run.completed", `{"id":2,"failed":0}`, "before:"},
		{"run.started", `{"id":3,"title":"Smoke"}`, "before:"},
		{"run.completed", `{"id":3,"failed":1}`, "before:"},
		{"run.started", `{"id":4,"title":"nightly #4"}`, "before: 2"},
		{"run.completed", `{"id":4,"failed":0}`, "before: 2"},
		{"run.completed", `{"id":4,"failed":2}`, "before: 2"}, // reported twice
		{"run.completed", `{"id":2,"failed":2}`, "before: 4"},
	} {
		if got := w.Decide(t, c, step.name, step.payload).Notifications[0].Title; got != step.want {
			t.Errorf("%s %s: got %q, want %q", step.name, step.payload, got, step.want)
		}
	}
}

func TestAnActorIsKnownByTheMemberIDOfEarlierEvents(t *testing.T) {
	c := rulefiletest.Parse(t, recipientsFile(`to: "{{ .entity.reviewers }}, {{ .entity.created_by }}", except: "{{ .actor }}"`))
	w := rulefiletest.NewWorld()
	for _, step := range []struct {
		member              int
		name, payload, want string
	}{
		{50, "review.created", `{"id":5,"created_by":{"email":"dan@x.io","name":"Dan"}}`, "nobody"},
		{50, "review.reviewer_added", `{"id":5,"reviewer":{"email":"eve@x.io","name":"Eve"}}`, "eve@x.io"},
		{51, "review.updated", `{"id":5,"updated_by":{"email":"eve@x.io","name":"Eve"}}`, "dan@x.io"},
		{51, "review.merged", `{"id":5}`, "dan@x.io"},
		{52, "review.reopened", `{"id":5}`, "eve@x.io dan@x.io"},
	} {
		ev := rulefiletest.Event(t, step.name, step.payload, w.Now)
		ev.MemberID = step.member
		d := w.DecideEvent(c.Rules, ev)
		got := "nobody"
		if len(d.Notifications) == 1 {
			got = strings.Join(recipientsOf(t, string(d.Notifications[0].Options)), " ")
		}
		if got != step.want {
			t.Errorf("%s by member %d: got %s, want %s", step.name, step.member, got, step.want)
		}
	}
}
