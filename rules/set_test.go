package rules_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"qaserelay/rules"
	"qaserelay/rules/rulefile/rulefiletest"
)

func outcomes(d rules.Decision) string {
	var parts []string
	for _, r := range d.Results {
		parts = append(parts, r.Rule+"="+string(r.Outcome))
	}
	return strings.Join(parts, " ")
}

func TestEveryRuleSeesEveryEventUntilOneStops(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: a, when: 'payload.failed > 0', notify: [qa, ops]}
  - {name: off, enabled: false, when: 'true', notify: [qa]}
  - {name: broken, when: 'payload.title > 3', notify: [qa]}
  - {name: last, when: 'event_type == "run"', stop: true, notify: [qa]}
  - {name: never, when: 'true', notify: [qa]}
`))
	d := rulefiletest.NewWorld().Decide(t, c, "run.completed", `{"id":2,"failed":3,"cases":14,"title":"x"}`)
	if got := outcomes(d); got != "a=matched off=disabled broken=error last=matched never=stopped" {
		t.Errorf("outcomes: %s", got)
	}
	if len(d.Notifications) != 3 || d.Notifications[1].Notifier != "ops" ||
		d.Notifications[0].EntityKey != "qase/WEB/run/2" {
		t.Errorf("notifications: %+v", d.Notifications)
	}
	if r := d.Results[2]; !strings.Contains(r.Reason, "cannot be compared with the number 3") {
		t.Errorf("reason: %q", r.Reason)
	}
	if r := d.Results[4]; !strings.Contains(r.Reason, "last") {
		t.Errorf("reason: %q", r.Reason)
	}
}

func TestTitleBodyAndOptionsAreRenderedAndEscapedForWhereTheyGo(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: a
    when: 'true'
    title: "{{ .entity.title }}: {{ template \"counts\" . }}"
    body: "**{{ .entity.title }}** {{ link \"open\" .entity.url }} {{ mention .actor }}"
    notify:
      - notifier: qa
        channel: "#qa-{{ .payload.id }}"
        mention: ["{{ .actor.email }}", "{{ .payload.nobody }}"]
        loud: true
        blocks: [{type: section, text: "{{ .entity.title }}", n: 3}]
      - notifier: ops
        url: "https://ops.example.com/r/{{ .payload.title }}?t={{ .payload.title }}"
        headers: {X-Title: "{{ .payload.title }}"}
        to: ["run-{{ .payload.id }}@x.io", "{{ .payload.title }}@x.io"]
        body: '{"in": "{{ .payload.title }}", "value": {{ .payload.title }}, "n": {{ .payload.id }}, "nil": {{ .payload.nope }}, "all": {{ json .payload.tags }}, "part": "{{ template "counts" . }}"}'
`))
	d := rulefiletest.NewWorld().Decide(t, c, "run.completed",
		`{"id":2,"failed":3,"cases":14,"title":"a*b\r\nX: \"<!channel>\" & [x](y)","tags":["q\"1"]}`)
	const note = `to for ops: "a*b  X: !channel & [x](y)@x.io" is not an email address, and not the name of ` +
		`a person or team, and was left out`
	if notes := d.Results[0].Notes; len(notes) != 1 || notes[0] != note {
		t.Fatalf("notes: %v", notes)
	}
	n := d.Notifications[0]
	if n.Title != `a*b  X: "<!channel>" & [x](y): 3 of 14 failed` {
		t.Errorf("title: %q", n.Title)
	}
	wantBody := "**a\\*b\\\nX: \"\\<!channel\\>\" & \\[x\\](y)** [open](<https://app.qase.io/run/WEB/dashboard/2>) " +
		"[Bob Bar](mention:U024BE7LH)"
	if n.Body != wantBody {
		t.Errorf("body:\n%s\nwant\n%s", n.Body, wantBody)
	}
	const wantOptions = `{"blocks":[{"n":3,"text":"a*b\nX: \"&lt;!channel&gt;\" &amp; [x](y)","type":"section"}],` +
		`"channel":"#qa-2","loud":true,"mention":["U024BE7LH"]}`
	if got := string(n.Options); got != wantOptions {
		t.Errorf("options of chat:\n%s\nwant\n%s", got, wantOptions)
	}
	var options struct {
		URL     string
		Headers map[string]string
		To      []string
		Body    string
	}
	if err := json.Unmarshal(d.Notifications[1].Options, &options); err != nil {
		t.Fatal(err)
	}
	const escaped = "a%2Ab%0D%0AX%3A%20%22%3C%21channel%3E%22%20%26%20%5Bx%5D%28y%29"
	if options.URL != "https://ops.example.com/r/"+escaped+"?t="+escaped {
		t.Errorf("url: %s", options.URL)
	}
	if strings.ContainsAny(options.Headers["X-Title"], "\r\n") || !slices.Equal(options.To, []string{"run-2@x.io"}) {
		t.Errorf("headers %q, to %q", options.Headers, options.To)
	}
	if want := `{"in": "a*b\r\nX: \"<!channel>\" & [x](y)", "value": "a*b\r\nX: \"<!channel>\" & [x](y)", "n": 2, ` +
		`"nil": null, "all": ["q\"1"], "part": "3 of 14 failed"}`; options.Body != want {
		t.Errorf("body: %s", options.Body)
	}
}

