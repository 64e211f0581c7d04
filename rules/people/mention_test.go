package people_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"qaserelay/rules/people"
	"qaserelay/rules/rulefile/rulefiletest"
)

const peopleRules = `
sources: [{name: qase, secrets: [s]}]
people:
  - {name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH, team: QA}
  - {name: Ana López, email: ana@bar.io, member_id: 12, team: qa}
  - {name: "Doe, Jane", team: web}
  - {email: anon@bar.io, team: web}
notifiers: [{name: qa, type: chat, channel: "#qa"}]
rules:
`

// mentioned returns the people that the mention of a rule names.
func mentioned(t *testing.T, mention, payload string) string {
	t.Helper()
	c := rulefiletest.Parse(t, peopleRules+"  - {name: a, when: 'true', notify: [{notifier: qa, mention: "+mention+
		"}]}\n")
	d := rulefiletest.NewWorld().Decide(t, c, "run.deleted", payload)
	var options struct{ Mention []string }
	if err := json.Unmarshal(d.Notifications[0].Options, &options); err != nil {
		t.Fatal(err)
	}
	return strings.Join(options.Mention, "|")
}

func TestPeopleOfAMention(t *testing.T) {
	for mention, want := range map[string]string{
		`bob@bar.io`:                    "U024BE7LH",
		`[BOB@BAR.IO, "@Bob Bar", 40]`:  "U024BE7LH",
		`ana@bar.io`:                    "Ana López <ana@bar.io>",
		`[12]`:                          "Ana López <ana@bar.io>",
		`"doe, jane"`:                   "Doe Jane",
		`anon@bar.io`:                   "anon@bar.io",
		`qa`:                            "U024BE7LH|Ana López <ana@bar.io>",
		`["@QA", web, bob@bar.io]`:      "U024BE7LH|Ana López <ana@bar.io>|Doe Jane|anon@bar.io",
		`["@here", "@channel", U1, S1]`: "@here|@channel|U1|S1",
		`"eve@x.io, 40,, @here"`:        "eve@x.io|U024BE7LH|@here",
		`somebody`:                      "somebody",
		`[]`:                            "",
		`"{{ .payload.by }}"`:           "U024BE7LH",
		`"{{ .payload.new }}"`:          "Eve <eve@x.io>",
		`"{{ .payload.all }}"`:          "U024BE7LH|Eve <eve@x.io>|Zoe",
		`"{{ range .payload.all }}{{ .name }},{{ end }}"`: "U024BE7LH|Eve|Zoe",
		`"{{ .payload.new.email }}"`:                      "eve@x.io",
		`"{{ mention .payload.by }}"`:                     "U024BE7LH",
		`"{{ .payload.nobody }}"`:                         "",
		`"{{ if .payload.by }}qa{{ end }}"`:               "U024BE7LH|Ana López <ana@bar.io>",
	} {
		got := mentioned(t, mention, `{"id":1,"by":{"email":"bob@bar.io","name":"x"},`+
			`"new":{"email":"eve@x.io","name":"@Eve"},`+
			`"all":[{"name":"Bob Bar"},{"name":"Eve","email":"eve@x.io"},{"name":"Zoe"}]}`)
		if got != want {
			t.Errorf("%s: got %s, want %s", mention, got, want)
		}
	}
}

func TestAnEventMentionsNoTeamOrGroup(t *testing.T) {
	for _, name := range []string{"qa", "QA", "@web", "here", "@channel", "Everyone", "<!channel>", "S0123456789",
		"x <bob@bar.io>", "x,qa", "qa,web", "\"@here\"", "\n@here"} {
		for _, form := range []string{`{{ .payload.x }}`, `{{ .payload.who }}`, `{{ .payload.list }}`,
			`{{ mention .payload.who }}`} {
			text, _ := json.Marshal(name)
			got := mentioned(t, `"`+form+`"`, fmt.Sprintf(`{"id":1,"x":%s,"who":{"name":%s},"list":[%s]}`, text, text,
				text))
			if strings.Contains(got, "U024BE7LH") || strings.ContainsAny(got, "<>@") && got != "x bob@bar.io" ||
				people.ChatID.MatchString(got) {
				t.Errorf("%q in %s mentions %q", name, form, got)
			}
		}
	}
}

