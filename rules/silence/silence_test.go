package silence

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/rules/condition"
)

var now = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

func TestMatchersSelectMessages(t *testing.T) {
	f := &Fields{Rule: "failed-run", Notifier: "qa-slack", Level: "error", Project: "WEB", Source: "qase",
		Event: "run.completed", Entity: "qase/WEB/run/7", Environment: "Staging EU", Plan: "Smoke\nall"}
	for _, c := range []struct {
		matchers []string
		want     bool
	}{
		{[]string{"rule=failed-run"}, true},
		{[]string{"rule = failed-run"}, true},
		{[]string{`rule="failed-run"`}, true},
		{[]string{"rule=failed"}, false},
		{[]string{"rule=~failed"}, false}, // the whole value
		{[]string{"rule=~failed.*"}, true},
		{[]string{`project=~"WEB|API"`}, true},
		{[]string{"project=~WE|AP"}, false},
		{[]string{"project=~WEB", "project!=API"}, true},
		{[]string{`project!~"A.*"`}, true},
		{[]string{`project!~".*"`}, false},
		{[]string{"level!=error"}, false},
		{[]string{`environment="Staging EU"`}, true},
		{[]string{"environment=Staging EU"}, true},
		{[]string{`plan=~"Smoke(?s:.)all"`}, true},
		{[]string{`plan=~"Smoke.all"`}, false},
		{[]string{"rule=failed-run", "notifier=mail"}, false},
		{[]string{"entity=qase/WEB/run/7", "source=qase", "event=run.completed"}, true},
	} {
		s, err := New(Spec{Matchers: c.matchers, EndsAt: now.Add(time.Hour), All: true}, now, 0)
		if err != nil {
			t.Errorf("%v: %v", c.matchers, err)
		} else if got := s.Matches(f, nil); got != c.want {
			t.Errorf("%v: matches is %v", c.matchers, got)
		}
	}
	for _, name := range FieldNames() {
		if f.Get(name) == "" {
			t.Errorf("the field %s has no value", name)
		}
	}
}

func TestAFieldThatIsAbsentIsTheEmptyText(t *testing.T) {
	for text, want := range map[string]bool{"plan=": true, `plan=""`: true, "plan!=": false, "plan!=Smoke": true,
		`plan=~".*"`: true, `plan=~".+"`: false, `plan!~".+"`: true} {
		m, err := ParseMatcher(text)
		if err != nil || m.matches(&Fields{}) != want {
			t.Errorf("%s: %v, want %v", text, err, want)
		}
	}
}

