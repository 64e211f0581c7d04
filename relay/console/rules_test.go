package console_test

import (
	htmltext "html"
	"net/url"
	"os"
	"strconv"
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

func TestARuleShowsWhatItDidAndNearlyDid(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	passed := g.post(event("run.completed", 8, `"title":"Green","cases":3,"passed":3,"failed":0`))
	g.settle(map[string]string{"passed": passed})
	g.shows(map[string][]string{
		"/rules": {`<path d="M82 16v-16"/>`, `since=7d" data-go>1</a>`, "1 error", "never matched"},
		"/rules/failed-run": {"Matches and errors of failed-run: 1 events since", "all but one of the 2 parts", passed, "<code>payload.failed &gt; 0</code>",
			"payload.failed = 0", "Nightly regression: 3 of 14 test cases failed", `silences/new?rule=failed-run`, `href="?window=7d"`},
		"/rules/failed-run?window=7d":      {"Matches and errors of failed-run: 1 events since", `>7d</a>`},
		"/rules/quiet":                     {ids["case"], "<code>payload.id &lt; 0</code>", "It matched nothing in this time", "never matched"},
		"/rules/aborted-run":               {"has a single part", "dead"},
		"/rules/broken":                    {"Matches and errors of broken: 1 events since", ids["broken"]},
		"/rules/failed-run?near=" + passed: {"No event missed it by one part", "Newest"},
	})
	if _, text := g.get("/rules/failed-run", "Accept", "text/html"); strings.Contains(text, ids["started"]) || strings.Contains(text, ids["case"]) {
		t.Errorf("events are near misses that the rule cannot match: %s", text)
	}
	if status, _ := g.get("/rules/failed-run?near=x", "Accept", "text/html"); status != 400 {
		t.Errorf("a wrong page of near misses: %d", status)
	}
}

func TestALoadThatFailedIsShownWithItsLines(t *testing.T) {
	g := start(t, rigOptions{})
	text, err := os.ReadFile(g.rules)
	if err != nil {
		t.Fatal(err)
	}
	bad := strings.Replace(string(text), "notify: [qa-slack, ops]", "notify: [qa-slak, ops]", 1)
	bad = strings.Replace(bad, "headers: {X-Key: s3cret}", "headrs: {X-Key: s3cret}", 1)
	if err := os.WriteFile(g.rules, []byte(bad), 0o600); err != nil {
		t.Fatal(err)
	}
	if resp, text := g.page("POST", "/-/reload", nil); resp.StatusCode != 422 {
		t.Fatalf("reloading: %s %s", resp.Status, text)
	}
	g.shows(map[string][]string{"/rules": {"The last load failed", "rules.yaml:14:14", "did you mean &#34;qa-slack&#34;?",
		"    notify: [<mark>qa-slak</mark>", "The rules below apply since", "headrs"}})
}

func TestALinkToAListKeepsTheWholeName(t *testing.T) {
	g := start(t, rigOptions{})
	const name = `a "b" & c/d+e`
	g.post(strings.Replace(event("run.aborted", 8, `"title":"Smoke"`), `"WEB"`, strconv.Quote(name), 1))
	for _, path := range []string{"/sources", "/"} {
		_, page := g.get(path, "Accept", "text/html")
		found := 0
		for _, link := range links.FindAllStringSubmatch(page, -1) {
			u, err := url.Parse(htmltext.UnescapeString(link[1]))
			if err != nil || !u.Query().Has("project") {
				continue
			}
			if found++; u.Query().Get("project") != name {
				t.Errorf("%s: %s leads to the project %q", path, link[1], u.Query().Get("project"))
			}
		}
		if found == 0 {
			t.Errorf("%s has no link to the project: %s", path, page)
		}
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