func TestATemplateThatFailsIsReplacedByTheDefaultAndNoted(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: a
    when: 'true'
    title: '{{ .payload.id.deeper }}'
    body: '{{ range .payload.id }}{{ end }}{{ index .payload "id" | splitList 3 4 }}'
    notify: [{notifier: qa, channel: '{{ .payload.id.x }}'}]
  - name: loop
    when: 'true'
    body: '{{ range .payload.many }}{{ range $.payload.many }}{{ range $.payload.many }}{{ end }}{{ end }}{{ end }}'
    notify: [qa]
`))
	d := rulefiletest.NewWorld().Decide(t, c, "run.completed",
		`{"id":2,"failed":3,"cases":14,"many":[1`+strings.Repeat(",1", 99)+`]}`)
	if n := d.Notifications[0]; !strings.Contains(n.Title, "Run 2") || n.Body == "" || n.Options != nil {
		t.Errorf("notification: %+v", n)
	}
	notes := strings.Join(d.Results[0].Notes, "\n")
	for _, want := range []string{
		"title: the template failed, so the default message was used: line 1 at {{ .payload.id.deeper }}: " +
			`a number has no field "deeper"`,
		"body:", "channel for qa",
	} {
		if !strings.Contains(notes, want) {
			t.Errorf("notes lack %q:\n%s", want, notes)
		}
	}
	if notes := strings.Join(d.Results[1].Notes, "\n"); !strings.Contains(notes, "did not end after") {
		t.Errorf("notes of the endless template: %q", notes)
	}
}

func TestATextThatIsTooLongIsTruncated(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: own, when: 'true', title: '{{ .payload.title }}', body: 'Said: {{ .payload.description }}', notify: [qa]}
  - {name: default, when: 'true', notify: [qa]}
  - name: endless
    when: 'true'
    body: '{{ range list 1 2 3 4 5 6 7 8 9 }}{{ $.payload.description }}{{ end }}'
    notify: [qa]
`))
	for name, long := range map[string]string{"letters": strings.Repeat("x", 400_000),
		"marks": strings.Repeat("*&", 200_000), "emoji": strings.Repeat("👩‍🚀", 40_000)} {
		d := rulefiletest.NewWorld().Decide(t, c, "run.started",
			`{"id":7,"title":"`+long+`","description":"`+long+`","cases_count":14}`)
		for i, n := range d.Notifications {
			if d.Results[i].Notes != nil || !utf8.ValidString(n.Title+n.Body) || !strings.HasSuffix(n.Title, " …") ||
				n.Body == "" {
				t.Errorf("%s, %s: %d bytes of title, %d of body, %v", name, n.Rule, len(n.Title), len(n.Body),
					d.Results[i].Notes)
			}
		}
		if own := d.Notifications[0].Body; !strings.HasPrefix(own, "Said: ") || !strings.HasSuffix(own, " …") ||
			len(own) > 256<<10 {
			t.Errorf("%s: %d bytes of body, from %q to %q", name, len(own), own[:10], own[len(own)-10:])
		}
	}
}

func TestBytesThatAreNotUTF8AreTruncated(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: own
    when: 'true'
    title: '{{ b64dec .payload.d }}{{ b64dec .payload.d }}'
    body: '{{ print (b64dec .payload.d) (b64dec .payload.d) }}'
    notify: [qa]
`))
	d := rulefiletest.NewWorld().Decide(t, c, "run.started",
		`{"id":7,"d":"`+base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{0x80}, 200_000))+`"}`)
	if len(d.Notifications) != 1 || len(d.Notifications[0].Body) > 256<<10 {
		t.Errorf("%d notifications", len(d.Notifications))
	}
}

func TestTheStateOfAnEntityIsKept(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: a
    when: event_name == "run.completed" and entity.environment == "staging" and entity.plan.title == "Smoke"
    title: '{{ .entity.title }} by {{ .entity.created_by.name }}, {{ ago .entity.started_at }}'
    notify: [qa]
  - name: r
    when: any(entity.reviewers, .email == "amy@x.io")
    title: '{{ range .entity.reviewers }}{{ .name }};{{ end }}'
    notify: [qa]
`))
	w := rulefiletest.NewWorld()
	w.Decide(t, c, "run.started",
		`{"id":7,"title":"Nightly","environment":"staging","plan":{"id":3,"title":"Smoke"},"cases_count":14}`)
	d := w.Decide(t, c, "run.completed", `{"id":7,"failed":1,"cases":14}`)
	if len(d.Notifications) != 1 || d.Notifications[0].Title != "Nightly by Bob Bar, 1 min ago" {
		t.Errorf("got %+v", d.Notifications)
	}
	if d = w.Decide(t, c, "run.completed", `{"id":8,"failed":1,"cases":14}`); len(d.Notifications) != 0 {
		t.Errorf("another run: %+v", d.Notifications)
	}
	for _, name := range []string{"reviewer_added", "reviewer_added"} {
		w.Decide(t, c, "review."+name, `{"id":2,"reviewer":{"email":"amy@x.io","name":"Amy"}}`)
	}
	d = w.Decide(t, c, "review.reviewer_added", `{"id":2,"reviewer":{"email":"zoe@x.io","name":"Zoe"}}`)
	if len(d.Notifications) != 1 || d.Notifications[0].Title != "Amy;Zoe;" {
		t.Errorf("reviewers: %+v", d.Notifications)
	}
	d = w.Decide(t, c, "review.reviewer_removed", `{"id":2,"reviewer":{"email":"AMY@x.io"}}`)
	if len(d.Notifications) != 0 {
		t.Errorf("after removal: %+v", d.Notifications)
	}
}

