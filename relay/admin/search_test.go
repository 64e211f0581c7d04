package admin

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
)

// idsIn returns which of the events or deliveries of the store an answer lists, by their numbers.
func (d *testAPI) idsIn(answer map[string]any, list string) string {
	known := d.events
	if list == "deliveries" {
		known = d.deliveries
	}
	var found []string
	rows, _ := answer[list].([]any)
	for _, row := range rows {
		for i, id := range known {
			if row.(map[string]any)["id"] == id.String() {
				found = append(found, fmt.Sprint(i))
			}
		}
	}
	return strings.Join(found, " ")
}

// Each question has the same answer without an index, and with one.
func TestEventsAndDeliveriesAreFoundByTheirWordsAndWhatTheyAreAbout(t *testing.T) {
	d := open(t, "")
	ask := func(when string) {
		for _, c := range [][3]string{
			{"events", "q=title", "4 3 2 1 0"}, {"search", "q=TITLE+3", "3"}, {"search", "q=tit*&order=asc&limit=2", "0 1"},
			{"events", "entity=run/3", "3"}, {"events", "entity=WEB/run/3", ""}, {"events", "entity=API/run/3", "3"},
			{"events", "entity=qase/API/run/3&q=run", "3"}, {"events", "q=title&project=WEB", "4 2 0"},
			{"events", "q=title&state=dead", "2"}, {"events", "q=title&notifier=gone", "3 1"}, {"events", "q=title+2&notifier=gone", ""},
			{"events", "outcome=matched&q=title", "4 3 2 1 0"}, {"events", "outcome=none", ""}, {"events", "project=WEB&state=dead", "2"},
			{"events", "rule=done&project=API", "3 1"}, {"events", "rule=none", ""}, {"events", "q=nothing", ""},
			{"events", "source=qase&notifier=ops", "4 2 0"}, {"events", "rule=done&notifier=ops&state=pending", "4 0"},
			{"deliveries", "q=title", "4 3 2 1 0"}, {"deliveries", "q=title+3", "3"}, {"deliveries", "entity=run/2&state=dead", "2"},
			{"deliveries", "q=title&limit=2", "4 3"}, {"deliveries", "project=WEB", "4 2 0"}, {"deliveries", "project=WEB&state=dead", "2"},
			{"deliveries", "rule=done&notifier=gone", "3 1"}, {"deliveries", "q=title&event=run.completed&order=asc", "0 1 2 3 4"},
			{"deliveries", "q=title&event=" + d.events[1].String(), "1"}, {"deliveries", "q=nothing&state=dead", ""},
			{"deliveries", "reason=clientError&q=title", "2"}, {"deliveries", "reason=serverError&project=WEB", ""},
		} {
			list := c[0]
			if list == "search" {
				list = "events"
			}
			status, text, answer := d.call(t, "GET", "/api/v1/"+c[0]+"?"+c[1])
			if got := d.idsIn(answer, list); status != 200 || got != c[2] {
				t.Errorf("%s %s?%s: got %q, want %q; %d %s", when, c[0], c[1], got, c[2], status, text)
			}
		}
	}
	ask("without an index")
	d.index(t)
	ask("by the index")
}

// index indexes all events.
func (d *testAPI) index(t *testing.T) {
	t.Helper()
	for more := true; more; {
		state, err := d.store.IndexEvents(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		more = state.More || !state.On
	}
}

func TestPagesOfWhatIsFoundGoOn(t *testing.T) {
	d := open(t, "")
	for _, list := range []string{"events", "deliveries"} {
		for _, filter := range []string{"q=title", "q=title&state=pending", "project=WEB&state=pending", "notifier=ops&q=title"} {
			var all []string
			_, _, whole := d.call(t, "GET", "/api/v1/"+list+"?"+filter)
			for next := ""; ; {
				_, text, answer := d.call(t, "GET", "/api/v1/"+list+"?limit=1&"+filter+"&before="+next)
				if got := d.idsIn(answer, list); got != "" {
					all = append(all, got)
				}
				if next, _ = answer["next"].(string); next == "" {
					break
				}
				if len(all) > 10 {
					t.Fatalf("%s?%s has no last page: %s", list, filter, text)
				}
			}
			if got, want := strings.Join(all, " "), d.idsIn(whole, list); got != want || want == "" {
				t.Errorf("%s?%s: pages have %q, the list %q", list, filter, got, want)
			}
		}
	}
}

func TestHostileQuestionsAreRefusedOrFindNothing(t *testing.T) {
	d := open(t, "")
	var many strings.Builder
	for i := range 100 {
		fmt.Fprintf(&many, "word%d ", i)
	}
	for words, want := range map[string]int{`"*`: 400, "*": 400, "!?.,": 400, "\x00": 400, "\xff": 400, "a*": 400, many.String(): 400,
		strings.Repeat("x", 10<<10): 400, `" OR rowid:1`: 200, "') OR 1=1 --": 200, "a\x00b": 200, "NEAR(a b)": 200, "title:x": 200,
		strings.Repeat("x", 1900): 200, "'nothing':* & !title": 200} {
		for _, list := range []string{"events", "deliveries", "search"} {
			status, text, answer := d.call(t, "GET", "/api/v1/"+list+"?"+url.Values{"q": {words}}.Encode())
			message, _ := answer["error"].(string)
			if status != want || want == 400 && !strings.HasPrefix(message, "q: ") || want == 200 && d.idsIn(answer, "events") != "" {
				t.Errorf("%s %.30q: got %d %s, want %d", list, words, status, text, want)
			}
		}
	}
	for _, entity := range []string{"run", "/", "a/b/c/d/e", "run/"} {
		status, text, _ := d.call(t, "GET", "/api/v1/events?"+url.Values{"entity": {entity}}.Encode())
		if status != 400 || !strings.Contains(text, "entity: want an entity such as run/7") {
			t.Errorf("%s: %d %s", entity, status, text)
		}
	}
}
