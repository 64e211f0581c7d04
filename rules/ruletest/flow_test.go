package ruletest_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode"

	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// TestFlow runs the rules files of testdata/flow: the edge cases of the keys of time, by their numbers. Those that need
// more than one rules file, or many events, are tests of their own below.
func TestFlow(t *testing.T) {
	missing := map[string]bool{}
	for _, number := range strings.Fields("1 2 3 15 16 17 18 19 24 25 26 27 28 29 30 31 32 33 36 37 39 40 41 42 43 45 47 59 61") {
		missing["case "+number] = true
	}
	names, err := filepath.Glob("testdata/flow/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("found no files: %v", err)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range ruletest.Run(parse(t, string(text)), nil) {
				number, _, _ := strings.Cut(r.Name, ":")
				delete(missing, number)
				if !r.Passed {
					t.Errorf("line %d: %s\n%s\nnotes %q", r.Line, r.Name, value.JSONText(r.Failures), r.Notes)
				}
			}
		})
	}
	if len(missing) > 0 {
		t.Errorf("no test of %v", slices.Sorted(maps.Keys(missing)))
	}
}

// parse reads a rules file with the builtin notifiers. It must have no errors.
func parse(t *testing.T, text string) *rulefile.File {
	t.Helper()
	options := rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), LookupEnv: os.LookupEnv}
	file, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}}, options)
	if problems.Err() != nil {
		t.Fatalf("problems:\n%v", problems)
	}
	return file
}

// at is when the clock of the tests below starts.
var at = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

const flowHead = `
sources: [{name: qase, secrets: [s]}]
notifiers:
  - {name: qa, type: slack, token: xoxb-1, channel: "#qa"}
  - {name: mail, type: email, host: smtp.example.com, from: qase@example.com, to: qa@example.com}
  - {name: ops, type: http, url: "https://ops.example.com/{{ .project_code }}"}
rules:
`

