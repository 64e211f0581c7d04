package console_test

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
)

var firstID = regexp.MustCompile(`"id":"([0-9a-z]{13})"`)

// first returns the first id in an answer of the API.
func (g *rig) first(path string) string {
	g.t.Helper()
	_, text := g.get(path)
	found := firstID.FindStringSubmatch(text)
	if found == nil {
		g.t.Fatalf("%s has no id: %s", path, text)
	}
	return found[1]
}

func TestDeliveriesAreListedByEachFilter(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	rows := regexp.MustCompile(`id="d-`)
	for query, want := range map[string]int{
		"": 6, "?state=dead": 2, "?state=delivered": 3, "?notifier=ops": 2, "?rule=failed-run": 2, "?project=WEB": 6,
		"?project=NONE": 0, "?event=defect.created": 3, "?event=" + ids["aborted"]: 1, "?since=1h": 6, "?until=2020-01-01T00:00:00Z": 0,
		"?state=dead&notifier=refused&rule=aborted-run": 1, "?state=lost": 6, "?nosuch=1": 6, "?before=x": 6,
		"?reason=clientError": 2, "?reason=clientError&notifier=refused&rule=aborted-run": 1, "?reason=dns": 0, "?reason=lost": 6,
		"?reason=clientError&state=delivered": 0,
	} {
		_, text := g.get("/deliveries"+query, "Accept", "text/html")
		if got := len(rows.FindAllString(text, -1)); got != want {
			t.Errorf("%s: %d rows, want %d", query, got, want)
		}
		if hasNote := strings.Contains(text, `class="note"`); hasNote != (query == "?state=lost" || query == "?reason=lost" || query == "?nosuch=1" || query == "?before=x") {
			t.Errorf("%s: a note: %v", query, hasNote)
		}
	}
	_, text := g.get("/dead?reason=clientError", "Accept", "text/html")
	if got := len(rows.FindAllString(text, -1)); got != 2 || !strings.Contains(text, `name="reason" value="clientError"`) {
		t.Errorf("dead letters by their reason: %d rows: %s", got, text)
	}
	if _, text := g.get("/dead?reason=dns", "Accept", "text/html"); strings.Contains(text, `id="d-`) {
		t.Errorf("dead letters of another reason: %s", text)
	}
	if _, text := g.get("/notifiers/refused", "Accept", "text/html"); !strings.Contains(text,
		"deliveries?notifier=refused&reason=clientError&since=24h") {
		t.Errorf("the reasons of a notifier lead nowhere: %s", text)
	}
	if _, text := g.get("/deliveries.csv?state=dead"); strings.Count(text, "\n") != 3 || !strings.HasPrefix(text, "id,event_id,") {
		t.Errorf("the CSV file:\n%s", text)
	}
	if _, text := g.get("/deliveries.jsonl?state=dead"); strings.Count(text, "\n") != 2 || !strings.HasPrefix(text, `{"id":`) {
		t.Errorf("the JSONL file:\n%s", text)
	}
}

func TestADeliveryIsRetriedAndCancelled(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	id := g.first("/api/v1/deliveries?state=dead&rule=aborted-run")
	_, text := g.get("/deliveries/"+id, "Accept", "text/html")
	if !strings.Contains(text, "404 Not Found") || !strings.Contains(text, "no such &lt;b&gt;hook") || !strings.Contains(text, "Send again") {
		t.Errorf("the page of a dead delivery:\n%s", text)
	}
	for _, verb := range []string{"retry", "rerender"} {
		if status, to, answer := g.send("/deliveries/"+id+"/"+verb, url.Values{"from": {"delivery"}}); status != http.StatusSeeOther || to != "../../deliveries/"+id {
			t.Errorf("%s: %d, to %q\n%s", verb, status, to, answer)
		}
		g.await("/api/v1/deliveries/"+id, `"state":"dead"`)
	}
	if status, to, _ := g.send("/deliveries/"+id+"/cancel", nil); status != http.StatusSeeOther ||
		!strings.HasPrefix(to, "../../events/") || !strings.HasSuffix(to, "#d-"+id) {
		t.Errorf("cancel: %d, to %q", status, to)
	}
	if status, _, answer := g.send("/deliveries/"+id+"/cancel", nil); status != http.StatusConflict || !strings.Contains(answer, "can be cancelled") {
		t.Errorf("cancelling a cancelled one: %d\n%s", status, answer)
	}
	if status, _, _ := g.send("/deliveries/06bq1rk2tv8c0/retry", nil); status != http.StatusNotFound {
		t.Errorf("retrying one that does not exist: %d", status)
	}
}
