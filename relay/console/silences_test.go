package console_test

import (
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"qaserelay/relay/admin/access"
)

// send sends a form, and returns the status, where the answer leads to, and its text.
func (g *rig) send(path string, form url.Values, headers ...string) (status int, to, text string) {
	g.t.Helper()
	resp := g.do(http.MethodPost, path, form, append(headers, "Accept", "text/html")...)
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, resp.Header.Get("Location"), string(body)
}

var silenceID = regexp.MustCompile(`id="s-([0-9a-z]{13})"`)

func TestASilenceIsAddedExtendedAndEnded(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	form := url.Values{"matchers": {"project=API"}, "for": {"2h"}, "comment": {"<b>repair</b>"}, "do": {"add"}}
	if status, to, text := g.send("/silences/new", form); status != http.StatusSeeOther || to != "../silences" {
		t.Fatalf("adding: %d, to %q\n%s", status, to, text)
	}
	_, list := g.get("/silences", "Accept", "text/html")
	found := silenceID.FindStringSubmatch(list)
	if found == nil || !strings.Contains(list, "project=API") || !strings.Contains(list, "&lt;b&gt;repair&lt;/b&gt;") {
		t.Fatalf("the list does not show the silence:\n%s", list)
	}
	_, before := g.get("/api/v1/silences/" + found[1])
	if status, to, _ := g.send("/silences/"+found[1]+"/extend", url.Values{"by": {"1d"}}); status != http.StatusSeeOther || to != "../../silences" {
		t.Errorf("extending: %d, to %q", status, to)
	}
	_, after := g.get("/api/v1/silences/" + found[1])
	ends := regexp.MustCompile(`"ends_at":"[^"]*"`)
	if ends.FindString(before) == ends.FindString(after) {
		t.Errorf("the end did not move: %s", after)
	}
	if status, _, _ := g.send("/silences/"+found[1]+"/expire", nil); status != http.StatusSeeOther {
		t.Errorf("ending: %d", status)
	}
	if status, _, text := g.send("/silences/"+found[1]+"/extend", url.Values{"by": {"1h"}}); status != http.StatusConflict ||
		!strings.Contains(text, "expired already") {
		t.Errorf("extending an expired one: %d\n%s", status, text)
	}
	if _, list = g.get("/silences", "Accept", "text/html"); !strings.Contains(list, "silences/new?comment=") {
		t.Errorf("an expired silence cannot be made again:\n%s", list)
	}
}

func TestABroadSilenceIsConfirmed(t *testing.T) {
	g := start(t, rigOptions{})
	form := url.Values{"matchers": {"project=WEB"}, "for": {"2h"}, "comment": {"repair"}, "do": {"add"}}
	preview := url.Values{"matchers": {"project=WEB"}, "for": {"2h"}, "comment": {"repair"}, "do": {"preview"}}
	if status, _, text := g.send("/silences/new", preview); status != http.StatusOK || !strings.Contains(text, "held back 0 of 0 messages") {
		t.Errorf("a preview without messages: %d\n%s", status, text)
	}
	g.story()
	status, _, text := g.send("/silences/new", form)
	if status != http.StatusOK || !strings.Contains(text, `name="word"`) || !strings.Contains(text, "all messages") {
		t.Errorf("a broad silence: %d\n%s", status, text)
	}
	form.Set("word", "yes")
	if status, _, text = g.send("/silences/new", form); status != http.StatusOK || !strings.Contains(text, "The word was another one") {
		t.Errorf("a wrong word: %d\n%s", status, text)
	}
	if _, list := g.get("/api/v1/silences"); strings.Contains(list, "ends_at") {
		t.Errorf("it was added without the word: %s", list)
	}
	form.Set("word", "silence")
	if status, to, _ := g.send("/silences/new", form); status != http.StatusSeeOther || to != "../silences" {
		t.Errorf("with the word: %d, to %q", status, to)
	}
}

