package console_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/trial"
)

func TestAnEventIsTriedWithADraft(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	for path, want := range map[string]string{
		"/try":                           "Choose an event",
		"/try?event=" + ids["completed"]: "By the current rules, 2 messages would be sent",
		"/try?event=case.created":        "By the current rules, nothing would be sent",
		"/try?rule=failed-run":           "- name: failed-run\n    when: event_name == &#34;run.completed&#34;",
		"/try?event=nonsense.x":          "nothing would be sent",
		"/try?event=zzz":                 "nothing would be sent",
		"/try?rule=none":                 "no rule none",
		"/try?event=run.started":         "event_name = &#34;run.started&#34;",
	} {
		if _, text := g.get(path, "Accept", "text/html"); !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: want %s in\n%s", path, want, text)
		}
	}
	const draft = "- name: failed-run\r\n  when: event_name == \"run.completed\"\r\n  title: New <b>title</b>\r\n  notify: [qa-slack]"
	for _, tt := range []struct {
		name  string
		form  url.Values
		wants []string
	}{
		{"a draft", url.Values{"event": {ids["completed"]}, "draft": {draft}},
			[]string{"By the draft, 1 message would be sent", "New &lt;b&gt;title&lt;/b&gt;", "changed", "lost", "failed-run → ops"}},
		{"a draft with an error", url.Values{"event": {"run.completed"}, "draft": {strings.Replace(draft, "qa-slack", "qa-slak", 1)}},
			[]string{"the draft has errors", "draft:4:12", "(did you mean &#34;qa-slack&#34;?)", "<mark>qa-slak]</mark>"}},
		{"a pasted event", url.Values{"body": {`{"event_name":"run.aborted","project_code":"API","payload":{"id":1}}`}},
			[]string{"By the current rules, 1 message would be sent", "run.aborted API"}},
		{"a broken event", url.Values{"body": {`{`}}, []string{"not valid JSON"}},
		{"a wrong time", url.Values{"event": {"run.completed"}, "at": {"now"}}, []string{"write a time like"}},
		{"the whole file", url.Values{"event": {"run.completed"}, "kind": {"file"}, "draft": {"rules: ["}}, []string{"not valid YAML"}},
		{"what is written, beside a pasted event", url.Values{"do": {"load"}, "rule": {"quiet"}, "body": {"{}"}}, []string{"name: quiet, when:"}},
	} {
		status, _, text := g.send("/try", tt.form)
		for _, want := range tt.wants {
			if status != 200 || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
				t.Errorf("%s: got %d, want %s in\n%s", tt.name, status, want, text)
			}
		}
	}
}

// The address has what the form asks for, so that it can be opened again.
func TestWhatIsWrittenIsAtAnAddress(t *testing.T) {
	g := start(t, rigOptions{})
	for _, tt := range []struct {
		form       url.Values
		want, text string
	}{
		{url.Values{"rule": {"quiet"}, "kind": {"rule"}, "event": {"run.completed"}}, "./try?event=run.completed&rule=quiet", "name: quiet, when:"},
		{url.Values{"rule": {"quiet"}, "kind": {"file"}, "file": {g.rules}}, "./try?file=" + url.QueryEscape(g.rules), "name: failed-run"},
		{url.Values{}, "./try", "Choose an event"},
		{url.Values{"event": {"run.completed"}, "given": {"run.started"}, "alone": {"on"}, "at": {"2026-01-05T09:00:00Z"}, "source": {"qase"}},
			"./try?alone=on&at=2026-01-05T09%3A00%3A00Z&event=run.completed&given=run.started&source=qase", "after run.started"},
	} {
		tt.form.Set("do", "load")
		status, to, _ := g.send("/try", tt.form)
		if status != http.StatusSeeOther || to != tt.want {
			t.Errorf("%v: got %d %s, want %s", tt.form, status, to, tt.want)
		}
		if _, text := g.get(strings.TrimPrefix(to, "."), "Accept", "text/html"); !strings.Contains(text, tt.text) {
			t.Errorf("%s: want %s in\n%s", to, tt.text, text)
		}
	}
}

func TestATestIsMadeOfAnyEvent(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	const sent = "rule: failed-run\n        notifier: qa-slack"
	for _, tt := range []struct {
		name, want string
		form       url.Values
	}{
		{"a stored event", sent, url.Values{"event": {ids["completed"]}}}, {"an example", "expect: []", url.Values{"event": {"run.completed"}}},
		{"a pasted event", sent, url.Values{"body": {`{"event_name":"run.completed","project_code":"API","payload":{"id":1,"failed":2}}`}}},
	} {
		tt.form.Set("do", "test")
		tt.form.Set("draft", "- nonsense")
		if status, _, text := g.send("/try", tt.form); status != 200 || !strings.Contains(text, "tests:\n  - name: run.completed of ") ||
			!strings.Contains(text, tt.want) || !strings.Contains(text, "- nonsense</textarea>") {
			t.Errorf("%s: %d %s", tt.name, status, text)
		}
	}
	if status, _, text := g.send("/try", url.Values{"event": {"01f3k9q2m0g00"}, "do": {"test"}}); status != 200 || !strings.Contains(text, "no event has the id") {
		t.Errorf("an event that is not stored: %d %s", status, text)
	}
}

