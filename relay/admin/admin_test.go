package admin

import (
	"errors"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/store"
	"qaserelay/rules/diag"
)

func TestEveryAddressAnswers(t *testing.T) {
	d := open(t, "")
	event, delivery := d.events[2].String(), d.deliveries[2].String()
	cases := []struct {
		name, method, path string
		status             int
		has                string // part of the answer
	}{
		{"the first page lists the others", "GET", "/", 200, "/api/v1/deliveries"},
		{"metrics", "GET", "/metrics", 200, "metrics 1"},
		{"alive", "GET", "/healthz", 200, `"ok"`},
		{"alive, as Prometheus says it", "GET", "/-/healthy", 200, `"ok"`},
		{"ready", "GET", "/readyz", 200, `"ok"`},
		{"ready, as Prometheus says it", "GET", "/-/ready", 200, `"ok"`},
		{"status", "GET", "/api/v1/status", 200, `"version":"1.2.3"`},
		{"rules", "GET", "/api/v1/rules", 200, `"name":"done"`},
		{"notifiers with what they have before them", "GET", "/api/v1/notifiers", 200,
			`{"name":"ops","type":"http","configured":true,"pending":2,"dead":1,"oldest_pending_at":`},
		{"notifiers that are idle", "GET", "/api/v1/notifiers", 200,
			`{"name":"idle","type":"email","configured":true,"pending":0,"dead":0}`},
		{"notifiers that are gone but awaited", "GET", "/api/v1/notifiers", 200,
			`{"name":"gone","configured":false,"pending":2,"dead":0,`},
		{"events", "GET", "/api/v1/events", 200, `"event":"run.completed","project":"API"`},
		{"one event", "GET", "/api/v1/events/" + event, 200, `"outcome":"matched"`},
		{"one event as Qase sent it", "GET", "/api/v1/events/" + event, 200, `"payload":{"id":2}`},
		{"one event's deliveries", "GET", "/api/v1/events/" + event, 200, `"id":"` + delivery},
		{"deliveries", "GET", "/api/v1/deliveries", 200, `"state":"dead"`},
		{"one delivery's message", "GET", "/api/v1/deliveries/" + delivery, 200, `"title":"<b> & c"`},
		{"one delivery's attempts", "GET", "/api/v1/deliveries/" + delivery, 200,
			`"seconds":1.5,"status":"404 Not Found","reason":"clientError","error":"no such hook","response":"nope"`},
		{"an event that does not exist", "GET", "/api/v1/events/" + store.ID(7).String(), 404, "error"},
		{"a delivery that does not exist", "GET", "/api/v1/deliveries/" + store.ID(7).String(), 404, "error"},
		{"an id that is none", "GET", "/api/v1/events/seven", 404, "want 13 characters"},
		{"retrying a delivery that does not exist", "POST", "/api/v1/deliveries/" + store.ID(7).String() + "/retry",
			404, "error"},
		{"retrying a dead delivery", "POST", "/api/v1/deliveries/" + delivery + "/retry", 200, `"retried":1`},
		{"a state that there is not", "GET", "/api/v1/deliveries?state=lost", 400,
			"pending, sending, delivered, dead, cancelled"},
		{"a parameter that there is not", "GET", "/api/v1/events?name=x", 400,
			"source, project, event, rule, notifier, outcome, state, q, entity, since, until, before, after, order, limit"},
		{"a limit that is too large", "GET", "/api/v1/events?limit=501", 400, "from 1 to 500"},
		{"a limit that is no number", "GET", "/api/v1/deliveries?limit=all", 400, "from 1 to 500"},
		{"an order that there is not", "GET", "/api/v1/events?order=up", 400, "want desc (newest first) or asc"},
		{"a time that is none", "GET", "/api/v1/deliveries?since=yesterday", 400, "since: want a time such as"},
		{"a cursor that is no id", "GET", "/api/v1/deliveries?before=x", 400, "before:"},
		{"an address that there is not", "GET", "/api/v2/events", 404, "error"},
		{"a path with dots", "GET", "/api/../metrics", 404, "error"},
		{"a post where none is", "POST", "/api/v1/events", 405, "GET"},
		{"a get where only a post is", "GET", "/-/reload", 405, "POST"},
		{"a post to a silence", "POST", "/api/v1/silences/" + event, 405, "GET, HEAD, PUT, DELETE"},
		{"a silence that does not exist", "GET", "/api/v1/silences/" + event, 404, "no silence has this id"},
		{"a silence to change that does not exist", "PUT", "/api/v1/silences/" + event, 404, "no silence has this id"},
		{"a silence to expire that does not exist", "DELETE", "/api/v1/silences/7", 404, "no silence has this id"},
		{"no silences", "GET", "/api/v1/silences", 200, `{"silences":[]}`},
		{"a state of silences that there is not", "GET", "/api/v1/silences?state=over", 400, "active, pending, expired"},
		{"a preview without a time", "POST", "/api/v1/silences?preview=", 400, "preview: "},
		{"a post to a probe", "POST", "/healthz", 405, "GET"},
		{"resuming a notifier", "POST", "/api/v1/notifiers/ops/resume", 200, "the next message"},
		{"resuming a notifier that there is not", "POST", "/api/v1/notifiers/oops/resume", 404,
			"no notifier of that name"},
		{"webhooks are not taken here", "POST", "/webhooks/qase", 404, "error"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			status, text, answer := d.call(t, c.method, c.path)
			if status != c.status || !strings.Contains(text, c.has) {
				t.Errorf("got %d %s; want %d with %s", status, text, c.status, c.has)
			}
			if _, isText := answer["error"].(string); status >= 400 && !isText {
				t.Errorf("the error is not JSON: %s", text)
			}
		})
	}
}

