package console_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/store"
)

// bury stores dead deliveries to a notifier that is not configured.
func (g *rig) bury(n int) {
	g.t.Helper()
	s, ids, ctx := g.relay.Store(), store.NewIDs(7), g.t.Context()
	for n > 0 {
		var plan store.Plan
		event := ids.Next(time.Now()) // an event is older than its deliveries
		for ; n > 0 && len(plan.Deliveries) < 500; n-- {
			plan.Deliveries = append(plan.Deliveries, store.NewDelivery{ID: ids.Next(time.Now()), Rule: "old", Notifier: "gone",
				Title: "Nightly <b>run</b>", Message: []byte(`{"id":"x","rule":"old","level":"info","title":"t"}`)})
		}
		ev := store.Event{ID: event, Source: "qase", Name: "run.completed", Project: "OLD",
			Hash: [32]byte{1, byte(n), byte(n >> 8)}, Body: []byte(`{"event_name":"run.completed","payload":{}}`), ReceivedAt: time.Now()}
		if _, err := s.Accept(ctx, []store.Event{ev},
			func(int, func(string) ([]byte, error)) (store.Plan, error) { return plan, nil }); err != nil {
			g.t.Fatal(err)
		}
	}
	for {
		claimed, err := s.Claim(ctx, "gone", 500)
		if err != nil {
			g.t.Fatal(err)
		}
		if len(claimed) == 0 {
			return
		}
		var dead []store.Outcome
		for _, d := range claimed {
			dead = append(dead, store.Outcome{ID: d.ID, Lease: d.Lease, State: store.Dead,
				Attempt: &store.Attempt{At: time.Now(), Status: "404 Not Found", Error: "no hook " + d.ID.String(), Reason: "x"}})
		}
		if err := s.Finish(ctx, dead); err != nil {
			g.t.Fatal(err)
		}
	}
}

func TestDeadLettersAreGroupedAndSentAgain(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	_, text := g.get("/dead", "Accept", "text/html")
	if !strings.Contains(text, "2 messages") || strings.Count(text, `name="id" value="`) != 2 ||
		!strings.Contains(text, `<span class="count">2</span>`) || strings.Count(text, `aria-label="Send again: refused, `) != 1 {
		t.Errorf("the page:\n%s", text)
	}
	status, _, text := g.send("/dead", url.Values{"do": {"retry"}, "notifier": {"refused"}})
	if status != http.StatusOK || !strings.Contains(text, "Send 2 messages again: refused 2.") || !strings.Contains(text, "Oldest: ") ||
		strings.Contains(text, `name="typed"`) {
		t.Fatalf("the question: %d\n%s", status, text)
	}
	if _, list := g.get("/api/v1/jobs"); list != "{\"jobs\":[]}\n" {
		t.Errorf("a question starts a job: %s", list)
	}
	status, to, text := g.send("/dead", url.Values{"do": {"retry"}, "notifier": {"refused"}, "seen": {"2"}, "seen_younger": {""}})
	if status != http.StatusSeeOther || !strings.HasPrefix(to, "./jobs/") {
		t.Fatalf("confirmed: %d, to %q\n%s", status, to, text)
	}
	job := strings.TrimPrefix(to, ".")
	g.await("/api/v1"+job, `"state":"done"`)
	_, text = g.get(job, "Accept", "text/html")
	for _, want := range []string{`role="progressbar"`, `aria-valuenow="100"`, "2 of 2: 2 done", "deliveries?notifier=refused",
		"audit?object=" + strings.TrimPrefix(job, "/jobs/")} {
		if !strings.Contains(text, want) {
			t.Errorf("the page of the job lacks %s:\n%s", want, text)
		}
	}
	if status, _, text := g.send(job+"/stop", nil); status != http.StatusConflict || !strings.Contains(text, "ended already") {
		t.Errorf("stopping it: %d\n%s", status, text)
	}
	if status, _, _ := g.send("/jobs/06bq1rk2tv8c0/stop", nil); status != http.StatusNotFound {
		t.Errorf("stopping none: %d", status)
	}
}

func TestTickedMessagesAreCancelled(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	id := g.first("/api/v1/deliveries?state=dead&rule=aborted-run")
	if status, _, text := g.send("/dead", url.Values{"do": {"cancel"}, "of": {"ticked"}}); status != http.StatusBadRequest ||
		!strings.Contains(text, "Tick the messages first") {
		t.Errorf("nothing ticked: %d\n%s", status, text)
	}
	status, _, text := g.send("/dead", url.Values{"do": {"cancel"}, "of": {"ticked"}, "id": {id}})
	if status != http.StatusOK || !strings.Contains(text, "Cancel 1 message: refused 1.") || strings.Contains(text, `name="younger"`) {
		t.Errorf("the question: %d\n%s", status, text)
	}
	status, to, text := g.send("/dead", url.Values{"do": {"cancel"}, "id": {id}, "seen": {"1"}, "seen_younger": {""}})
	if status != http.StatusSeeOther {
		t.Fatalf("confirmed: %d\n%s", status, text)
	}
	g.await("/api/v1"+strings.TrimPrefix(to, "."), `"state":"done"`)
	g.await("/api/v1/deliveries/"+id, `"state":"cancelled"`)
	for name, form := range map[string]url.Values{
		"a verb": {"do": {"explode"}, "notifier": {"refused"}}, "an id": {"do": {"cancel"}, "id": {"<b>"}},
	} {
		if status, _, text := g.send("/dead", form); status < 400 || status > 409 || strings.Contains(text, "<b>\"") {
			t.Errorf("%s that is none: %d\n%s", name, status, text)
		}
	}
}

