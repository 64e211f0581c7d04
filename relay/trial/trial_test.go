package trial_test

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/config"
	"qaserelay/relay/store"
	"qaserelay/relay/store/sqlite"
	"qaserelay/relay/trial"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/ruletest"
	"qaserelay/rules/value"
)

// TestMain works on drafts if a test has started this program for that, or breaks a limit as no draft should.
func TestMain(m *testing.M) {
	switch os.Args[0] {
	case "hungry":
		trial.Bound(10 * time.Minute)
		for text := "x"; ; text += text { // until it is ended
		}
	case "restless":
		trial.Bound(time.Minute)
		for n := 0; ; n++ {
		}
	}
	if trial.Main(os.Args, os.Stdin, os.Stdout) {
		return
	}
	os.Exit(m.Run())
}

const rulesFile = `settings: {timezone: Europe/Berlin}
sources:
  - {name: qase, secrets: ["${TRIAL_SECRET}"], projects: [WEB, API]}
notifiers:
  - {name: qa, type: slack, token: xoxb-planted-token-1, channel: "#qa"}
  - {name: ops, type: http, url: "https://ops.example.com/planted-path/x", bearer: "${TRIAL_BEARER}"}
  - {name: mail, type: email, host: smtp.example.com, from: q@example.com, to: qa@example.com, username: u, password: planted-password}
rules:
  - name: failed-run
    when: event_name == "run.completed" and payload.failed > 0
    title: "{{ .entity.title }}: {{ .payload.failed }} failed"
    notify: [qa]
  - name: posted
    when: event_name == "run.completed" and payload.failed > 2
    notify:
      - {notifier: ops, headers: {X-Key: planted-header-1}}
  - name: aborted
    when: event_name == "run.aborted" and project_code == "WEB"
    notify: [qa]
`

// world is a trial with a store and its rules.
type world struct {
	*trial.Trial
	t     testing.TB
	store store.Store
	cfg   *config.Config
	ids   *store.IDs
}

func newWorld(t testing.TB, text string) *world {
	t.Helper()
	t.Setenv("TRIAL_SECRET", "planted-secret-1")
	t.Setenv("TRIAL_BEARER", "planted-bearer-1")
	w := &world{t: t, ids: store.NewIDs(1)}
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	w.cfg = cfg
	var err error
	if w.store, err = sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "relay.db"), sqlite.Options{}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.store.Close() })
	w.Trial = trial.New(trial.Options{Config: w.config, Store: w.store, Work: trial.Self().Work})
	return w
}

func (w *world) config() *config.Config { return w.cfg }

// fill stores ended runs of the last day, in batches. A rule has matched one of so many of them.
func (w *world) fill(events, matches int) {
	w.t.Helper()
	from := time.Now().Add(-23 * time.Hour)
	for done := 0; done < events; {
		var batch []store.Event
		for ; done < events && len(batch) < 500; done++ {
			at := from.Add(time.Duration(done) * 4 * time.Millisecond)
			body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":%d,"team_member_id":40,"project_code":"WEB","payload":{"id":%d,"title":"Nightly regression",`+
				`"cases":14,"passed":11,"failed":%d,"duration":61000}}`, at.Unix(), done, done%5)
			batch = append(batch, store.Event{ID: w.ids.Next(at), Source: "qase", Name: "run.completed", Project: "WEB", Body: []byte(body),
				ReceivedAt: at, Hash: sha256.Sum256([]byte(body))})
		}
		_, err := w.store.Accept(w.t.Context(), batch, func(i int, _ func(string) ([]byte, error)) (store.Plan, error) {
			if i%matches > 0 {
				return store.Plan{Decisions: []byte(`{"results":[],"not_matched":3}`)}, nil
			}
			return store.Plan{Decisions: []byte(`{"results":[{"rule":"failed-run","outcome":"matched"}],"not_matched":2}`),
				Deliveries: []store.NewDelivery{{ID: w.ids.Next(batch[i].ReceivedAt), Rule: "failed-run", Notifier: "qa", Title: "Nightly regression", Message: []byte(`{}`)}}}, nil
		})
		if err != nil {
			w.t.Fatal(err)
		}
	}
}

