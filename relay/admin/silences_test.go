package admin

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/rules/silence"
)

// send makes a request with a JSON body, and decodes the answer, or returns its error.
func (d *testAPI) send(t *testing.T, method, path, body string, v any) (status int, wrong string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	var text json.RawMessage
	if err := json.NewDecoder(resp.Body).Decode(&text); err != nil {
		t.Fatal(err)
	}
	var answer struct{ Error string }
	if resp.StatusCode != http.StatusOK {
		_ = json.Unmarshal(text, &answer)
		return resp.StatusCode, answer.Error
	}
	if err := json.Unmarshal(text, v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return resp.StatusCode, ""
}

// add adds a silence.
func (d *testAPI) add(t *testing.T, body string) (s desk.Silence) {
	t.Helper()
	if status, wrong := d.send(t, "POST", "/api/v1/silences", body, &s); status != http.StatusOK {
		t.Fatalf("%s: %d %s", body, status, wrong)
	}
	return s
}

func TestASilenceIsAddedChangedAndExpired(t *testing.T) {
	d := open(t, "")
	s := d.add(t, `{"matchers":["rule=done","project=~\"WEB|API\""],"for":"2h","comment":"migration","author":"bob",`+
		`"quiet":"90m"}`)
	if s.State != silence.Active || strings.Join(s.Matchers, " ") != "rule=done project=~WEB|API" || s.Quiet != "1h30m" ||
		s.Comment != "migration" || s.Author != "bob" || s.EndsAt.Sub(s.StartsAt) != 2*time.Hour || len(s.Warnings) != 0 {
		t.Errorf("added %+v", s)
	}
	var changed, shown desk.Silence
	later := s.EndsAt.Add(time.Hour)
	path := "/api/v1/silences/" + s.ID
	body := `{"ends_at":"` + later.Format(time.RFC3339Nano) + `"}`
	if status, wrong := d.send(t, "PUT", path, body, &changed); status != 200 ||
		changed.ID != s.ID || !changed.EndsAt.Equal(later) || !changed.StartsAt.Equal(s.StartsAt) ||
		strings.Join(changed.Matchers, " ") != "rule=done project=~WEB|API" || changed.Quiet != "1h30m" {
		t.Errorf("changed %+v (%d %s)", changed, status, wrong)
	}
	if status, _ := d.send(t, "GET", path, "", &shown); status != 200 || !shown.EndsAt.Equal(later) {
		t.Errorf("shown %d %+v", status, shown)
	}
	if status, _ := d.send(t, "DELETE", path, "", &shown); status != 200 || shown.State != silence.Expired {
		t.Errorf("expired %d %+v", status, shown)
	}
	if status, wrong := d.send(t, "DELETE", path, "", nil); status != 409 || wrong != "it is expired already" {
		t.Errorf("expired twice: %d %s", status, wrong)
	}
	if status, wrong := d.send(t, "PUT", path, `{"for":"1h"}`, &changed); status != 200 ||
		changed.ID == s.ID || changed.State != silence.Active || len(changed.Matchers) != 2 {
		t.Errorf("an expired one is extended to %+v (%d %s)", changed, status, wrong)
	}
	if status, wrong := d.send(t, "PUT", path, `{"comment":"x"}`, nil); status != 400 ||
		!strings.Contains(wrong, "is in the past") {
		t.Errorf("an expired one is changed: %d %s", status, wrong)
	}
	for state, want := range map[string]int{"": 2, "active": 1, "expired": 1, "pending": 0} {
		var list struct{ Silences []desk.Silence }
		filter := ""
		if state != "" {
			filter = "?state=" + state
		}
		if status, _ := d.send(t, "GET", "/api/v1/silences"+filter, "", &list); status != 200 || len(list.Silences) != want {
			t.Errorf("state %q: %d silences, want %d", state, len(list.Silences), want)
		}
	}
}

func TestTimesOfSilencesAreInTheZoneOfTheSettings(t *testing.T) {
	d := open(t, "")
	s := d.add(t, `{"when":"payload.failed > 0","starts_at":"2080-11-30 22:00","for":"10h"}`)
	got := s.StartsAt.UTC().Format(time.RFC3339) + " " + s.EndsAt.UTC().Format(time.RFC3339)
	if s.State != silence.Pending || got != "2080-11-30T21:00:00Z 2080-12-01T07:00:00Z" {
		t.Errorf("%s: %s", s.State, got)
	}
	s = d.add(t, `{"matchers":["project=WEB"],"starts_at":"2080-12-01T08:00:00Z","ends_at":"2080-12-01 10:00"}`)
	if got := s.EndsAt.Sub(s.StartsAt); got != time.Hour {
		t.Errorf("it lasts %v", got)
	}
}

func TestWhatIsWrongWithASilence(t *testing.T) {
	d := open(t, "")
	for body, want := range map[string]string{
		`{"matchers":["rule=done"]}`:                                             "a silence needs an end",
		`{"for":"2h"}`:                                                           "a silence needs a matcher",
		`{"matchers":[".*"],"for":"2h"}`:                                         "is not a matcher",
		`{"matchers":["rule=done"],"for":"two hours"}`:                           "for: ",
		`{"matchers":["rule=done"],"for":"2h","ends_at":"2080-01-01"}`:           "not both",
		`{"matchers":["rule=done"],"ends_at":"tomorrow"}`:                        "ends_at: \"tomorrow\" is not a valid time",
		`{"matchers":["rule=done"],"ends_at":"2020-01-01T00:00:00Z"}`:            "is in the past",
		`{"matchers":["rule=done"],"for":"31d"}`:                                 "a silence lasts 30 d at most",
		`{"matchers":["rule=done"],"for":"2h","quiet":"soon"}`:                   "quiet: ",
		`{"matchers":["rule=done"],"for":"2h","colour":"red"}`:                   `unknown field "colour"`,
		`{"matchers":["rule=a","rule=b"],"for":"x","starts_at":"y","when":"1+"}`: "when: ",
		`{"matchers":["rule=~("],"for":"2h"}`:                                    "not a valid pattern",
	} {
		status, wrong := d.send(t, "POST", "/api/v1/silences", body, nil)
		if status != 400 || !strings.Contains(wrong, want) {
			t.Errorf("%s: %d %s, want %s", body, status, wrong, want)
		}
	}
	s := d.add(t, `{"matchers":["rule=dome","notifier=mail"],"for":"2h","all":true}`)
	const want = `no rule "dome": did you mean "done"?; no notifier "mail": available: ops`
	if got := strings.Join(s.Warnings, "; "); got != want {
		t.Error(got)
	}
}

func TestAPreviewSaysWhichMessagesASilenceMatches(t *testing.T) {
	d := open(t, "")
	for body, want := range map[string]string{
		`{"matchers":["notifier=ops"],"for":"1h"}`:                           "title 4, title 2, title 0",
		`{"matchers":["notifier=ops"],"when":"payload.id == 2","for":"1h"}`:  "title 2",
		`{"when":"payload.id > 2","for":"1h"}`:                               "title 4, title 3",
		`{"matchers":["level=info","notifier!=ops","rule=done"],"for":"1h"}`: "title 3, title 1",
		`{"matchers":["entity=qase//run/4"],"for":"1h"}`:                     "title 4",
		`{"matchers":["level=error"],"for":"1h"}`:                            "",
	} {
		var found desk.SilencePreview
		status, wrong := d.send(t, "POST", "/api/v1/silences?preview=1h", body, &found)
		var titles []string
		for _, m := range found.Messages {
			titles = append(titles, m.Title)
		}
		if got := strings.Join(titles, ", "); status != 200 || got != want || found.Examined != 5 ||
			found.Matched != len(titles) || !found.Complete {
			t.Errorf("%s: %d %s %+v, want %s", body, status, wrong, found, want)
		}
	}
	if status, wrong := d.send(t, "POST", "/api/v1/silences?preview=1h", `{"for":"1h"}`, nil); status != 400 {
		t.Errorf("%d %s", status, wrong)
	}
	var list struct{ Silences []desk.Silence }
	if d.send(t, "GET", "/api/v1/silences", "", &list); len(list.Silences) != 0 {
		t.Errorf("a preview has added %+v", list.Silences)
	}
}