// sample is the catalog's example of an event of the project WEB, with some fields of its payload.
func sample(t *testing.T, name string, fields map[string]any, now time.Time) *event.Event {
	t.Helper()
	envelope := event.Sample(name)
	maps.Copy(envelope["payload"].(map[string]any), fields)
	envelope["project_code"], envelope["timestamp"] = "WEB", int(now.Unix())
	ev, err := event.Parse("qase", []byte(value.JSONText(envelope)), now)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// sentBy returns the notifications of some slots.
func sentBy(wakes []ruletest.Wake) (all []rules.Notification) {
	for _, w := range wakes {
		all = append(all, w.Decision.Notifications...)
	}
	return all
}

// TestCase12 compares a digest of one message with the message of the same rule without group, for each event.
func TestCase12ADigestOfOneEqualsTheMessageWithoutGroup(t *testing.T) {
	const rule = flowHead + `
  - name: every-event
    when: 'true'
    notify:
      - {notifier: qa, mention: ["{{ .actor.email }}"], thread: "{{ .entity.title }}"}
      - {notifier: mail, subject: "{{ .title }} {{ .count }}"}
      - {notifier: ops, body: '{"text": "{{ .text }}", "more": {{ .more }}}', fallback: [mail]}
`
	alone, grouped := parse(t, rule).Rules, parse(t, rule+"    group: {by: [project_code], wait: 30s}\n").Rules
	for _, e := range catalog.All() {
		name := e.Name
		if e.Entity == "summary" { // no rule matches those
			continue
		}
		ev := sample(t, name, nil, at)
		var one, other ruletest.Memory
		want, _ := one.Decide(alone, ev, at)
		d, _ := other.Decide(grouped, ev, at)
		got := sentBy(other.Pass(grouped, at.Add(time.Minute)))
		slices.SortFunc(got, func(a, b rules.Notification) int {
			order := []string{"qa", "mail", "ops"}
			return slices.Index(order, a.Notifier) - slices.Index(order, b.Notifier)
		})
		if len(d.Notifications) != 0 || len(got) != 3 {
			t.Fatalf("%s: %d at once, and %d digests", name, len(d.Notifications), len(got))
		}
		for i := range got {
			if a, b := everything(t, want.Notifications[i]), everything(t, got[i]); a != b {
				t.Errorf("%s:\n got %s\nwant %s", name, b, a)
			}
		}
	}
}

// everything returns all that a notifier and the store see of a notification.
func everything(t *testing.T, n rules.Notification) string {
	t.Helper()
	message, err := json.Marshal(n.Message)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(n.Notifier, string(message), string(n.Options), n.Fallbacks, n.EntityKey, n.Series, n.Person, n.Cancelled)
}

func TestCase13ADigestListsMaxAndCountsTheRest(t *testing.T) {
	set := parse(t, flowHead+`
  - name: many
    when: event_name == "run.completed"
    group: {wait: 1h, max: 100, title: "{{ .count }} {{ .more }} {{ len .events }}"}
    title: "Run {{ .payload.id }}."
    notify: [mail]
`).Rules
	var m ruletest.Memory
	for id := range 1000 {
		m.Decide(set, sample(t, "run.completed", map[string]any{"id": id}, at), at)
	}
	sent := sentBy(m.Pass(set, at.Add(time.Hour)))
	if len(sent) != 1 || sent[0].Title != "1000 900 100" {
		t.Fatalf("got %+v", sent)
	}
	body := sent[0].Body
	if !strings.Contains(body, "Run 0.") || !strings.Contains(body, "Run 99.") || strings.Contains(body, "Run 100.") ||
		!strings.HasSuffix(body, "… and 900 more") {
		t.Errorf("got the body %s", body)
	}
}

func TestCase14AFullDigestLeavesAtOnce(t *testing.T) {
	set := parse(t, flowHead+`
  - name: many
    when: event_name == "run.completed"
    group: {wait: 1h, max: 100, overflow: send, title: "{{ .count }} {{ .more }}"}
    notify: [qa]
`).Rules
	var m ruletest.Memory
	var got []string
	for id := range 250 {
		_, wakes := m.Decide(set, sample(t, "run.completed", map[string]any{"id": id}, at), at)
		for _, n := range sentBy(wakes) {
			got = append(got, fmt.Sprintf("after %d: %s", id+1, n.Title))
		}
	}
	for _, n := range sentBy(m.Pass(set, at.Add(time.Hour))) {
		got = append(got, "at the end: "+n.Title)
	}
	if want := "after 100: 100 0, after 200: 100 0, at the end: 50 0"; strings.Join(got, ", ") != want {
		t.Errorf("got %s, want %s", strings.Join(got, ", "), want)
	}
}

// openDigest lets two events join a digest, and returns it as a slot.
func openDigest(t *testing.T, set *rules.Set) (w rules.Woken) {
	t.Helper()
	values := map[string][]byte{}
	for id := 1; id <= 2; id++ {
		ev := sample(t, "run.completed", map[string]any{"id": id}, at)
		d := set.Decide(ev, rules.State{Now: at, EventID: fmt.Sprint(id), Get: func(key string) ([]byte, error) { return values[key], nil }})
		for _, c := range d.Changes {
			if values[c.Key] = c.Value; !c.Due.IsZero() {
				w.Key, w.Value, w.Due = c.Key, c.Value, c.Due
			}
		}
		for _, it := range d.Items {
			w.Items = append(w.Items, rules.Member{Event: ev, Data: it.Data})
		}
	}
	if len(w.Items) != 2 {
		t.Fatalf("%d items", len(w.Items))
	}
	return w
}

const digestRule = flowHead + `
  - name: failed-run
    when: event_name == "run.completed"
    group: {wait: 30s, body: "{{ range .events }}{{ .title }} {{ .payload.id }};{{ end }}"}
    title: "Run {{ .payload.id }}"
    notify: [qa]
`

func TestCase20AMemberWhoseEventIsGoneIsListedByItsTitle(t *testing.T) {
	file := strings.ReplaceAll(digestRule, "wait: 30s", "wait: 31d")
	options := rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), LookupEnv: os.LookupEnv}
	_, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(file)}}, options)
	if err := problems.Err(); err == nil || !strings.Contains(err.Error(), "rules.yaml:11:19: error: group.wait") {
		t.Errorf("a digest that is open longer than events are kept gives %v", err)
	}
	set := parse(t, digestRule).Rules
	w := openDigest(t, set)
	w.Items[0].Event = nil
	d := set.Wake(w, rules.State{Now: w.Due})
	if len(d.Notifications) != 1 || d.Notifications[0].Body != "Run 1 ;Run 2 2;" {
		t.Errorf("got %+v", d.Notifications)
	}
}

func TestCase21AChangedWaitIsForNewDigests(t *testing.T) {
	before, after := parse(t, digestRule).Rules, parse(t, strings.ReplaceAll(digestRule, "wait: 30s", "wait: 1h")).Rules
	var m ruletest.Memory
	m.Decide(before, sample(t, "run.completed", map[string]any{"id": 1}, at), at)
	m.Decide(after, sample(t, "run.completed", map[string]any{"id": 2}, at), at.Add(10*time.Second))
	if sent := sentBy(m.Pass(after, at.Add(30*time.Second))); len(sent) != 1 || sent[0].Body != "Run 1 1;Run 2 2;" {
		t.Errorf("got %+v", sent)
	}
	m.Decide(after, sample(t, "run.completed", map[string]any{"id": 3}, at), at.Add(time.Minute))
	if sent := sentBy(m.Pass(after, at.Add(time.Hour))); len(sent) != 0 {
		t.Errorf("a new digest has the old wait: %+v", sent)
	}
	if sent := sentBy(m.Pass(after, at.Add(time.Hour+time.Minute))); len(sent) != 1 {
		t.Errorf("a new digest has not the new wait: %+v", sent)
	}
}

