package console_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
)

// shows asks for pages, and fails where one lacks a text.
func (g *rig) shows(pages map[string][]string) {
	g.t.Helper()
	for path, wants := range pages {
		status, text := g.get(path, "Accept", "text/html")
		for _, want := range wants {
			if status != 200 || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
				g.t.Errorf("%s: got %d, want %s in\n%s", path, status, want, text)
			}
		}
	}
}

func TestAnEventIsComparedWithTheOneBefore(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	other := g.post(strings.Replace(event("run.started", 7, `"title":"Other"`), `"WEB"`, `"API"`, 1))
	g.shows(map[string][]string{
		"/events/" + ids["completed"] + "/compare": {"Since the event before about the same thing", ids["started"],
			`<code>payload.failed</code>`, "added", `<code>event_name</code>`, "changed", "&#34;run.started&#34;"},
		"/events/" + ids["started"] + "/compare":                          {"There is no earlier event about the same thing"},
		"/events/" + other + "/compare":                                   {"There is no earlier event about the same thing"},
		"/events/" + ids["started"] + "/compare?with=" + ids["completed"]: {"Compared with", "removed", "payload.failed"},
		"/events/" + ids["started"]:                                       {"all about run 7", `href="../entities/qase/WEB/run/7"`, `href="../events/` + ids["started"] + `/compare"`},
		"/deliveries/" + g.first("/api/v1/deliveries?rule=failed-run"):    {`href="../entities/qase/WEB/run/7"`},
	})
	older := store.FirstID(time.Now().Add(-time.Hour)).String()
	for path, want := range map[string]int{"/compare?with=x": 400, "/compare?with=" + older: 404} {
		if status, text := g.get("/events/"+ids["completed"]+path, "Accept", "text/html"); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, _ := g.get("/events/06bq1rk2tv8c0/compare", "Accept", "text/html"); status != 404 {
		t.Errorf("an event that is not stored: %d", status)
	}
}

func TestAnEntityHasAllThatIsKnownOfIt(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	step := g.post(event("shared_step.created", 1, `"title":"Log in","hash":"a/b %2F"`))
	g.send("/silences/new", url.Values{"matchers": {"entity=qase/WEB/run/7\nrule=failed-run"}, "for": {"2h"}, "do": {"add"}, "word": {"silence"},
		"comment": {"known"}})
	g.send("/silences/new", url.Values{"matchers": {"project=API"}, "for": {"2h"}, "do": {"add"}, "word": {"silence"}, "comment": {"another project"}})
	g.shows(map[string][]string{
		"/entities/qase/WEB/run/7": {"Run 7", "Nightly regression", ids["started"], ids["completed"], "failed-run", "delivered",
			"https://app.qase.io/run/WEB/dashboard/7", "<dt>Cases</dt><dd dir=\"auto\">14</dd>", "<dt>Created by</dt><dd dir=\"auto\">Ana López</dd>",
			"entity=qase/WEB/run/7", "79 %", "entity=qase%2fWEB%2frun%2f7"},
		"/entities/qase/WEB/defect/9":                  {"Defect 9", "Login fails", ids["defect"], "dead"},
		"/entities/qase/WEB/shared_step/a%2Fb%20%252F": {"Shared step a/b %2F", step, "a digest gathers messages"},
	})
	g.shows(map[string][]string{"/events/" + step: {`href="../entities/qase/WEB/shared_step/a%2Fb%20%252F"`}})
	if _, text := g.get("/entities/qase/WEB/run/7", "Accept", "text/html"); strings.Contains(text, ids["aborted"]) || strings.Contains(text, "another project") {
		t.Errorf("what is about other things is shown: %s", text)
	}
	if status, text := g.get("/entities/qase/API/run/7", "Accept", "text/html"); status != 404 || !strings.Contains(text, "No event about run 7 is stored") {
		t.Errorf("run 7 of another project: %d %s", status, text)
	}
	if status, _ := g.get("/entities/qase/WEB/run/7?before=x", "Accept", "text/html"); status != 400 {
		t.Errorf("a wrong page: %d", status)
	}
}
