package admin

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

// post sends a question with a body, in which the numbers #0 to #4 stand for the ids of deliveries and events ($0 to
// $4).
func (d *testAPI) post(t *testing.T, path, body string) (int, string) {
	t.Helper()
	for i := range d.events {
		body = strings.ReplaceAll(body, fmt.Sprint("#", i), d.deliveries[i].String())
		body = strings.ReplaceAll(body, fmt.Sprint("$", i), d.events[i].String())
	}
	resp, err := http.Post(d.url+path, "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// killAll lets all deliveries die that wait.
func (d *testAPI) killAll(t *testing.T) {
	t.Helper()
	for _, notifier := range []string{"ops", "gone"} {
		claimed, err := d.store.Claim(t.Context(), notifier, 10)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range claimed {
			if err := d.store.Finish(t.Context(), []store.Outcome{{ID: c.ID, Lease: c.Lease,
				State: store.Dead}}); err != nil {
				t.Fatal(err)
			}
		}
	}
}

func TestManyDeliveriesAreRetried(t *testing.T) {
	cases := []struct {
		name, body string
		status     int
		has        string
		pending    string // deliveries that wait afterwards
	}{
		{"by their ids", `{"ids": ["#0", "#3"]}`, 200, `{"retried":2}`, "0 3"},
		{"all that are dead", `{"state": "dead"}`, 200, `{"retried":5}`, "0 1 2 3 4"},
		{"all of a notifier", `{"notifier": "gone"}`, 200, `{"retried":2}`, "1 3"},
		{"all of a rule", `{"rule": "other"}`, 200, `{"retried":0}`, ""},
		{"all of a project and event", `{"project": "API", "event": "run.completed"}`, 200, `{"retried":2}`, "1 3"},
		{"all of one event", `{"event": "$4"}`, 200, `{"retried":1}`, "4"},
		{"since a time", `{"since": "SINCE"}`, 200, `{"retried":2}`, "3 4"},
		{"until a time", `{"until": "SINCE"}`, 200, `{"retried":3}`, "0 1 2"},
		{"those that wait already", `{"state": "pending"}`, 200, `{"retried":0}`, ""},
		{"not all by mistake", `{}`, 400, "say which deliveries", ""},
		{"not without a body", ``, 400, "say which deliveries", ""},
		{"not by ids and a filter", `{"ids": ["#0"], "state": "dead"}`, 400, "not both", ""},
		{"not those that were delivered", `{"state": "delivered"}`, 400, "only dead and pending", ""},
		{"not by a key that there is not", `{"status": "dead"}`, 400, `unknown field \"status\"`, ""},
		{"not by ids that are none", `{"ids": ["7"]}`, 400, "13 characters", ""},
		{"not by a time that is none", `{"since": "today"}`, 400, "since: want a time", ""},
		{"not by what is not JSON", `all`, 400, "not valid JSON", ""},
		{"not by more than an object", `{"state": "dead"} {}`, 400, "unexpected text after", ""},
		{"not by very many ids", `{"ids": [` + strings.Repeat(`"#0",`, maxIDs) + `"#0"]}`, 400, "at most 10000", ""},
		{"not by an endless list", `{"rule": "` + strings.Repeat("x", maxBody) + `"}`, 413, "too large", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d := open(t, "")
			d.killAll(t)
			body := strings.ReplaceAll(c.body, "SINCE", d.events[3].Time().UTC().Format(time.RFC3339Nano))
			if status, text := d.post(t, "/api/v1/deliveries/retry", body); status != c.status ||
				!strings.Contains(text, c.has) {
				t.Errorf("got %d %s; want %d with %s", status, text, c.status, c.has)
			}
			if got := d.inState(t, store.Pending); got != c.pending {
				t.Errorf("%q wait, want %q", got, c.pending)
			}
		})
	}
}

// inState returns the numbers of the deliveries in a state.
func (d *testAPI) inState(t *testing.T, state store.State) string {
	t.Helper()
	var found []string
	for i, id := range d.deliveries {
		one, _, err := d.store.Delivery(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if one.State == state {
			found = append(found, fmt.Sprint(i))
		}
	}
	return strings.Join(found, " ")
}

func TestMoreThanAPageIsRetried(t *testing.T) {
	d := open(t, "")
	ids, plan := store.NewIDs(1), store.Plan{}
	for range 2*desk.MaxPage + 1 {
		plan.Deliveries = append(plan.Deliveries, store.NewDelivery{ID: ids.Next(time.Now()), Rule: "many",
			Notifier: "n"})
	}
	ev := store.Event{ID: ids.Next(time.Now()), Hash: [32]byte{99}, Body: []byte(`{}`), ReceivedAt: time.Now()}
	if _, err := d.store.Accept(t.Context(), []store.Event{ev},
		func(int, func(string) ([]byte, error)) (store.Plan, error) { return plan, nil }); err != nil {
		t.Fatal(err)
	}
	if status, text := d.post(t, "/api/v1/deliveries/retry", `{"rule": "many", "state": "pending"}`); status != 200 ||
		text != "{\"retried\":1001}\n" {
		t.Errorf("got %d %s", status, text)
	}
	for _, order := range []string{"", "&order=asc"} {
		listed := 0
		for from := ""; ; { // a page that takes long may end early
			_, text, answer := d.call(t, "GET", "/api/v1/events?rule=many&notifier=n&limit=2"+order+from)
			listed += len(answer["events"].([]any))
			next, more := answer["next"].(string)
			if listed > 1 || !more {
				if listed != 1 {
					t.Errorf("one event with many deliveries is listed %d times, the last time as %s", listed, text)
				}
				break
			}
			from = "&before=" + next
			if order != "" {
				from = "&after=" + next
			}
		}
		for i, cut := range []int{1, 500, 900} { // a page that begins between the deliveries of an event
			from := "&before=" + plan.Deliveries[cut].ID.String()
			if order != "" {
				from = "&after=" + plan.Deliveries[cut].ID.String()
			}
			_, text, answer := d.call(t, "GET", "/api/v1/events?rule=many&notifier=n&limit=2"+order+from)
			if len(answer["events"].([]any)) > 0 {
				t.Errorf("%d: the event is listed again: %s", i, text)
			}
		}
	}
}

func TestADeliveryIsCancelled(t *testing.T) {
	d := open(t, "")
	path := func(i int) string { return "/api/v1/deliveries/" + d.deliveries[i].String() + "/cancel" }
	for _, i := range []int{0, 2} {
		if status, text := d.post(t, path(i), ""); status != 200 || text != "{\"cancelled\":1}\n" {
			t.Errorf("%d: %d %s", i, status, text)
		}
	}
	if status, text := d.post(t, path(0), ""); status != 409 || !strings.Contains(text, "only dead and pending") {
		t.Errorf("again: %d %s", status, text)
	}
	if status, _ := d.post(t, "/api/v1/deliveries/"+store.ID(7).String()+"/cancel", ""); status != 404 {
		t.Errorf("one that is not there: %d", status)
	}
	if _, text, _ := d.call(t, "GET", "/api/v1/deliveries/"+d.deliveries[0].String()); !strings.Contains(text,
		`"state":"cancelled"`) || !strings.Contains(text, `"error":"cancelled by a person"`) {
		t.Errorf("shown as %s", text)
	}
	if got := d.inState(t, store.Cancelled); got != "0 2" {
		t.Errorf("%q are cancelled", got)
	}
}

func TestEventsAreReplayed(t *testing.T) {
	d := open(t, "")
	one := "/api/v1/events/" + d.events[1].String() + "/replay"
	told := `"matched":["done","new"],"gained":["new"],"lost":[],"deliveries":[{"id":"` + store.ID(200).String() +
		`","rule":"new","notifier":"ops","title":"t"}]}`
	cases := []struct {
		name, path, body string
		status           int
		has, asked       string
	}{
		{"one", one, ``, 200, `{"event_id":"` + d.events[1].String() + `","replay_id":"` + store.ID(100).String() +
			`",` + told, "[1] false"},
		{"one, without sending", one, `{"dry_run": true}`, 200, told, "[1] true"},
		{"several, in their order", "/api/v1/events/replay", `{"ids": ["$3", "$1"]}`, 200,
			`{"dry_run":false,"replays":[{"event_id":"` + d.events[3].String(), "[3 1] false"},
		{"several, without sending", "/api/v1/events/replay", `{"ids": ["$3", "$1"], "dry_run": true}`, 200,
			`{"dry_run":true,`, "[3 1] true"},
		{"several, of which one has gone", "/api/v1/events/replay", `{"ids": ["$0", "$1"]}`, 200,
			`"matched":[],"gained":[],"lost":[],"deliveries":[],"error":"no event has this id"},{`, "[0 1] false"},
		{"one that has gone", "/api/v1/events/" + d.events[0].String() + "/replay", ``, 404,
			"no event or delivery has this id", "[0] false"},
		{"one, not others", one, `{"ids": ["$3"]}`, 400, "the path names the event", ""},
		{"an id that is none", "/api/v1/events/7/replay", ``, 404, "13 characters", ""},
		{"none", "/api/v1/events/replay", `{}`, 400, "say which events", ""},
		{"none that is one", "/api/v1/events/replay", `{"ids": ["7"]}`, 400, "13 characters", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			d.replayed = ""
			if status, text := d.post(t, c.path, c.body); status != c.status || !strings.Contains(text, c.has) {
				t.Errorf("got %d %s; want %d with %s", status, text, c.status, c.has)
			}
			for i, id := range d.events {
				d.replayed = strings.ReplaceAll(d.replayed, id.String(), fmt.Sprint(i))
			}
			if d.replayed != c.asked {
				t.Errorf("asked for %q, want %q", d.replayed, c.asked)
			}
		})
	}
}

func TestAListTellsWhatBecameOfAnEvent(t *testing.T) {
	d := open(t, "")
	_, text, answer := d.call(t, "GET", "/api/v1/events")
	third := answer["events"].([]any)[2].(map[string]any)
	if fmt.Sprint(third["matched"], third["states"]) != "[done] map[dead:1]" || third["body"] != nil ||
		third["decisions"] != nil {
		t.Errorf("got %s", text)
	}
}
