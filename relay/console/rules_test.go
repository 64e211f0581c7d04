package console_test

import (
	"net/url"
	"strings"
	"testing"
)

func TestRulesAreShownAsTheyAreWritten(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	for path, want := range map[string]string{
		"/rules":            `<a href="./rules/failed-run" data-go data-open>failed-run</a>`,
		"/rules/failed-run": `when: event_name == &#34;run.completed&#34; &amp;&amp; payload.failed &gt; 0`,
		"/rules/new-defect": `notify: [{notifier: refused, fallback: [ops]}, mail]`,
	} {
		status, text := g.get(path, "Accept", "text/html")
		if status != 200 || !strings.Contains(text, want) || strings.Contains(text, "s3cret") {
			t.Errorf("%s: got %d, want %s in\n%s", path, status, want, text)
		}
	}
	if status, text := g.get("/rules/none", "Accept", "text/html"); status != 404 || !strings.Contains(text, "no rule none") {
		t.Errorf("got %d %s", status, text)
	}
}

func TestWhyIsAnsweredWithTheFirstStepThatFailed(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	for q, want := range map[string]string{
		"WEB run 7": "2 messages delivered.", ids["aborted"]: "1 message failed for good", "WEB run 99": "has arrived.",
		"https://app.qase.io/case/WEB-10": "no rule matched, and 1 condition failed", "pay by card": "no rule matched",
		"<b>": "has arrived.",
	} {
		status, text := g.get("/why?q="+url.QueryEscape(q), "Accept", "text/html")
		if status != 200 || !strings.Contains(strings.ToLower(text), strings.ToLower(want)) {
			t.Errorf("%s: got %d, want %s in\n%s", q, status, want, text)
		}
	}
	resp := g.do("GET", "/find?q=WEB+run+7", nil, "Accept", "text/html")
	_ = resp.Body.Close()
	if to := resp.Header.Get("Location"); resp.StatusCode != 303 || to != "./why?q=WEB+run+7" {
		t.Errorf("the box in the header leads to %d %s", resp.StatusCode, to)
	}
}