func TestWhatIsRefusedSaysWhatToWrite(t *testing.T) {
	end := now.Add(time.Hour)
	for _, c := range []struct {
		spec Spec
		want string
	}{
		{Spec{EndsAt: end}, "a silence needs a matcher, such as rule=failed-run"},
		{Spec{Matchers: []string{`rule=~".*"`}, EndsAt: end}, "also match messages without these fields"},
		{Spec{Matchers: []string{"rule!=x", "plan!~y"}, EndsAt: end}, "also match messages without these fields"},
		{Spec{Matchers: []string{"rule=a", "rule=b"}, EndsAt: end}, `rule is compared twice with =`},
		{Spec{Matchers: []string{"failed-run"}, EndsAt: end}, "is not a matcher: write such as rule=failed-run"},
		{Spec{Matchers: []string{"=x"}, EndsAt: end}, "is not a matcher"},
		{Spec{Matchers: []string{"rul=x"}, EndsAt: end}, `no field "rul" in "rul=x": did you mean "rule"?`},
		{Spec{Matchers: []string{"project_code=x"}, EndsAt: end}, `did you mean "project"?`},
		{Spec{Matchers: []string{"zzzzzz=x"}, EndsAt: end}, "available: entity, environment"},
		{Spec{Matchers: []string{"rule==x"}, EndsAt: end}, "write rule=x"},
		{Spec{Matchers: []string{`rule="x`}, EndsAt: end}, `is not text in quotes`},
		{Spec{Matchers: []string{"rule=~(a"}, EndsAt: end}, "not a valid pattern"},
		{Spec{Matchers: []string{"rule=~(a{1000}){1000}"}, EndsAt: end}, "pattern"},
		{Spec{Matchers: []string{"rule=" + strings.Repeat("x", 2000)}, EndsAt: end}, "more than 1024"},
		{Spec{Matchers: slices.Repeat([]string{"rule!=x"}, 21), EndsAt: end}, "more than 20"},
		{Spec{When: "payload.failed >", EndsAt: end}, "when: "},
		{Spec{When: "evnt_name == 'x'", EndsAt: end}, "event_name"},
		{Spec{When: "1 + 1", EndsAt: end}, "when: "},
		{Spec{Matchers: []string{"rule=x"}}, "a silence needs an end"},
		{Spec{Matchers: []string{"rule=x"}, EndsAt: now}, "is in the past"},
		{Spec{Matchers: []string{"rule=x"}, StartsAt: end, EndsAt: end}, "is not after the start"},
		{Spec{Matchers: []string{"rule=x"}, EndsAt: now.Add(31 * 24 * time.Hour)}, "lasts 30 d at most"},
		{Spec{Matchers: []string{"rule=x"}, EndsAt: end, Quiet: -1}, "at least 1s"},
		{Spec{Matchers: []string{"rule=x"}, EndsAt: end, Comment: strings.Repeat("x", 2000)}, "may have 1000 bytes"},
	} {
		if _, err := New(c.spec, now, 0); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, want %s", c.spec, err, c.want)
		}
	}
	for _, spec := range []Spec{
		{All: true, EndsAt: end}, {Matchers: []string{`rule=~".*"`}, All: true, EndsAt: end},
		{When: `payload.failed > 0`, EndsAt: end}, {Matchers: []string{"plan!=x", "rule=y"}, EndsAt: end},
		{Matchers: []string{"rule=x"}, StartsAt: end, EndsAt: end.Add(30 * 24 * time.Hour)},
	} {
		if _, err := New(spec, now, 0); err != nil {
			t.Errorf("%+v: %v", spec, err)
		}
	}
	if _, err := New(Spec{Matchers: []string{"a=b", "c"}, When: ")", Comment: strings.Repeat("x", 2000)}, now, 0); err == nil ||
		strings.Count(err.Error(), "\n") < 4 {
		t.Errorf("not every fault is found: %v", err)
	}
}