func TestPreviousIsTheLastFinishedRunOfTheSamePlanAndEnvironment(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: turned-red
    when: previous.failed == 0 and payload.failed > 0
    title: after {{ .previous.title }}
    notify: [qa]
`))
	w := rulefiletest.NewWorld()
	run := func(id int, environment string, failed int) rules.Decision {
		w.Decide(t, c, "run.started", fmt.Sprintf(`{"id":%d,"title":"N%d","environment":%q,"plan":{"id":3}}`, id, id,
			environment))
		return w.Decide(t, c, "run.completed", fmt.Sprintf(`{"id":%d,"failed":%d,"cases":14}`, id, failed))
	}
	if d := run(1, "staging", 0); len(d.Notifications) != 0 {
		t.Errorf("the first run has no previous: %+v", d.Notifications)
	}
	if d := run(2, "prod", 5); len(d.Notifications) != 0 {
		t.Errorf("another environment: %+v", d.Notifications)
	}
	if d := run(3, "staging", 2); len(d.Notifications) != 1 || d.Notifications[0].Title != "after N1" {
		t.Errorf("turned red: %+v", d.Notifications)
	}
	if d := run(4, "staging", 2); len(d.Notifications) != 0 {
		t.Errorf("still red: %+v", d.Notifications)
	}
}

func TestTheActorIsFoundInThePayloadOrTheDirectory(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - {name: a, when: 'true', title: '{{ .actor.name }} {{ .actor.email }} {{ .actor.slack }}', notify: [qa]}
`))
	w := rulefiletest.NewWorld()
	if d := w.Decide(t, c, "run.deleted", `{"id":1}`); d.Notifications[0].Title != "Bob Bar bob@bar.io U024BE7LH" {
		t.Errorf("got %q", d.Notifications[0].Title)
	}
}

func TestAnEventMentionsOnlyPeopleOfTheDirectory(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.WithRules(`
  - name: a
    when: 'true'
    notify: [{notifier: qa, mention: ['@here', '{{ .payload.who }}', '{{ .actor.slack }}', '{{ mention .actor }}']}]
`))
	for who, want := range map[string]string{
		"@channel": "@here “channel” U024BE7LH", " @@everyone": "@here “everyone” U024BE7LH",
		"U999ZZZ99": "@here “U999ZZZ99” U024BE7LH",
		"S0123":     "@here “S0123” U024BE7LH", "BOB@bar.io": "@here U024BE7LH", "Amy": "@here Amy U024BE7LH",
		"U024BE7LH": "@here U024BE7LH",
		"eve@x.io":  "@here eve@x.io U024BE7LH", "a,@channel,U999ZZZ99": "@here a “channel” “U999ZZZ99” U024BE7LH",
		"": "@here U024BE7LH",
	} {
		d := rulefiletest.NewWorld().Decide(t, c, "run.deleted", fmt.Sprintf(`{"id":1,"who":%q}`, who))
		var options struct{ Mention []string }
		if err := json.Unmarshal(d.Notifications[0].Options, &options); err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(options.Mention, " "); got != want {
			t.Errorf("%q: got %q", who, got)
		}
	}
}

func TestDecideTwiceGivesTheSame(t *testing.T) {
	c := rulefiletest.Parse(t, rulefiletest.GoodFile)
	a := rulefiletest.NewWorld().Decide(t, c, "run.completed", `{"id":2,"failed":3,"cases":14}`)
	b := rulefiletest.NewWorld().Decide(t, c, "run.completed", `{"id":2,"failed":3,"cases":14}`)
	x, _ := json.Marshal(a.Notifications)
	y, _ := json.Marshal(b.Notifications)
	if string(x) != string(y) || len(x) < 10 {
		t.Errorf("\n%s\n%s", x, y)
	}
}