func TestUnknownNamesInMentionAreWarnings(t *testing.T) {
	_, problems := rulefiletest.Check("r.yaml", peopleRules+
		`  - name: a
    when: 'true'
    notify:
      - notifier: qa
        mention: [qa, U024BE7LH, eve@x.io, "@here", "{{ .actor.name }}", Bob Baz, "@here, webb", "Doe, Jane"]
`)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s:%d: %s (%s)", p.Severity, p.Line, p.Message, p.Hint))
	}
	want := []string{
		`warning:14: mention: no person or team is named "Bob Baz", so nobody is mentioned (did you mean "Bob Bar"?)`,
		`warning:14: mention: no person or team is named "webb", so nobody is mentioned (did you mean "web"?)`,
		`warning:14: mention: Doe, Jane has neither slack nor email, so nobody is mentioned (add slack: U… to this ` +
			`person)`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestEachTextInBlocksIsEscapedByItsForm(t *testing.T) {
	const value = `*b* <!channel> & "x" http://e.x/?a=b c`
	c := rulefiletest.Parse(t, peopleRules+`
  - name: a
    when: 'true'
    notify:
      - notifier: qa
        blocks:
          - {type: header, text: {type: plain_text, text: "<{{ .payload.x }}>"}}
          - {type: section, text: {type: mrkdwn, text: "*<{{ .payload.x }}>* {{ link .payload.x \"https://e.x/|>\" }} {{ mention .actor }}"}, expand: true, level: 3}
          - {type: section, text: {text: "{{ .payload.x }}"}}
          - {type: markdown, text: "**{{ .payload.x }}**"}
          - {type: actions, elements: [{type: button, text: {type: plain_text, text: "{{ .payload.x }}"}, url: "https://e.x/{{ .payload.x }}", value: "{{ .payload.x }}"}]}
`)
	d := rulefiletest.NewWorld().Decide(t, c, "run.deleted", fmt.Sprintf(`{"id":1,"x":%q}`, value))
	var options struct{ Blocks []any }
	if err := json.Unmarshal(d.Notifications[0].Options, &options); err != nil {
		t.Fatal(err)
	}
	const mrkdwn = "\u2060*\u2060b\u2060*\u2060 &lt;!channel&gt; &amp; \"x\" http://e.x/?a=b c"
	for path, want := range map[string]string{
		"0.text.text":            "<" + value + ">",
		"1.text.text":            "*<" + mrkdwn + ">* <https://e.x/%7C%3E|" + mrkdwn + "> <@U024BE7LH>",
		"1.expand":               "true",
		"1.level":                "3",
		"2.text.text":            mrkdwn,
		"3.text":                 "**\\*b\\* \\<!channel\\> & \"x\" http://e.x/?a=b c**",
		"4.elements.0.text.text": value,
		"4.elements.0.url":       "https://e.x/%2Ab%2A%20%3C%21channel%3E%20%26%20%22x%22%20http%3A%2F%2Fe.x%2F%3Fa%3Db%20c",
		"4.elements.0.value":     value,
	} {
		got := valueAt(options.Blocks, path)
		if fmt.Sprint(got) != want {
			t.Errorf("%s:\n got %v\nwant %s", path, got, want)
		}
	}
}

func TestAdviceOfAKindHasAPosition(t *testing.T) {
	_, problems := rulefiletest.Check("r.yaml", peopleRules+`  - name: a
    when: 'true'
    notify:
      - notifier: qa
        blocks:
          - {type: a}
          - {type: b, text: {text: "{{ .payload.id }}", n: 1, yes: true}}
`)
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s:%d:%d: %s (%s)", p.Severity, p.Line, p.Col, p.Message, p.Hint))
	}
	want := []string{"warning:14:9: two ()",
		"error:16:36: map[text:map[n:1 text:{{ .payload.id }} yes:true] type:b] (one)"}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestNamesOfAnEventAreNoIDs(t *testing.T) {
	p := people.New([]people.Person{{Name: "Bob Bar", Email: "bob@bar.io", MemberID: 40, Slack: "U024BE7LH"}})
	for _, c := range []struct {
		value any
		want  string
	}{
		{"bob@bar.io", "Bob Bar"}, {40, "Bob Bar"}, {p.Mention(40), "Bob Bar"},
		{"@here", "“here”"}, {"@all", "“all”"}, {"everyone", "“everyone”"}, {"U024BE7LA", "“U024BE7LA”"},
		{"S0", "“S0”"}, {"JD", "JD"},
		{"123456789012345678", "“123456789012345678”"}, {"&12", "“&12”"}, {"@eve", "eve"}, {nil, ""},
		{map[string]any{"name": "a\nb, <c>"}, "a b c"}, {map[string]any{"name": "@here"}, "“here”"},
	} {
		got := ""
		for _, one := range p.Resolve(p.Value(c.value)) {
			got, _ = p.Reach(people.ByID, one)
		}
		if got != c.want {
			t.Errorf("%v: got %s, want %s", c.value, got, c.want)
		}
	}
}

// TestIDsOfARuleAreWrittenAsTheyAre also for those that are names of people and teams: a service with its own IDs knows
// what they mean.
func TestIDsOfARuleAreWrittenAsTheyAre(t *testing.T) {
	p := people.New([]people.Person{{Name: "bob", Email: "bob@bar.io", MemberID: 40, Team: "qa"}})
	for text, want := range map[string]string{"@bob": "@bob", "@qa": "@qa", "40": "40", "&40": "&40", "bob": "bob",
		"qa": "bob", "bob@bar.io": "bob"} {
		var got string
		for _, one := range p.Resolve(text) {
			got, _ = p.Reach(people.ByID, one)
		}
		if got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

// valueAt returns the value at a path such as 0.text.text.
func valueAt(v any, path string) any {
	for key := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[key]
		case []any:
			i, err := strconv.Atoi(key)
			if err != nil {
				return nil
			}
			v = in[i]
		}
	}
	return v
}