func TestAConditionSeesTheEvent(t *testing.T) {
	s, err := New(Spec{Matchers: []string{"project=WEB"}, When: `entity.environment == "staging"`, EndsAt: now.Add(1)}, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	env := func(environment any) func() *condition.Env {
		return func() *condition.Env {
			e := condition.NewEnv(now)
			e.Vars["entity"] = map[string]any{"environment": environment}
			return e
		}
	}
	web := &Fields{Project: "WEB"}
	if !s.Matches(web, env("staging")) || s.Matches(web, env("live")) || s.Matches(web, env(nil)) || s.Matches(web, nil) ||
		s.Matches(&Fields{Project: "API"}, env("staging")) {
		t.Error("the matchers and the condition do not both count")
	}
}

func TestTheStatesOfASilence(t *testing.T) {
	s := Silence{StartsAt: now, EndsAt: now.Add(4 * time.Hour)}
	quiet := s
	quiet.Quiet = time.Hour
	matched := quiet
	matched.MatchedAt = now.Add(30 * time.Minute)
	for _, c := range []struct {
		silence Silence
		after   time.Duration
		want    State
	}{
		{s, -1, Pending}, {s, 0, Active}, {s, 4*time.Hour - 1, Active}, {s, 4 * time.Hour, Expired},
		{quiet, -1, Pending}, {quiet, time.Hour - 1, Active}, {quiet, time.Hour, Expired},
		{matched, time.Hour, Active}, {matched, 90 * time.Minute, Expired},
	} {
		if got := c.silence.State(now.Add(c.after)); got != c.want {
			t.Errorf("%+v after %v: %s, want %s", c.silence, c.after, got, c.want)
		}
	}
	s.Expire(now.Add(-time.Hour))
	if s.State(now.Add(-time.Hour)) != Expired || s.State(now) != Expired || s.StartsAt.After(s.EndsAt) {
		t.Errorf("expired before its start, it is %+v", s)
	}
}

func TestTheLastToEndOfSeveralSilencesCounts(t *testing.T) {
	silences := func(ends ...time.Duration) *List {
		var all []*Silence
		for i, end := range ends {
			s, err := New(Spec{Matchers: []string{"rule=r"}, EndsAt: now.Add(end)}, now, 0)
			if err != nil {
				t.Fatal(err)
			}
			s.ID = string(rune('a' + i))
			all = append(all, s)
		}
		return NewList(all)
	}
	l, f := silences(time.Hour, 3*time.Hour, 2*time.Hour), &Fields{Rule: "r"}
	if s := l.Find(now, f, nil); s == nil || s.ID != "b" || !l.IsActive(now) {
		t.Errorf("found %+v", s)
	}
	if l.Find(now.Add(3*time.Hour), f, nil) != nil || l.Find(now.Add(-1), f, nil) != nil ||
		l.Find(now, &Fields{Rule: "s"}, nil) != nil || l.IsActive(now.Add(3*time.Hour)) {
		t.Error("found one that is not active, or about something else")
	}
	if l.Get("c") == nil || l.Get("x") != nil {
		t.Error("the ids are not known")
	}
	var none *List
	if none.Find(now, f, nil) != nil || none.IsActive(now) || none.Get("a") != nil || none.All() != nil {
		t.Error("a nil list is not empty")
	}
}

func TestASilenceIsReadAsItWasWritten(t *testing.T) {
	s, err := New(Spec{Matchers: []string{`rule="a b"`, `project=~"WEB|API"`, "plan!=", `environment=a"b`},
		When: "payload.failed > 0", EndsAt: now.Add(time.Hour), Comment: " a\n b ", Author: "bob", Quiet: time.Hour}, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	var read Silence
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatal(err)
	}
	again, err := json.Marshal(read)
	if err != nil || string(again) != string(text) || read.Comment != "a b" {
		t.Errorf("got  %s\nwant %s (%v)", again, text, err)
	}
	if got := read.Matchers[1].String() + " " + read.Matchers[3].String(); got != `project=~WEB|API environment="a\"b"` {
		t.Error(got)
	}
	if !NewList([]*Silence{&read}).all[0].Matchers[1].accepts("API") {
		t.Error("the pattern is lost")
	}
}

func TestWarningsNameWhatTheRulesDoNotKnow(t *testing.T) {
	known := Names{Rules: []string{"failed-run", "aborted-run"}, Notifiers: []string{"slack"}, Sources: []string{"qase"}}
	s, err := New(Spec{Matchers: []string{"rule=failed-rum", `notifier=~"mail.*"`, "source=qase", "level=eror", "rule!=x",
		"project=Z", `rule=~".*-run"`}, EndsAt: now.Add(time.Hour)}, now, 0)
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Join(s.Warnings(known), "\n")
	want := `no rule "failed-rum": did you mean "failed-run"?
no notifier matches "mail.*": available: slack
no level "eror": did you mean "error"?`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestPeopleSeeTheActiveSilencesFirst(t *testing.T) {
	at := func(id string, start, end time.Duration) *Silence {
		return &Silence{ID: id, StartsAt: now.Add(start), EndsAt: now.Add(end)}
	}
	all := []*Silence{at("old", -5, -3), at("later", -1, 9), at("next", 5, 7), at("soon", -1, 2), at("older", -5, -4)}
	Sort(all, now)
	var ids []string
	for _, s := range all {
		ids = append(ids, s.ID)
	}
	if got := strings.Join(ids, " "); got != "soon later next old older" {
		t.Error(got)
	}
}
