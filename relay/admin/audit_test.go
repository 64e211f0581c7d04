package admin

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"qaserelay/relay/admin/desk"
)

// trail returns the audit trail as a line an entry, the oldest first.
func (d *testAPI) trail(t *testing.T, query string) string {
	t.Helper()
	var page desk.AuditPage
	if status, wrong := d.send(t, "GET", "/api/v1/audit?order=asc"+query, "", &page); status != http.StatusOK {
		t.Fatalf("%d %s", status, wrong)
	}
	var lines []string
	for _, e := range page.Entries {
		if e.How != "local" || e.Peer != "127.0.0.1" {
			t.Errorf("%s: by %s from %s", e.Verb, e.How, e.Peer)
		}
		lines = append(lines, fmt.Sprintf("%s %s %s: %s", e.Who, e.Verb, e.Object, e.Outcome))
	}
	return strings.Join(lines, "\n")
}

func TestWhatPeopleDoIsInTheAuditTrail(t *testing.T) {
	d := open(t, "")
	dead := d.deliveries[2].String()
	d.post(t, "/api/v1/deliveries/"+dead+"/retry", "")
	d.post(t, "/api/v1/deliveries/"+dead+"/cancel", "")
	d.post(t, "/api/v1/deliveries/"+dead+"/cancel", "")
	d.post(t, "/api/v1/notifiers/ops/resume", "")
	d.post(t, "/api/v1/notifiers/none/resume", "")
	d.post(t, "/api/v1/events/"+d.events[1].String()+"/replay", `{"dry_run":true}`)
	d.post(t, "/api/v1/events/"+d.events[1].String()+"/replay", "")
	s := d.add(t, `{"matchers":["rule=done"],"for":"2h"}`)
	d.send(t, "PUT", "/api/v1/silences/"+s.ID, `{"comment":"x"}`, &s)
	d.send(t, "DELETE", "/api/v1/silences/"+s.ID, "", &s)
	d.send(t, "POST", "/api/v1/silences", `{"for":"wrong"}`, &s)
	d.call(t, "GET", "/api/v1/events/export")
	want := strings.NewReplacer("DEAD", dead, "EVENT", d.events[1].String(), "SILENCE", s.ID).Replace(
		`local retry DEAD: ok
local cancel DEAD: ok
local cancel DEAD: only dead and pending deliveries can be cancelled
local resume ops: ok
local resume none: no notifier of that name is configured
local replay EVENT: ok
local silence-add SILENCE: ok
local silence-update SILENCE: ok
local silence-expire SILENCE: ok
local export : ok`)
	if got := d.trail(t, ""); got != want {
		t.Errorf("the trail is\n%s\nwant\n%s", got, want)
	}
	if got := d.trail(t, "&object="+dead+"&verb=cancel"); !strings.HasPrefix(got, "local cancel "+dead+": ok\nlocal cancel") {
		t.Errorf("filtered: %s", got)
	}
}