func TestADraftIsBacktestedByAForm(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	form := url.Values{"kind": {"rule"}, "rule": {"failed-run"}, "since": {"1h"}, "event": {"run.completed"},
		"draft": {"- name: failed-run\n  when: event_name startsWith \"run.\" && event_name != \"run.completed\"\n  notify: [ops]"}}
	status, to, text := g.send("/backtests", form)
	if status != 303 || !strings.HasPrefix(to, "./backtests/") {
		t.Fatalf("%d %s %s", status, to, text)
	}
	path := strings.TrimPrefix(to, ".")
	g.await("/api/v1"+path, `"state":"done"`)
	var done trial.Backtest
	_, answer := g.get("/api/v1" + path)
	if err := json.Unmarshal([]byte(answer), &done); err != nil || done.Report == nil || len(done.Report.PerRule) < 4 {
		t.Fatalf("%v: %s", err, answer)
	}
	_, text = g.get(path, "Accept", "text/html")
	for _, r := range done.Report.PerRule {
		row := fmt.Sprintf(`<th scope="row">%s</th><td class="num" data-label="Matches">%d</td><td class="num" data-label="Before">%d</td>`+
			`<td class="num" data-label="Gained">%d</td><td class="num" data-label="Lost">%d</td><td class="num" data-label="Errors">%d`,
			r.Rule, r.Events, r.Before, r.Gained, r.Lost, r.Errors)
		if !strings.Contains(text, row) {
			t.Errorf("the page lacks %s: %s", row, text)
		}
	}
	for _, n := range done.Report.PerWay {
		row := fmt.Sprintf(`<th scope="row">%s</th><td class="num" data-label="Messages">%d</td><td class="num" data-label="Before">%d</td>`+
			`<td class="num" data-label="Gained">%d</td><td class="num" data-label="Lost">%d</td>`, n.Notifier, n.Messages, n.Before, n.Added, n.Removed)
		if !strings.Contains(text, row) {
			t.Errorf("the page lacks %s: %s", row, text)
		}
	}
	for _, want := range []string{"Done: 6 events", "gained", "lost", ids["completed"], ids["aborted"]} {
		if !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("the page lacks %s: %s", want, text)
		}
	}
	if status, _, _ := g.send(path+"/stop", nil); status != 303 {
		t.Errorf("stopping one that has ended: %d", status)
	}
	g.await("/api/v1/audit", `"verb":"backtest","object":"`+done.ID)
	for name, want := range map[string]string{"no draft": "say which draft", "a wrong draft": "cannot begin another document"} {
		form.Set("draft", map[string]string{"no draft": "", "a wrong draft": "---\n"}[name])
		status, to, text := g.send("/backtests", form)
		if status == 303 {
			g.await("/api/v1"+strings.TrimPrefix(to, "."), `"state":"done"`)
			_, text = g.get(strings.TrimPrefix(to, "."), "Accept", "text/html")
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %d %s", name, status, text)
		}
	}
	g.shows(map[string][]string{g.backtest(): {"The draft has errors, so no event was decided", "draft:3:12", "did you mean &#34;ops&#34;?"}})
	if status, text := g.get("/backtests/none", "Accept", "text/html"); status != 404 || !strings.Contains(text, "No such backtest") {
		t.Errorf("one that is not there: %d %s", status, text)
	}
}

// backtest runs a draft to its end, and returns the path of its page.
func (g *rig) backtest() string {
	g.t.Helper()
	status, to, text := g.send("/backtests", url.Values{"since": {"1h"}, "draft": {"- name: failed-run\n  when: event_name == \"run.aborted\"\n  notify: [opss, ops]"}})
	if status != 303 {
		g.t.Fatalf("a backtest: %d %s", status, text)
	}
	path := strings.TrimPrefix(to, ".")
	g.await("/api/v1"+path, `"state":"done"`)
	return path
}

func TestAReaderTriesTheCurrentRulesOnly(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Tokens: []access.Token{{Name: "ben", Role: access.Read, Secret: "bbbb"}}}})
	bearer := []string{"Authorization", "Bearer bbbb"}
	if status, _, text := g.send("/try", url.Values{"event": {"run.aborted"}}, bearer...); status != 200 ||
		!strings.Contains(text, "1 message would be sent") || strings.Contains(text, `name="draft"`) {
		t.Errorf("got %d %s", status, text)
	}
	if status, _, text := g.send("/try", url.Values{"event": {"run.aborted"}, "draft": {"- name: x"}}, bearer...); status != 403 ||
		!strings.Contains(text, "a draft needs the role operate") {
		t.Errorf("a draft: %d %s", status, text)
	}
}