func TestCase22ARenamedRuleTakesOverItsDigests(t *testing.T) {
	before := parse(t, digestRule).Rules
	renamed := strings.ReplaceAll(digestRule, "name: failed-run", "name: red-run")
	heir := parse(t, strings.ReplaceAll(renamed, "when: ", "was: [older, failed-run]\n    when: ")).Rules
	var m ruletest.Memory
	m.Decide(before, sample(t, "run.completed", map[string]any{"id": 1}, at), at)
	m.Decide(heir, sample(t, "run.completed", map[string]any{"id": 2}, at), at.Add(time.Second))
	sent := sentBy(m.Pass(heir, at.Add(30*time.Second)))
	if len(sent) != 1 || sent[0].Rule != "red-run" || sent[0].Body != "Run 1 1;Run 2 2;" {
		t.Errorf("with was: got %+v", sent)
	}
	stranger := parse(t, renamed).Rules
	w := openDigest(t, before)
	if name, _ := flow.Parse(w.Key); stranger.Knows(name) || !heir.Knows(name) {
		t.Error("the wrong rules know the digest")
	}
	w.Removed = true
	sent = stranger.Wake(w, rules.State{Now: w.Due.Add(10 * time.Minute)}).Notifications
	if len(sent) != 1 || sent[0].Title != "2 × failed-run in WEB" || !strings.Contains(sent[0].Body, "[Run 1](https://") {
		t.Errorf("without was: got %+v", sent)
	}
}

func TestCase25ADigestThatIsSilencedIsRecorded(t *testing.T) {
	set := parse(t, digestRule).Rules
	quiet, err := silence.New(silence.Spec{Matchers: []string{"project=WEB"}, EndsAt: at.Add(time.Hour)}, at, 0)
	if err != nil {
		t.Fatal(err)
	}
	quiet.ID = "quiet"
	w := openDigest(t, set)
	d := set.Wake(w, rules.State{Now: w.Due, Silences: silence.NewList([]*silence.Silence{quiet})})
	if len(d.Notifications) != 0 || len(d.Results) != 1 || d.Results[0].Outcome != rules.Silenced ||
		len(d.Results[0].Silenced) != 2 || d.Results[0].Silenced[0].Silence != "quiet" {
		t.Errorf("got %+v", d)
	}
	if len(d.Changes) != 1 || d.Changes[0].Key != w.Key || d.Changes[0].Value != nil {
		t.Errorf("the digest stays open: %+v", d.Changes)
	}
}

func TestADecisionNamesTheSilenceOfAMessageThatAWaitIsOver(t *testing.T) {
	const rule = flowHead + `
  - name: stuck-run
    when: event_name == "run.started"%s
    after: {wait: 1h, resolved: %v}
    unless: event_name == "run.completed"
    notify: [qa, mail]
`
	const by = " by quiet until 2026-01-05 12:00 UTC"
	for _, c := range []struct {
		alsoStarts string
		resolved   bool
		silence    string
		sent       int
		silenced   int
		note       string
		outcome    rules.Outcome
	}{
		{"", true, "notifier=qa", 1, 1, "silenced for qa" + by, rules.NotMatched},
		{"", true, "project=WEB", 0, 2, "silenced for all that it is over," + by, rules.NotMatched},
		{` || event_name == "run.completed"`, true, "project=WEB", 0, 2, "silenced for all that it is over," + by, rules.Waiting},
		{"", true, "project=API", 2, 0, "", rules.NotMatched},
		{"", false, "project=WEB", 0, 0, "", rules.NotMatched}, // there is no such message
	} {
		set := parse(t, fmt.Sprintf(rule, c.alsoStarts, c.resolved)).Rules
		var m ruletest.Memory
		m.Decide(set, sample(t, "run.started", map[string]any{"id": 7}, at), at)
		if sent := sentBy(m.Pass(set, at.Add(time.Hour))); len(sent) != 2 {
			t.Fatalf("sent %+v", sent)
		}
		quiet, err := silence.New(silence.Spec{Matchers: []string{c.silence}, EndsAt: at.Add(3 * time.Hour)}, at, 0)
		if err != nil {
			t.Fatal(err)
		}
		quiet.ID = "quiet"
		m.Silences = silence.NewList([]*silence.Silence{quiet})
		now := at.Add(2 * time.Hour)
		d, _ := m.Decide(set, sample(t, "run.completed", map[string]any{"id": 7}, now), now)
		r := d.Results[0]
		if len(d.Notifications) != c.sent || len(r.Silenced) != c.silenced || strings.Join(r.Notes, "; ") != c.note ||
			r.Outcome != c.outcome || r.Reason != "" {
			t.Errorf("%+v: sent %d, got %+v", c, len(d.Notifications), r)
		}
	}
}

