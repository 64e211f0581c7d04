package ruletest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/flow"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/silence"
)

// silenced returns the silences by one matcher from the start of the clock on.
func silenced(t *testing.T, matcher string) *silence.List {
	t.Helper()
	one, err := silence.New(silence.Spec{Matchers: []string{matcher}, EndsAt: at.Add(30 * 24 * time.Hour)}, at, 0)
	if err != nil {
		t.Fatal(err)
	}
	one.ID = "quiet"
	return silence.NewList([]*silence.Silence{one})
}

// titles returns the notifiers and titles of some slots' notifications.
func titles(wakes []ruletest.Wake) (all []string) {
	for _, n := range sentBy(wakes) {
		all = append(all, n.Notifier+": "+n.Title)
	}
	slices.Sort(all)
	return all
}

const stuckRun = flowHead + `
  - name: stuck-run
    when: event_name == "run.started"
    throttle: {every: 2h, send_last: true}
    after: {wait: 1h, escalate: [{after: 2h, notify: [mail]}]}
    unless: event_name == "run.completed"
    title: "Run {{ .payload.id }}{{ if .waited }} after {{ .waited }}{{ end }}"
    notify: [qa]
`

func TestAHeldEscalationIsThatOfTheRuleOnceAfterIsGone(t *testing.T) {
	before := parse(t, stuckRun).Rules
	var lines []string
	for line := range strings.Lines(stuckRun) {
		if !strings.Contains(line, "after: ") && !strings.Contains(line, "unless: ") {
			lines = append(lines, line)
		}
	}
	without := parse(t, strings.Join(lines, "")).Rules
	for _, c := range []struct {
		set  *rules.Set
		want string
	}{{before, "[mail: Run 7 after 3 h]"}, {without, "[qa: Run 7]"}} {
		var m ruletest.Memory
		m.Decide(before, sample(t, "run.started", map[string]any{"id": 7}, at), at)
		if got := fmt.Sprint(titles(m.Pass(before, at.Add(2*time.Hour)))); got != "[qa: Run 7 after 1 h]" {
			t.Fatalf("got %s", got)
		}
		if got := fmt.Sprint(titles(m.Pass(c.set, at.Add(24*time.Hour)))); got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestAWaitEndsSilentlyWhenItsRuleWaitsNoLonger(t *testing.T) {
	const delay = flowHead + `
  - name: late
    when: event_name == "run.started"
    after: 1h
    notify: [qa]
`
	before, without := parse(t, delay).Rules, parse(t, strings.Replace(delay, "    after: 1h\n", "", 1)).Rules
	var m ruletest.Memory
	m.Decide(before, sample(t, "run.started", map[string]any{"id": 7}, at), at)
	if got := titles(m.Pass(without, at.Add(24*time.Hour))); len(got) != 0 || m.Open()[flow.Wait] != 0 {
		t.Errorf("got %q, and %d waits are open", got, m.Open()[flow.Wait])
	}
}

func TestBeyondAMillionWaitsNoneStarts(t *testing.T) {
	set := parse(t, stuckRun).Rules
	ev := sample(t, "run.started", map[string]any{"id": 7}, at)
	values := map[string][]byte{}
	decide := func(waits int) rules.Result {
		d := set.Decide(ev, rules.State{Now: at, EventID: "1", Waits: waits, Get: func(key string) ([]byte, error) { return values[key], nil }})
		for _, c := range d.Changes {
			values[c.Key] = c.Value
		}
		return d.Results[0]
	}
	if r := decide(1_000_000); r.Outcome != rules.Failed || !strings.Contains(r.Reason, "1,000,000 waits are open") {
		t.Errorf("at the limit: got %+v", r)
	}
	if r := decide(999_999); r.Outcome != rules.Waiting {
		t.Errorf("below: got %+v", r)
	}
	if r := decide(1_000_000); r.Outcome != rules.Waiting {
		t.Errorf("one that has started: got %+v", r)
	}
}

func TestAnEndUnderTheFormerNameOfARuleCounts(t *testing.T) {
	before := parse(t, stuckRun).Rules
	renamed := strings.Replace(stuckRun, "name: stuck-run", "name: hanging-run", 1)
	heir := parse(t, strings.Replace(renamed, "    when: ", "    was: [stuck-run]\n    when: ", 1)).Rules
	for _, c := range []struct {
		set  *rules.Set
		want rules.Outcome
	}{{heir, rules.Done}, {parse(t, renamed).Rules, rules.Waiting}} {
		var m ruletest.Memory
		m.Decide(before, sample(t, "run.completed", map[string]any{"id": 7}, at.Add(time.Minute)), at)
		d, _ := m.Decide(c.set, sample(t, "run.started", map[string]any{"id": 7}, at), at.Add(2*time.Minute))
		if got := d.Results[0].Outcome; got != c.want {
			t.Errorf("got %s, want %s", got, c.want)
		}
	}
}

func TestAMemberAloneHasTheCurrentNameOfItsRule(t *testing.T) {
	before := parse(t, digestRule).Rules
	heir := parse(t, strings.Replace(digestRule, "name: failed-run", "name: red-run\n    was: [failed-run]", 1)).Rules
	var m ruletest.Memory
	m.Decide(before, sample(t, "run.completed", map[string]any{"id": 1}, at), at)
	sent := sentBy(m.Pass(heir, at.Add(time.Minute)))
	if len(sent) != 1 || sent[0].Rule != "red-run" {
		t.Errorf("got %+v", sent)
	}
}

// TestADigestKeepsTheTimeItWasOpenedBy changes at to wait while a digest is open.
func TestADigestKeepsTheTimeItWasOpenedBy(t *testing.T) {
	before := parse(t, strings.Replace(digestRule, "wait: 30s", `at: "18:00"`, 1)).Rules
	after := parse(t, digestRule).Rules
	var m ruletest.Memory
	m.Decide(before, sample(t, "run.completed", map[string]any{"id": 1}, at), at)
	m.Decide(after, sample(t, "run.completed", map[string]any{"id": 2}, at), at.Add(time.Hour))
	if got := titles(m.Pass(after, at.Add(9*time.Hour-time.Second))); len(got) != 0 {
		t.Errorf("sent before 18:00: %q", got)
	}
	if got := m.Pass(after, at.Add(9*time.Hour)); len(sentBy(got)) != 1 || sentBy(got)[0].Body != "Run 1 1;Run 2 2;" {
		t.Errorf("at 18:00: %+v", got)
	}
}

func TestADigestWithMoreThanALowerMaxTakesNoFurtherMembers(t *testing.T) {
	before := parse(t, strings.Replace(digestRule, "wait: 30s", "wait: 1h", 1)).Rules
	after := parse(t, strings.Replace(digestRule, "wait: 30s", "wait: 1h, max: 2, overflow: send", 1)).Rules
	var m ruletest.Memory
	for id := range 3 {
		m.Decide(before, sample(t, "run.completed", map[string]any{"id": id}, at), at)
	}
	m.Decide(after, sample(t, "run.completed", map[string]any{"id": 3}, at), at.Add(time.Minute))
	var got []string
	for _, n := range sentBy(m.Pass(after, at.Add(2*time.Hour))) {
		got = append(got, n.Body+n.Title)
	}
	if len(got) != 2 || got[0] != "Run 0 0;Run 1 1;Run 2 2;3 × failed-run in WEB" || !strings.HasSuffix(got[1], "Run 3") {
		t.Errorf("got %q", got)
	}
}

func TestReplayedEventsDoNotWaitForATimeOfDay(t *testing.T) {
	set := parse(t, strings.Replace(digestRule, "wait: 30s", `at: "18:00"`, 1)).Rules
	d := set.Decide(sample(t, "run.completed", map[string]any{"id": 1}, at), rules.State{Now: at, EventID: "1", Replay: "again"})
	if len(d.Changes) == 0 || !slices.ContainsFunc(d.Changes, func(c rules.Change) bool { return c.Due.Equal(at.Add(30 * time.Second)) }) {
		t.Errorf("got %+v", d.Changes)
	}
}

func TestMembersThatADigestDoesNotListAreCountedWhetherSilencedOrNot(t *testing.T) {
	set := parse(t, strings.Replace(digestRule, "wait: 30s", "wait: 30s, max: 2", 1)).Rules
	for _, c := range []struct{ silence, sent, note string }{
		{"project=API", "3 × failed-run Run 0 0;",
			"silenced for qa: 1 message; 2 more, which the digest does not list, are counted whether silenced or not"},
		{"rule=failed-run", "", "silenced for qa: 2 messages; 2 more, which the digest does not list, are left out with them"},
	} {
		var m ruletest.Memory
		for id := range 4 {
			ev := sample(t, "run.completed", map[string]any{"id": id}, at)
			if ev.Project = "WEB"; id%2 == 1 {
				ev.Project = "API"
			}
			m.Decide(set, ev, at)
		}
		m.Silences = silenced(t, c.silence)
		wakes := m.Pass(set, at.Add(time.Minute))
		sent := ""
		for _, n := range sentBy(wakes) {
			sent += n.Title + " " + n.Body
		}
		if notes := wakes[0].Decision.Results[0].Notes; sent != c.sent || !slices.Contains(notes, c.note) {
			t.Errorf("%s: got %q, notes %q", c.silence, sent, notes)
		}
	}
}

func TestADecisionNamesTheNotifiersWithoutARecipientOfAMessageThatAWaitIsOver(t *testing.T) {
	set := parse(t, flowHead+`
  - name: stuck-run
    when: event_name in ["run.started", "run.completed"]
    after: {wait: 1h, resolved: true}
    unless: event_name == "run.completed"
    notify: [{notifier: qa, dm: "{{ if eq .event_name \"run.started\" }}U024BE7LA{{ end }}"}, mail]
`).Rules
	var m ruletest.Memory
	m.Decide(set, sample(t, "run.started", map[string]any{"id": 7}, at), at)
	if got := sentBy(m.Pass(set, at.Add(time.Hour))); len(got) != 2 {
		t.Fatalf("got %+v", got)
	}
	now := at.Add(2 * time.Hour)
	d, _ := m.Decide(set, sample(t, "run.completed", map[string]any{"id": 7}, now), now)
	if r := d.Results[0]; r.Outcome != rules.Waiting || !slices.Equal(r.NoRecipients, []string{"qa"}) || len(d.Notifications) != 1 {
		t.Errorf("got %+v and %d messages", r, len(d.Notifications))
	}
}

func TestADigestForAPersonFallsBackToThatPersonAlone(t *testing.T) {
	set := parse(t, `
people: [{name: Ana, email: ana@example.com, slack: U024BE7LA}, {name: Eve, email: eve@example.com, slack: U024BE7LB}]
sources: [{name: qase, secrets: [s]}]
notifiers:
  - {name: qa, type: slack, token: xoxb-1, channel: "#qa"}
  - {name: mail, type: email, host: smtp.example.com, from: qase@example.com, to: [ana@example.com, eve@example.com]}
rules:
  - name: for-ana
    when: event_name == "run.completed"
    group: {wait: 30s}
    notify: [{notifier: qa, dm: Ana, fallback: [mail]}]
`).Rules
	for members := 1; members <= 2; members++ {
		var m ruletest.Memory
		for id := range members {
			m.Decide(set, sample(t, "run.completed", map[string]any{"id": id}, at), at)
		}
		got := sentBy(m.Pass(set, at.Add(time.Minute)))
		if len(got) != 1 || len(got[0].Fallbacks) != 1 || string(got[0].Fallbacks[0].Options) != `{"to":["ana@example.com"]}` {
			t.Errorf("%d members: got %+v", members, got)
		}
	}
}

const summaryRule = flowHead + `
  - name: nightly
    when: event_name == "run.completed"
    group: {at: "18:00", empty: send, max: 2, overflow: send}
    title: "Run {{ .payload.id }}"
    notify: [qa, mail]
`

// TestSummariesOfEarlierRulesAreNotSent reloads to other rules, whose summaries are armed beside those that exist.
func TestSummariesOfEarlierRulesAreNotSent(t *testing.T) {
	const nothing = "Nothing for nightly"
	for _, c := range []struct{ name, old, new, want string }{
		{"as before", "", "", "[mail: " + nothing + " qa: " + nothing + "]"},
		{"renamed", "name: nightly", "name: daily\n    was: [nightly]", "[mail: Nothing for daily qa: Nothing for daily]"},
		{"without a notifier", "notify: [qa, mail]", "notify: [qa]", "[qa: " + nothing + "]"},
		{"to another channel", "notify: [qa, mail]", `notify: [{notifier: qa, channel: "#other"}, mail]`,
			"[mail: " + nothing + " qa: " + nothing + "]"},
		{"without summaries", ", empty: send", "", "[]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			before, after := parse(t, summaryRule).Rules, parse(t, strings.Replace(summaryRule, c.old, c.new, 1)).Rules
			var m ruletest.Memory
			m.Arm(before, at)
			m.Arm(after, at)
			if got := fmt.Sprint(titles(m.Pass(after, at.Add(10*time.Hour)))); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			if got := fmt.Sprint(titles(m.Pass(after, at.Add(34*time.Hour)))); got != c.want {
				t.Errorf("a day later: got %s, want %s", got, c.want)
			}
		})
	}
}

// TestAFullDigestHasNoSummaryOfItsOwn lets digests fill up faster than they leave.
func TestAFullDigestHasNoSummaryOfItsOwn(t *testing.T) {
	set := parse(t, summaryRule).Rules
	values := map[string][]byte{}
	for id := range 5 {
		ev := sample(t, "run.completed", map[string]any{"id": id}, at)
		d := set.Decide(ev, rules.State{Now: at, EventID: fmt.Sprint(id), Get: func(key string) ([]byte, error) { return values[key], nil }})
		for _, c := range d.Changes {
			values[c.Key] = c.Value
		}
	}
	open := map[flow.Kind]int{}
	for key := range values {
		name, _ := flow.Parse(key)
		open[name.Kind]++
	}
	if open[flow.Digest] != 6 || open[flow.Summary] != 2 {
		t.Errorf("got %v, want three digests and one summary for each notifier", open)
	}
	for key, value := range values { // the last digest moves the summary that it belongs to
		name, _ := flow.Parse(key)
		slot, _ := flow.ReadDigest(value)
		if name.Kind != flow.Digest || slot.Full {
			continue
		}
		now := at.Add(9 * time.Hour)
		d := set.Wake(rules.Woken{Key: key, Value: value, Due: now, Items: []rules.Member{{Data: []byte(`{}`)}}},
			rules.State{Now: now, Get: func(key string) ([]byte, error) { return values[key], nil }})
		moved := slices.ContainsFunc(d.Changes, func(c rules.Change) bool {
			name, _ := flow.Parse(c.Key)
			return name.Kind == flow.Summary && values[c.Key] != nil && c.Due.Equal(now.Add(24*time.Hour))
		})
		if !moved {
			t.Errorf("the summary is sent beside the digest: %+v", d.Changes)
		}
	}
}

func TestAFeedThatResumesSaysHowLongItWasSilent(t *testing.T) {
	set := parse(t, `windows: {office: {days: [mon-fri], hours: "09:00-18:00"}}`+
		strings.Replace(flowHead, "secrets: [s]", "secrets: [s], expect_every: {every: 8h, in: office}", 1)+`
  - name: feed
    when: event_type == "relay"
    title: "{{ .event_action }} after {{ duration .payload.silent_for }}"
    notify: [qa]
`).Rules
	var m ruletest.Memory
	friday := at.Add(4*24*time.Hour + 8*time.Hour) // 17:00
	m.Decide(set, sample(t, "run.completed", nil, friday), friday)
	if got := fmt.Sprint(titles(m.Pass(set, friday.Add(3*24*time.Hour-time.Hour)))); got != "[qa: silent after 2 d 23 h]" {
		t.Errorf("got %s", got)
	}
	now := friday.Add(3 * 24 * time.Hour)
	_, wakes := m.Decide(set, sample(t, "run.completed", nil, now), now)
	if got := fmt.Sprint(titles(wakes)); got != "[qa: resumed after 3 d]" {
		t.Errorf("got %s", got)
	}
}
