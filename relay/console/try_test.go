package console_test

import (
	"net/url"
	"strings"
	"testing"

	"qaserelay/relay/admin/access"
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
		{"what is written", url.Values{"do": {"load"}, "rule": {"quiet"}}, []string{"name: quiet, when:"}},
	} {
		status, _, text := g.send("/try", tt.form)
		for _, want := range tt.wants {
			if status != 200 || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
				t.Errorf("%s: got %d, want %s in\n%s", tt.name, status, want, text)
			}
		}
	}
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