func TestADigestOfAStepHasTheOptionsOfTheStep(t *testing.T) {
	set := parse(t, flowHead+`
  - name: stuck-run
    when: event_name == "run.started"
    after:
      wait: 1h
      escalate: [{after: 2h, notify: [{notifier: mail, subject: "2 h: {{ .count }}"}]}, {after: 3h, notify: [qa, {notifier: mail, subject: "3 h: {{ .count }}"}]}]
    unless: event_name == "run.completed"
    group: {by: [project_code], wait: 10m}
    notify: [{notifier: mail, subject: "1 h: {{ .count }}"}, qa]
`).Rules
	var m ruletest.Memory
	for id := range 2 {
		m.Decide(set, sample(t, "run.started", map[string]any{"id": id}, at), at)
	}
	var got []string
	for _, n := range sentBy(m.Pass(set, at.Add(24*time.Hour))) {
		got = append(got, n.Notifier+" "+n.Level+" "+string(n.Options))
	}
	slices.Sort(got)
	want := []string{`mail error {"subject":"2 h: 2"}`, `mail error {"subject":"3 h: 2"}`, `mail warning {"subject":"1 h: 2"}`,
		`qa error `, `qa warning `}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestADigestOfAStepThatWasStoredWithoutItsNumberIsSent(t *testing.T) {
	set := parse(t, strings.Replace(digestRule, "    notify: [qa]", `    after: {wait: 1h, escalate: [{after: 2h, notify: [{notifier: mail, subject: "{{ .count }} late"}]}]}
    notify: [qa]`, 1)).Rules
	w := rules.Woken{Key: flow.Name{Kind: flow.Digest, Owner: "failed-run", Hash: flow.Hash("x")}.Key(), Due: at,
		Value: []byte(`{"id":"x","opened":1,"last":1,"count":2,"listed":1,"due":1,"target":0,"notifier":"mail","level":"error"}`),
		Items: []rules.Member{{Event: sample(t, "run.completed", nil, at), Data: []byte(`{"title":"a","level":"error"}`)}}}
	d := set.Wake(w, rules.State{Now: at})
	if len(d.Notifications) != 1 || string(d.Notifications[0].Options) != `{"subject":"2 late"}` {
		t.Errorf("got %+v", d.Notifications)
	}
}

func TestCase57FurtherKeysOfARuleWithManyDigestsShareOne(t *testing.T) {
	const rule = flowHead + `
  - name: each-run
    when: event_name == "run.completed"
    group: {by: [payload.id], wait: 1h, title: "{{ .count }} runs"}
    title: "Run {{ .payload.id }}"
    notify: [qa]
  - name: quiet
    when: event_name == "run.started"
    group: {by: [payload.id], wait: 1h}
    notify: [qa]
`
	set := parse(t, rule).Rules
	heir := parse(t, strings.Replace(rule, "name: each-run", "name: every-run\n    was: [each-run]", 1)).Rules
	var m ruletest.Memory
	send := func(id int, now time.Time) rules.Decision {
		d, _ := m.Decide(set, sample(t, "run.completed", map[string]any{"id": id}, now), now)
		return d
	}
	for id := range 3000 {
		notes := send(id, at).Results[0].Notes
		if isShared := len(notes) == 1 && strings.Contains(notes[0], "1,000 digests of the rule are open"); isShared != (id >= 1000) {
			t.Fatalf("run %d: got the notes %q", id, notes)
		}
	}
	if got := m.Open()[flow.Digest]; got != 1001 {
		t.Errorf("%d digests are open", got)
	}
	if d := send(7, at); len(d.Results[0].Notes) != 0 {
		t.Errorf("a key that has a digest gets %q", d.Results[0].Notes)
	}
	m.Decide(set, sample(t, "run.started", map[string]any{"id": 5000}, at), at)
	if got := m.Open()[flow.Digest]; got != 1002 {
		t.Errorf("%d digests are open; those of another rule do not count", got)
	}
	set = heir // which has the same digests
	if d := send(5001, at); len(d.Results[0].Notes) != 1 || m.Open()[flow.Digest] != 1002 {
		t.Errorf("after a rename: %q, and %d are open", d.Results[0].Notes, m.Open()[flow.Digest])
	}
	titles := map[string]int{}
	for _, n := range sentBy(m.Pass(set, at.Add(time.Hour))) {
		titles[n.Title]++
	}
	if titles["2001 runs"] != 1 || titles["2 runs"] != 1 || titles["Run 999"] != 1 || len(titles) != 1002 {
		t.Errorf("got %d titles, %d of 2001 runs", len(titles), titles["2001 runs"])
	}
	for id := range 2 {
		if d := send(id, at.Add(2*time.Hour)); len(d.Results[0].Notes) != 0 {
			t.Errorf("once they are sent: %q", d.Results[0].Notes)
		}
	}
	if got := m.Open()[flow.Digest]; got != 2 {
		t.Errorf("%d digests are open", got)
	}
}

// TestDigestsAreCountedWhileTheyAreOpen ends digests in each way, also that of a rule that was removed.
func TestDigestsAreCountedWhileTheyAreOpen(t *testing.T) {
	set := parse(t, strings.Replace(digestRule, "wait: 30s", "by: [project_code], wait: 30s", 1)).Rules
	w := openDigest(t, set)
	key := flow.CountKey(false, "failed-run")
	for _, c := range []struct {
		name  string
		as    func(rules.Woken) rules.Woken
		open  string
		want  string
		quiet string
	}{
		{name: "due", open: "3", want: "2"},
		{name: "the last", open: "1"},
		{name: "a count that is too low", open: ""},
		{name: "silenced", open: "3", want: "2", quiet: "project=WEB"},
		{name: "dropped", as: func(w rules.Woken) rules.Woken { w.Drop = true; return w }, open: "3", want: "2"},
		{name: "removed", as: func(w rules.Woken) rules.Woken { w.Removed = true; return w }, open: "3", want: "2"},
	} {
		woken, st := w, rules.State{Now: w.Due, Get: func(k string) ([]byte, error) {
			if k != key || c.open == "" {
				return nil, nil
			}
			return []byte(c.open), nil
		}}
		if c.as != nil {
			woken = c.as(w)
		}
		if c.quiet != "" {
			st.Silences = silenced(t, c.quiet)
		}
		d := set.Wake(woken, st)
		i := slices.IndexFunc(d.Changes, func(one rules.Change) bool { return one.Key == key })
		if i < 0 || string(d.Changes[i].Value) != c.want || (d.Changes[i].Value == nil) != (c.want == "") {
			t.Errorf("%s: got %+v, want the count %q", c.name, d.Changes, c.want)
		}
	}
}

func TestCase58AnyValueOfByIsAKeyOfItsOwn(t *testing.T) {
	set := parse(t, flowHead+`
  - name: each-title
    when: event_name == "case.created"
    throttle: {by: [payload.title, payload.description], every: 1h}
    notify: [qa]
`).Rules
	var m ruletest.Memory
	long := strings.Repeat("\"quoted\" \x00\x1b[31m\u202e", 500)
	for _, title := range []any{long, long + "x", long + "y", "", nil, 1, "1", true, []any{"a"}, map[string]any{"a": nil}, "\xff", "\xff\xff"} {
		for i := range 2 {
			d, _ := m.Decide(set, sample(t, "case.created", map[string]any{"title": title, "id": i}, at), at)
			if sent := len(d.Notifications) == 1; sent != (i == 0) {
				t.Errorf("%.20q, message %d: sent %v", title, i+1, sent)
			}
			key := d.Results[0].Flow[0].Key
			if len(key) > 1000 || strings.ContainsFunc(key, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%.20q: is shown as %q", title, key)
			}
		}
	}
}

func TestCase62AWindowThatIsRenamedIsAnErrorWhereItIsNamed(t *testing.T) {
	options := rulefile.Options{Kinds: config.Kinds(builtin.Kinds()), LookupEnv: os.LookupEnv}
	file, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(`
windows: {offices: {days: [mon-fri]}}` + flowHead + `
  - {name: a, when: 'event_name == "run.started"', active: {in: office}, notify: [qa]}
  - {name: b, when: 'event_name == "run.started"', after: {wait: 1h, in: office}, notify: [qa]}
`)}}, options)
	text := fmt.Sprint(problems)
	if problems.Err() == nil || strings.Count(text, `no window "office"`) != 2 || strings.Count(text, "offices") < 2 {
		t.Errorf("got %v, %v", file, problems)
	}
}