func TestAWrongSilenceStaysInItsForm(t *testing.T) {
	g := start(t, rigOptions{})
	for _, c := range []struct{ name, field, value, want string }{
		{"no reason", "comment", "", "say why"},
		{"no matcher", "matchers", "", "every message"},
		{"unknown field", "matchers", "projekt=WEB", "project"},
		{"wrong pattern", "matchers", `project=~"("`, "project=~"},
		{"wrong duration", "for", "soon", "for"},
		{"wrong end", "ends_at", "<i>tomorrow</i>", "ends_at"},
		{"wrong condition", "when", "payload.failed >", "when"},
	} {
		form := url.Values{"matchers": {"project=WEB"}, "for": {"2h"}, "comment": {"repair"}, "do": {"add"}}
		form.Set(c.field, c.value)
		status, _, text := g.send("/silences/new", form)
		_, problem, _ := strings.Cut(text, `role="alert">`)
		problem, _, _ = strings.Cut(problem, "</p>")
		if status != http.StatusBadRequest || !strings.Contains(problem, c.want) || strings.Contains(text, "<i>tomorrow") {
			t.Errorf("%s: %d, %q", c.name, status, problem)
		}
	}
}

func TestTheFormOfASilenceIsFilledFromAFilter(t *testing.T) {
	g := start(t, rigOptions{})
	_, text := g.get("/silences/new?project=WEB&rule=failed+run&nosuch=1", "Accept", "text/html")
	if !strings.Contains(text, "rule=&#34;failed run&#34;\nproject=WEB</textarea>") {
		t.Errorf("the form:\n%s", text)
	}
}

func TestAReaderChangesNoSilence(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Tokens: []access.Token{
		{Name: "ana", Role: access.Read, Secret: "reader-reader-reader-1"}, {Name: "bob", Role: access.Operate, Secret: "operator-operator-1"}}}})
	reader := []string{"Authorization", "Bearer reader-reader-reader-1"}
	for _, path := range []string{"/silences/new", "/silences/06bq1rk2tv8c0/expire", "/silences/06bq1rk2tv8c0/extend",
		"/waiting/06bq1rk2tv8c0/flush", "/waiting/06bq1rk2tv8c0/drop"} {
		if status, _, text := g.send(path, nil, reader...); status != http.StatusForbidden || !strings.Contains(text, "ana may read") {
			t.Errorf("%s: %d\n%s", path, status, text)
		}
	}
	if _, text := g.get("/silences", append(reader, "Accept", "text/html")...); strings.Contains(text, "New silence") {
		t.Error("a reader is offered a new silence")
	}
}

func TestASilenceIsBegunFromWhatItIsAbout(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	for path, want := range map[string]string{
		"/events?project=WEB&rule=failed-run&state=dead":   "silences/new?project=WEB&amp;rule=failed-run",
		"/deliveries?notifier=ops&event=run.completed":     "silences/new?event=run.completed&amp;notifier=ops",
		"/deliveries?notifier=ops&event=" + ids["aborted"]: `silences/new?notifier=ops"`,
		"/notifiers/ops":            `silences/new?notifier=ops"`,
		"/rules/failed-run":         `silences/new?rule=failed-run"`,
		"/events/" + ids["aborted"]: "silences/new?entity=qase%2FWEB%2Frun%2F8",
		"/entities/qase/WEB/run/8":  "silences/new?entity=qase%2fWEB%2frun%2f8",
		"/why?q=" + ids["aborted"]:  "silences/new?entity=qase%2FWEB%2Frun%2F8",
	} {
		if _, text := g.get(path, "Accept", "text/html"); !strings.Contains(text, want) {
			t.Errorf("%s lacks %s: %s", path, want, text)
		}
	}
	for _, path := range []string{"/events", "/events?state=dead", "/deliveries"} {
		if _, text := g.get(path, "Accept", "text/html"); strings.Contains(text, "silences/new?") {
			t.Errorf("%s offers a silence about everything", path)
		}
	}
	g.shows(map[string][]string{"/silences/new?project=WEB&rule=failed-run": {"rule=failed-run\nproject=WEB"}})
}