func TestListsAreFilteredAndPaged(t *testing.T) {
	d := open(t, "")
	for query, want := range map[string]string{
		"events?project=WEB":                                      "4 2 0",
		"events?project=API&limit=1":                              "3 +",
		"events?source=other":                                     "",
		"events?event=run.completed&limit=5":                      "4 3 2 1 0",
		"events?before=" + d.events[2].String():                   "1 0",
		"deliveries?state=dead":                                   "2",
		"deliveries?notifier=gone":                                "3 1",
		"deliveries?rule=done&limit=2":                            "4 3 +",
		"deliveries?event=" + d.events[1].String():                "1",
		"deliveries?limit=4&before=" + d.deliveries[4].String():   "3 2 1 0",
		"events?order=asc&limit=2":                                "0 1 +",
		"events?order=asc&after=" + d.events[2].String():          "3 4",
		"events?after=" + d.events[2].String():                    "4 3",
		"events?since=" + madeAt(d, 3):                            "4 3",
		"events?until=" + madeAt(d, 3):                            "2 1 0",
		"events?since=" + madeAt(d, 1) + "&until=" + madeAt(d, 3): "2 1",
		"events?since=1h&limit=5":                                 "4 3 2 1 0",
		"events?until=1h":                                         "",
		"events?until=2019-01-01T00:00:00Z":                       "",
		"events?since=2019-01-01T00:00:00%2B01:00&limit=5":        "4 3 2 1 0",
		"events?state=dead":                                       "2",
		"events?notifier=gone":                                    "3 1",
		"events?notifier=ops&rule=done&limit=2":                   "4 2",
		"events?notifier=ops&order=asc&project=WEB":               "0 2 4",
		"events?rule=done&source=other":                           "",
		"events?rule=done&project=API":                            "3 1",
		"events?outcome=matched&project=API":                      "3 1",
		"events?outcome=error":                                    "",
		"events?outcome=matched&notifier=gone":                    "3 1",
		"events?outcome=not_matched&notifier=gone":                "",
		"events?rule=other":                                       "",
		"deliveries?event=run.completed&limit=2":                  "4 3 +",
		"deliveries?event=run.aborted":                            "",
		"deliveries?project=API":                                  "3 1",
		"deliveries?order=asc&limit=2":                            "0 1 +",
		"deliveries?order=asc&after=" + d.deliveries[3].String():  "4",
		"deliveries?since=" + madeAt(d, 3):                        "4 3",
		"deliveries?until=" + madeAt(d, 1):                        "0",
	} {
		_, text, answer := d.call(t, "GET", "/api/v1/"+query)
		kind, ids := "events", d.events
		if strings.HasPrefix(query, "deliveries") {
			kind, ids = "deliveries", d.deliveries
		}
		got := []string{}
		for _, row := range answer[kind].([]any) {
			for i, id := range ids {
				if row.(map[string]any)["id"] == id.String() {
					got = append(got, fmt.Sprint(i))
				}
			}
		}
		if next, more := answer["next"]; more && strings.Contains(want, "+") {
			last := answer[kind].([]any)[len(got)-1].(map[string]any)["id"]
			if got = append(got, "+"); next != last {
				t.Errorf("%s: next is %v, want %v", query, next, last)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: got %v, want %q: %s", query, got, want, text)
		}
	}
}

func TestSecretsAreNeverShown(t *testing.T) {
	d := open(t, "")
	_, text, _ := d.call(t, "GET", "/api/v1/deliveries/"+d.deliveries[2].String())
	for _, secret := range []string{"s3cret", "pw@", "/T0"} {
		if strings.Contains(text, secret) {
			t.Errorf("the answer holds %q: %s", secret, text)
		}
	}
	for _, shown := range []string{"https://hooks.example.com/…", `"X-Key":"<secret>"`, `"method":"POST"`} {
		if !strings.Contains(text, shown) {
			t.Errorf("the answer lacks %q: %s", shown, text)
		}
	}
}

func TestAllButHealthNeedsTheToken(t *testing.T) {
	for path, free := range map[string]bool{
		"/healthz": true, "/readyz": true, "/-/healthy": true, "/-/ready": true,
		"/": false, "/metrics": false, "/api/v1/events": false, "/nothing": false, "/-/reload": false,
	} {
		want := map[bool]int{true: 200, false: 401}[free]
		d := open(t, "t0ken")
		for _, auth := range []string{"", "Bearer wrong", "Basic t0ken", "t0ken", "Bearer"} {
			if status, text, _ := d.call(t, "GET", path, "Authorization", auth); status != want {
				t.Errorf("%s with %q: %d %s", path, auth, status, text)
			}
		}
	}
	d := open(t, "t0ken")
	if status, text, _ := d.call(t, "GET", "/api/v1/events", "Authorization", "bearer t0ken"); status != 200 {
		t.Errorf("with the token: %d %s", status, text)
	}
	if status, _, _ := d.call(t, "POST", "/-/reload"); status != 401 || d.reloads != 0 {
		t.Errorf("reload without the token: %d", status)
	}
}

func TestReload(t *testing.T) {
	d := open(t, "")
	if status, text, _ := d.call(t, "POST", "/-/reload"); status != 200 || d.reloads != 1 {
		t.Errorf("good rules: %d %s", status, text)
	}
	d.reload = diag.Problems{{File: "rules.yaml", Line: 14, Col: 9, Severity: diag.Error,
		Message: `no event "run.complete"`}}
	status, _, answer := d.call(t, "POST", "/-/reload")
	if problems, _ := answer["problems"].([]any); status != 422 || len(problems) != 1 ||
		!strings.Contains(fmt.Sprint(answer["error"]), "rules.yaml:14:9") {
		t.Errorf("bad rules: %d %v", status, answer)
	}
	d.reload = errors.New("out of memory")
	if status, text, _ := d.call(t, "POST", "/-/reload"); status != 500 {
		t.Errorf("another failure: %d %s", status, text)
	}
	if status, text, _ := d.call(t, "POST", "/-/reload", "Sec-Fetch-Site", "cross-site"); status != 403 ||
		d.reloads != 3 {
		t.Errorf("from another site's page: %d %s", status, text)
	}
	if status, text, _ := d.call(t, "POST", "/-/reload", "Origin", "https://evil.example"); status != 403 ||
		d.reloads != 3 {
		t.Errorf("from an older browser: %d %s", status, text)
	}
}

func TestReadinessSaysWhy(t *testing.T) {
	d := open(t, "")
	d.ready = errors.New("disk full")
	status, _, answer := d.call(t, "GET", "/-/ready")
	if status != 503 || answer["error"] != "not ready: disk full" {
		t.Errorf("got %d %v", status, answer)
	}
	if status, _, _ := d.call(t, "GET", "/-/healthy"); status != 200 {
		t.Errorf("alive although not ready: %d", status)
	}
}

func TestAStoreThatCannotReadIsToldSo(t *testing.T) {
	d := open(t, "")
	_ = d.store.Close()
	for _, path := range []string{"events", "deliveries", "notifiers", "events/" + d.events[0].String(), "deliveries/" +
		d.deliveries[0].String()} {
		if status, text, answer := d.call(t, "GET", "/api/v1/"+path); status != 503 || answer["error"] == nil {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}

// madeAt is when the i-th event was made, in a query.
func madeAt(d *testAPI, i int) string {
	return url.QueryEscape(d.events[i].Time().UTC().Format(time.RFC3339Nano))
}

// TestAReaderChangesNothing calls every method that may change something with a token of the role read.
func TestAReaderChangesNothing(t *testing.T) {
	d := start(t, Options{Access: access.New(access.Options{Tokens: []access.Token{
		{Name: "ana", Role: access.Operate, Secret: "aaaa"}, {Name: "ben", Role: access.Read, Secret: "bbbb"}}})})
	called := 0
	for path, operations := range readDescription(t).Paths {
		path = strings.NewReplacer("{id}", d.events[2].String(), "{name}", "ops").Replace(path)
		for method := range operations {
			if method == "get" || changesNothing(path) {
				continue
			}
			called++
			status, text, _ := d.call(t, strings.ToUpper(method), path, "Authorization", "Bearer bbbb")
			if status != 403 || !strings.Contains(text, "ben may read, and change nothing: this needs the role operate") {
				t.Errorf("%s %s: %d %s", method, path, status, text)
			}
		}
	}
	if called < 10 || d.reloads != 0 || d.replayed != "" {
		t.Errorf("%d calls, %d reloads, replayed %q", called, d.reloads, d.replayed)
	}
	for path, want := range map[string]int{"/api/v1/events": 200, "/metrics": 200, "/": 200} {
		if status, text, _ := d.call(t, "GET", path, "Authorization", "Bearer bbbb"); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text, _ := d.call(t, "POST", "/-/reload", "Authorization", "Bearer aaaa"); status != 200 || d.reloads != 1 {
		t.Errorf("an operator's reload: %d %s", status, text)
	}
}

// changesNothing reports whether a request with a body only asks.
func changesNothing(path string) bool { return path == "/api/v1/explain" || path == "/api/v1/check" }

func TestThePathOfTheURLIsTakenOff(t *testing.T) {
	d := start(t, Options{Access: access.New(access.Options{}), URLs: []string{"https://example.com/ops/relay/"}})
	for path, want := range map[string]int{"/ops/relay/healthz": 200, "/healthz": 200, "/ops/relay/api/v1/events": 200,
		"/api/v1/events": 200, "/ops/relay": 308, "/ops/relayed/healthz": 404, "/ops/healthz": 404} {
		if status, text, _ := d.call(t, "GET", path); status != want {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
}