func TestTheNumberOfVeryManyMessagesIsTyped(t *testing.T) {
	g := start(t, rigOptions{})
	g.bury(1312)
	_, text := g.get("/dead", "Accept", "text/html")
	counted := strings.Contains(text, "<h2>1,312 messages") || strings.Contains(text, "<h2>More than ") // it looks for a moment only
	if !counted || !strings.Contains(text, "no hook …") || strings.Contains(text, "<b>run") {
		t.Errorf("the page:\n%.4000s", text)
	}
	form := url.Values{"do": {"cancel"}, "notifier": {"gone"}}
	_, _, text = g.send("/dead", form)
	if !strings.Contains(text, "Cancel 1,312 messages: gone 1,312.") || !strings.Contains(text, `name="typed"`) ||
		!strings.Contains(text, "gone is not in the current rules") {
		t.Errorf("the question:\n%s", text)
	}
	form.Set("seen", "1312")
	form.Set("seen_younger", "")
	for _, typed := range []string{"", "1", "yes"} {
		form.Set("typed", typed)
		if status, _, text := g.send("/dead", form); status != http.StatusOK || !strings.Contains(text, "type 1,312") {
			t.Errorf("typed %q: %d\n%s", typed, status, text)
		}
	}
	form.Set("younger", "soon")
	if status, _, text := g.send("/dead", form); status != http.StatusOK || !strings.Contains(text, "younger: want a time") {
		t.Errorf("a wrong age: %d\n%s", status, text)
	}
	form.Set("younger", "1h") // others than those that were seen
	form.Set("typed", "1,312")
	if status, _, text := g.send("/dead", form); status != http.StatusOK || !strings.Contains(text, `name="seen_younger" value="1h"`) {
		t.Errorf("another age: %d\n%s", status, text)
	}
	form.Set("seen_younger", "1h")
	status, to, text := g.send("/dead", form)
	if status != http.StatusSeeOther {
		t.Fatalf("confirmed: %d\n%s", status, text)
	}
	g.await("/api/v1"+strings.TrimPrefix(to, "."), `"state":"done"`)
	if _, text = g.get("/dead", "Accept", "text/html"); !strings.Contains(text, "No dead letter") {
		t.Errorf("some are left:\n%.2000s", text)
	}
}

func TestAReaderChangesNoDeadLetter(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Tokens: []access.Token{{Name: "ana", Role: access.Read, Secret: "reader-reader-reader-1"}}}})
	g.bury(3)
	reader := []string{"Authorization", "Bearer reader-reader-reader-1"}
	for _, path := range []string{"/dead", "/jobs/06bq1rk2tv8c0/stop"} {
		if status, _, text := g.send(path, url.Values{"do": {"cancel"}, "notifier": {"gone"}}, reader...); status != http.StatusForbidden ||
			!strings.Contains(text, "ana may read") {
			t.Errorf("%s: %d\n%s", path, status, text)
		}
	}
	if _, text := g.get("/dead", append(reader, "Accept", "text/html")...); strings.Contains(text, `type="checkbox"`) ||
		strings.Contains(text, ">Cancel") || !strings.Contains(text, "3 messages") {
		t.Errorf("a reader sees:\n%s", text)
	}
}

// TestTheProgressOfAJobIsLive follows a job in a browser, from the group of its messages on.
func TestTheProgressOfAJobIsLive(t *testing.T) {
	g := start(t, rigOptions{})
	g.bury(20)
	b := newTab(t, g.Admin)
	b.visit("/events")
	b.press("g")
	b.press("x")
	b.await(`location.pathname === "/dead" && document.querySelector("#groups td.do button")`)
	b.do(chromedp.Click(chromedp.CSS("#groups td.do button.danger")))
	b.await(`document.querySelector(".ask h1")?.textContent === "Cancel: 20 messages?"`)
	b.axe("the question")
	b.do(chromedp.Click(chromedp.CSS(".ask button.danger")))
	b.await(`location.pathname.startsWith("/jobs/") && document.querySelector("[role=progressbar]")?.ariaValueNow === "100"`)
	b.await(`document.querySelector(".head .badge")?.textContent === "done"`)
	b.axe("the job")
	b.check("the job")
}