// keep stores an event.
func (w *world) keep(at time.Time, body string) string {
	w.t.Helper()
	e := store.Event{ID: w.ids.Next(at), Source: "qase", Name: "run", Project: "WEB", Body: []byte(body), ReceivedAt: at,
		Hash: sha256.Sum256([]byte(at.String()))}
	_, err := w.store.Accept(w.t.Context(), []store.Event{e}, func(int, func(string) ([]byte, error)) (store.Plan, error) {
		return store.Plan{Decisions: []byte(`{"results":[]}`)}, nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return e.ID.String()
}

// try tries a request that is written in JSON.
func (w *world) try(request string) trial.Result {
	w.t.Helper()
	result, err := w.tryErr(request)
	if err != nil {
		w.t.Fatalf("%s: %v", request, err)
	}
	if text := value.JSONText(result); strings.Contains(text, "planted") {
		w.t.Errorf("%s: shows a secret: %s", request, text)
	}
	return result
}

func (w *world) tryErr(request string) (trial.Result, error) {
	w.t.Helper()
	var r trial.Request
	if err := json.Unmarshal([]byte(request), &r); err != nil {
		w.t.Fatalf("%s: %v", request, err)
	}
	return w.Try(w.t.Context(), r)
}

// titles returns the messages of a result as RULE → NOTIFIER: TITLE.
func titles(r trial.Result) (all []string) {
	for _, m := range r.Messages {
		all = append(all, m.Rule+" → "+m.Notifier+": "+m.Title)
	}
	return all
}

func TestAnExampleIsTriedWithTheCurrentRules(t *testing.T) {
	w := newWorld(t, rulesFile)
	r := w.try(`{"event": {"name": "run.completed", "set": {"payload.failed": 3, "payload.id": 7}}, "given": ["run.started"]}`)
	if got := titles(r); len(got) != 2 || got[0] != "failed-run → qa: Test run 2022/04/21: 3 failed" {
		t.Errorf("got %q", got)
	}
	if r.Draft || r.Outcome != "2 messages would be sent" || r.Event.Name != "run.completed" || r.Event.Source != "qase" ||
		len(r.Given) != 1 {
		t.Errorf("got %+v", r)
	}
	if len(r.Nearest) != 1 || r.Nearest[0].Rule != "aborted" || r.Nearest[0].Part != `event_name == "run.aborted"` {
		t.Errorf("got the nearest %+v", r.Nearest)
	}
	for _, m := range r.Messages {
		if m.Picture == nil || len(m.Picture.Lines)+len(m.Picture.Top) == 0 || m.Note != "" {
			t.Errorf("%s has the picture %+v, %s", m.Notifier, m.Picture, m.Note)
		}
	}
	var x struct {
		Rules []struct{ Rule, Outcome string }
	}
	if err := json.Unmarshal(r.Explanation, &x); err != nil || len(x.Rules) != 3 || x.Rules[0].Outcome != "matched" {
		t.Errorf("got the explanation %s, %v", r.Explanation, err)
	}
}

func TestAStoredEventIsTriedAfterTheEarlierOnesOfItsEntity(t *testing.T) {
	w := newWorld(t, rulesFile)
	at := time.Now().Add(-time.Hour).Truncate(time.Second)
	const started = `{"event_name":"run.started","project_code":"WEB","team_member_id":1,"payload":{"id":%d,"title":"Nightly"}}`
	w.keep(at, fmt.Sprintf(started, 8))
	first := w.keep(at.Add(time.Second), fmt.Sprintf(started, 7))
	w.keep(at.Add(2*time.Second), `{"event_name":"run.aborted","project_code":"API","payload":{"id":7}}`)
	id := w.keep(at.Add(3*time.Second), `{"event_name":"run.completed","project_code":"WEB","payload":{"id":7,"failed":1}}`)
	r := w.try(`{"event": "` + id + `"}`)
	if got := titles(r); !slices.Equal(got, []string{"failed-run → qa: Nightly: 1 failed"}) {
		t.Errorf("got %q", got)
	}
	if len(r.Given) != 1 || r.Given[0].ID != first || !r.Event.At.Equal(at.Add(3*time.Second)) {
		t.Errorf("got %+v after %+v", r.Event, r.Given)
	}
	if r = w.try(`{"event": "` + id + `", "given": []}`); len(r.Given) != 0 || r.Messages[0].Title != "Run 7: 1 failed" {
		t.Errorf("without earlier events: got %q after %+v", titles(r), r.Given)
	}
}

func TestADraftOfARule(t *testing.T) {
	w := newWorld(t, rulesFile)
	const event = `"event": {"name": "run.completed", "set": {"payload.failed": 1, "payload.title": "Nightly"}}`
	draft := func(text string) trial.Result {
		return w.try(`{` + event + `, "rule": ` + value.JSONText(text) + `}`)
	}
	for name, tt := range map[string]struct {
		draft   string
		changes string
	}{
		"is the same":        {"- name: failed-run\n  when: event_name == \"run.completed\" and payload.failed > 0\n  title: \"{{ .entity.title }}: {{ .payload.failed }} failed\"\n  notify: [qa]", "[]"},
		"matches no more":    {"- name: failed-run\n  when: event_name == \"run.completed\" and payload.failed > 1\n  notify: [qa]\n", `[{"kind":"lost","rule":"failed-run","notifier":"qa","title":"Nightly: 1 failed"}]`},
		"has another text":   {"name: failed-run\nwhen: event_name == \"run.completed\"\ntitle: New\nnotify: [qa]", `[{"kind":"changed","rule":"failed-run","notifier":"qa","title":"New","fields":["title"]}]`},
		"is added":           {"  - name: more\n    when: event_name == \"run.completed\"\n    title: More\n    notify: [mail]", `[{"kind":"gained","rule":"more","notifier":"mail","title":"More"}]`},
		"keeps a secret":     {"- name: posted\n  when: event_name == \"run.completed\"\n  title: P\n  notify:\n    - {notifier: ops, headers: {X-Key: <secret>}}", `[{"kind":"gained","rule":"posted","notifier":"ops","title":"P"}]`},
		"is in braces":       {"- {name: failed-run, when: 'false', notify: [qa]}", `[{"kind":"lost","rule":"failed-run","notifier":"qa","title":"Nightly: 1 failed"}]`},
		"begins with a note": {"# why\n- name: failed-run\n  when: 'false'\n  notify: [qa]", `[{"kind":"lost","rule":"failed-run","notifier":"qa","title":"Nightly: 1 failed"}]`},
	} {
		r := draft(tt.draft)
		if r.Check == nil || !r.Check.OK || !r.Draft {
			t.Errorf("%s: got the check %+v", name, r.Check)
			continue
		}
		if got := value.JSONText(r.Changes); got != tt.changes {
			t.Errorf("%s: got %s, want %s", name, got, tt.changes)
		}
	}
}

func TestTheProblemsOfADraftHaveItsOwnLines(t *testing.T) {
	w := newWorld(t, rulesFile)
	for name, tt := range map[string]struct{ draft, want string }{
		"an unknown notifier": {"- name: failed-run\n  when: event_name == \"run.completed\"\n  notify: [qa, qu]", `draft:3:16: error: no notifier "qu" (did you mean "qa"?)|  notify: [qa, qu]`},
		"moved to the left":   {"      - name: failed-run\n        when: event_name == \"run.completed\"\n        notify: [qu]", `draft:3:18: error: no notifier "qu" (did you mean "qa"?)|        notify: [qu]`},
		"without a dash":      {"name: failed-run\nwhen: event_name == \"run.completed\"\nnotify: [qu]", `draft:3:10: error: no notifier "qu" (did you mean "qa"?)|notify: [qu]`},
		"a misspelt field":    {"- name: new\n  when: event_name == \"run.completed\" and payload.fialed > 0\n  notify: [qa]", `draft:2:`},
		"broken YAML":         {"- name: new\n  when: \"event_name\n  notify: [qa]", `draft:`},
		"two rules":           {"- name: a\n- name: b", `draft:1:1: error: a draft of one rule is one entry of rules, not a list`},
		"a whole file":        {"rules:\n  - name: a", `draft:1:1: error: a draft of one rule is one entry of rules, not a mapping`},
		"another part":        {"- name: a\n  when: *c\nnotifiers: []", `draft:`},
		"a second document":   {"- name: a\n---\nrules: []", `draft:1:1: error: a draft of one rule cannot begin another document`},
		"a variable":          {"- name: a\n  when: 'true'\n  title: ${TRIAL_SECRET}\n  notify: [qa]", `draft:3:10: error: a draft cannot read environment variables`},
		"blank":               {" \n", `draft:1:1: error: the draft is empty`},
	} {
		c, err := w.Check(t.Context(), trial.Draft{Rule: tt.draft})
		if err != nil || c.OK && strings.Contains(tt.want, "error") {
			t.Errorf("%s: got %+v, %v", name, c, err)
			continue
		}
		found := false
		for _, p := range c.Problems {
			found = found || strings.HasPrefix(p.Error()+"|"+p.Source, tt.want)
		}
		if !found {
			t.Errorf("%s: got %q, want %s", name, c.Problems.Error(), tt.want)
		}
	}
}

func TestADraftOfAWholeFile(t *testing.T) {
	w := newWorld(t, rulesFile)
	text := strings.NewReplacer("xoxb-planted-token-1", "<secret>", "planted-path/x", "<secret>", "planted-password", "<secret>",
		"planted-header-1", "<secret>", "payload.failed > 0", "payload.failed > 5").Replace(rulesFile)
	r := w.try(`{"event": {"name": "run.completed", "set": {"payload.failed": 3}}, "file": ` + value.JSONText(text) + `}`)
	if r.Check == nil || !r.Check.OK || r.Check.Counts.Rules != 3 || len(r.Check.Problems) != 0 {
		t.Fatalf("got the check %+v", r.Check)
	}
	if len(r.Changes) != 1 || r.Changes[0].Kind != trial.Lost || r.Changes[0].Rule != "failed-run" {
		t.Errorf("got %+v", r.Changes)
	}
	r = w.try(`{"event": "run.completed", "file": "rules: ["}`)
	if r.Check.OK || len(r.Messages) != 0 || r.Outcome != "the draft has errors, so it decides nothing" {
		t.Errorf("broken: got %+v", r)
	}
	c, err := w.Check(t.Context(), trial.Draft{})
	if err != nil || !c.OK || c.Counts.Rules != 3 || c.Name != w.cfg.Source.Named[0] {
		t.Errorf("the current rules: %+v, %v", c, err)
	}
}

func TestRequestsThatCannotBeTried(t *testing.T) {
	w := newWorld(t, rulesFile)
	for request, want := range map[string]string{
		`{}`: "name it in one way",
		`{"event": {"id": "06bq1rk2tv8c0", "name": "run.completed"}}`:                                    "name it in one way",
		`{"event": "01f3k9q2m0g00"}`:                                                                     "no event has the id",
		`{"event": "nonsense"}`:                                                                          "is not an id",
		`{"event": {"body": {"event_name": "relay.silent", "payload": {}}}}`:                             "is an event of the relay itself",
		`{"event": {"body": {"event_name": "run.completed"}}}`:                                           `"payload" is missing`,
		`{"event": {"name": "run.completed", "set": {"failed": 3}}}`:                                     "write payload.failed",
		`{"event": {"name": "run.completed", "set": {"payload.cases.x": 3}}}`:                            "is not an object",
		`{"event": "run.completed", "source": "other"}`:                                                  `no source "other"; available: qase`,
		`{"event": "run.completed", "rule": "- name: a", "file": "rules: []"}`:                           "not both",
		`{"event": "run.completed", "given": ["nonsense"]}`:                                              "given, number 1",
		`{"event": "run.completed", "replaces": "x"}`:                                                    "replaces",
		`{"event": {"body": {"event_name":"x.y","payload":{"x":"` + strings.Repeat("x", 1<<20) + `"}}}}`: "413",
		`{"event": "run.completed", "rule": "` + strings.Repeat("x", 256<<10+1) + `"}`:                   "more than 256 KiB",
	} {
		_, err := w.tryErr(request)
		var input *trial.InputError
		if !errors.As(err, &input) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.100s: got %v, want %s", request, err, want)
		}
	}
}

// TestEachActorTriesOneDraftAtATime keeps two drafts at work, and asks for a third one.
func TestEachActorTriesOneDraftAtATime(t *testing.T) {
	w := newWorld(t, rulesFile)
	at, done := make(chan bool, 2), make(chan bool)
	w.Trial = trial.New(trial.Options{Config: w.config, Store: w.store,
		Work: func(ctx context.Context, in trial.Input) (trial.Output, error) {
			at <- true
			<-done
			return trial.Output{}, nil
		}})
	ended := make(chan error, 1)
	go func() {
		_, err := w.Check(context.WithoutCancel(t.Context()), trial.Draft{Rule: "- name: x"})
		ended <- err
	}()
	<-at
	var busy *trial.BusyError
	if _, err := w.Check(t.Context(), trial.Draft{Rule: "- name: x"}); !errors.As(err, &busy) || !busy.Mine {
		t.Errorf("a second draft of one actor: %v", err)
	}
	close(done)
	if err := <-ended; err != nil {
		t.Error(err)
	}
	if _, err := w.Check(t.Context(), trial.Draft{Rule: "- name: x"}); err != nil {
		t.Errorf("afterwards: %v", err)
	}
}

// TestATestOfAnEventPasses makes tests of stored events, and runs them beside the rules as qase-relay test does.
func TestATestOfAnEventPasses(t *testing.T) {
	w := newWorld(t, rulesFile)
	at := time.Now().Add(-time.Hour)
	w.keep(at, `{"event_name":"run.started","project_code":"WEB","team_member_id":1,"payload":{"id":7,"title":"Night: ${HOME} \"x\""}}`)
	for body, want := range map[string]string{
		`{"event_name":"run.completed","project_code":"WEB","payload":{"id":7,"failed":3,"nested":{"a":[1,null,"*x"]}}}`:    "rule: posted",
		`{"event_name":"run.completed","project_code":"API","team_member_id":40,"payload":{"id":9,"failed":0,"plan":null}}`: "expect: []",
		`{"event_name":"unknown.event","project_code":"WEB","payload":{"text":"yes","n":1e400}}`:                            "expect: []",
	} {
		at = at.Add(time.Minute)
		text, err := w.TestOf(t.Context(), trial.Request{Event: trial.Event{ID: w.keep(at, body)}})
		if err != nil {
			t.Errorf("%s: %v", body, err)
			continue
		}
		name := filepath.Join(t.TempDir(), "with-test.yaml")
		if err := os.WriteFile(name, []byte(rulesFile+text[strings.Index(text, "tests:"):]), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, problems := config.Load([]string{name}, config.LoadOptions{})
		if cfg == nil {
			t.Errorf("%s: %v\n%s", body, problems, text)
			continue
		}
		results := ruletest.Run(&rulefile.File{Config: cfg.Config, Tests: cfg.Source.Tests}, nil)
		if len(results) != 1 || !results[0].Passed || !strings.Contains(text, want) {
			t.Errorf("%s: got %s\n%s", body, value.JSONText(results), text)
		}
	}
}

func TestARuleInBracketsIsDraftedAlone(t *testing.T) {
	head, list, _ := strings.Cut(rulesFile, "rules:\n")
	if list == "" {
		t.Fatal("no rules")
	}
	w := newWorld(t, head+`rules: [{name: failed-run, when: 'event_name == "run.completed" and payload.failed > 0', notify: [qa]},
  {name: posted, when: 'event_name == "run.completed"',
   notify: [{notifier: ops, headers: {X-Key: planted-header-1}}]}, {name: last, when: 'event_name == "run.aborted"', notify: [qa]}]
templates: {line: x}
`)
	for _, tt := range []struct{ name, rule, want string }{
		{"as it is written", "{name: posted, when: 'event_name == \"run.completed\"', notify: [{notifier: ops, headers: {X-Key: <secret>}}]}",
			"[]"},
		{"with a dash", "- name: posted\n  when: event_name == \"run.completed\"\n  title: Other\n  notify: [ops]", `["changed posted ops"]`},
		{"a new one", "{name: more, when: 'event_name == \"run.completed\"', notify: [qa]}", `["gained more qa"]`},
		{"another name", "{name: failed-runs, when: 'payload.failed > 99', notify: [qa]}", `["lost failed-run qa"]`},
	} {
		replaces := ""
		if tt.name == "another name" {
			replaces = `, "replaces": "failed-run"`
		}
		r := w.try(`{"event": {"name": "run.completed", "set": {"payload.failed": 3}}, "rule": ` + value.JSONText(tt.rule) + replaces + `}`)
		changes := []string{}
		for _, c := range r.Changes {
			changes = append(changes, c.Kind+" "+c.Rule+" "+c.Notifier)
		}
		if got := value.JSONText(changes); got != tt.want || !r.Check.OK {
			t.Errorf("%s: got %s, want %s, %v", tt.name, got, tt.want, r.Check.Problems)
		}
	}
	r := w.try(`{"event": "run.completed", "rule": "{name: posted,\n when: 'event_name == \"run.completd\"', notify: [opps]}"}`)
	var places []string
	for _, p := range r.Check.Problems {
		places = append(places, p.Place()+" "+p.Source)
	}
	if want := []string{"draft:2:23  when: 'event_name == \"run.completd\"', notify: [opps]}", "draft:2:49  when: 'event_name == \"run.completd\"', notify: [opps]}"}; !slices.Equal(places, want) {
		t.Errorf("got %q, want %q", places, want)
	}
}

// endsAt reports an error if a process named so, which breaks a limit, does not end with the error of that limit.
func endsAt(t *testing.T, name string, longest time.Duration, want error) {
	t.Helper()
	p := trial.Self().Within(longest)
	p.Name = name
	if _, err := p.Work(t.Context(), trial.Input{}); !errors.Is(err, want) {
		t.Errorf("%s: got %v, want %v", name, err, want)
	}
}

func TestAProcessEndsAtItsLimitOfTime(t *testing.T) {
	endsAt(t, "restless", 100*time.Millisecond, trial.ErrTime)
}
