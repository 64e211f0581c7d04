package admin

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
)

func (d *testAPI) exported(t *testing.T, query string) desk.ExportPage {
	t.Helper()
	status, text, _ := d.call(t, "GET", "/api/v1/events/export"+query)
	var page desk.ExportPage
	if err := json.Unmarshal([]byte(text), &page); err != nil || status != 200 {
		t.Fatalf("%s: %d %s", query, status, text)
	}
	return page
}

func TestAnExportIsPagedFromTheOldestOn(t *testing.T) {
	d := open(t, "")
	var got []string
	query := "?limit=2"
	for more := true; more; {
		page := d.exported(t, query)
		for _, e := range page.Events {
			got = append(got, e.ID)
		}
		query, more = "?limit=2&after="+page.Next, page.Next != ""
	}
	var want []string
	for _, id := range d.events {
		want = append(want, id.String())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// Each question has the same answer without an index, and with one.
func TestAnExportHoldsWhatIsAskedFor(t *testing.T) {
	d := open(t, "")
	middle := d.events[2].Time().UTC().Format(time.RFC3339Nano)
	ask := func(when string) {
		for query, want := range map[string][]int{
			"?project=WEB":                               {0, 2, 4},
			"?project=WEB&event=run.completed":           {0, 2, 4},
			"?project=WEB&since=" + middle:               {2, 4},
			"?project=WEB&limit=2":                       {0, 2},
			"?event=run.aborted":                         {},
			"?source=qase&since=" + middle:               {2, 3, 4},
			"?until=" + middle:                           {0, 1},
			"?after=" + d.events[3].String():             {4},
			"?source=qase&until=" + middle:               {0, 1},
			"?since=2080-01-01T00:00:00Z":                {},
			"?project=API&limit=1&decided=false":         {1},
			"?project=API&after=" + d.events[1].String(): {3},
		} {
			page, got := d.exported(t, query), []int{}
			for _, e := range page.Events {
				got = append(got, slices.IndexFunc(d.events, func(id store.ID) bool { return id.String() == e.ID }))
				if !strings.Contains(string(e.Body), `"event_name":"run.completed"`) || e.Event != "run.completed" ||
					e.Decided != nil {
					t.Errorf("%s %s: got %+v", when, query, e)
				}
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s %s: got %v, want %v", when, query, got, want)
			}
		}
	}
	ask("without an index")
	d.index(t)
	ask("by the index")
}

// TestPagesOfAnExportAreOfABoundedSize exports large events of one project, with the index.
func TestPagesOfAnExportAreOfABoundedSize(t *testing.T) {
	d := open(t, "")
	var want []string
	ids := store.NewIDs(1)
	for i := range 40 {
		at := time.Now()
		body := fmt.Sprintf(`{"event_name":"run.completed","n":%d,"payload":{"id":1,"text":"%s"}}`, i, strings.Repeat("x", 600<<10))
		e := store.Event{ID: ids.Next(at), Source: "qase", Name: "run.completed", Project: "BIG", Body: []byte(body), ReceivedAt: at,
			Hash: [32]byte{100, byte(i)}}
		none := func(int, func(string) ([]byte, error)) (store.Plan, error) { return store.Plan{}, nil }
		if _, err := d.store.Accept(t.Context(), []store.Event{e}, none); err != nil {
			t.Fatal(err)
		}
		want = append(want, e.ID.String())
	}
	for range 2 {
		var got, sizes []string
		for query, more := "", true; more; {
			page := d.exported(t, "?limit=100&project=BIG"+query)
			for _, e := range page.Events {
				got = append(got, e.ID)
			}
			sizes = append(sizes, fmt.Sprint(len(page.Events)))
			query, more = "&after="+page.Next, page.Next != ""
		}
		if !slices.Equal(got, want) || len(sizes) < 3 {
			t.Errorf("got %q in pages of %q, want %q", got, sizes, want)
		}
		d.index(t)
	}
}

func TestAnExportSaysWhatFollowedIfAsked(t *testing.T) {
	d := open(t, "")
	first := d.exported(t, "?limit=1&decided=true").Events[0].Decided
	if first == nil || !slices.Equal(first.Matched, []string{"done"}) ||
		!slices.Equal(first.Messages, []desk.Message{{Rule: "done", Notifier: "ops", Title: "title 0"}}) {
		t.Errorf("got %+v", first)
	}
}

func TestAnswersAreUTF8WhateverCame(t *testing.T) {
	d := open(t, "")
	at := time.Now()
	e := store.Event{ID: store.NewIDs(1).Next(at), Source: "qase", Name: "run.completed", Project: "ODD",
		ReceivedAt: at, Hash: [32]byte{99}, Body: []byte("{\"payload\":{\"title\":\"a\xffb\"}}")}
	none := func(int, func(string) ([]byte, error)) (store.Plan, error) { return store.Plan{}, nil }
	if _, err := d.store.Accept(t.Context(), []store.Event{e}, none); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"/api/v1/events/" + e.ID.String(), "/api/v1/events/export?project=ODD"} {
		if _, text, _ := d.call(t, "GET", path); !utf8.ValidString(text) || !strings.Contains(text, "a\uFFFDb") {
			t.Errorf("%s: got %q", path, text)
		}
	}
	if kept, err := d.store.Event(t.Context(), e.ID); err != nil || string(kept.Body) != string(e.Body) {
		t.Errorf("kept %q, %v", kept.Body, err)
	}
}

func TestAnEventThatTheRelayHasMadeIsShownAsSuch(t *testing.T) {
	d := open(t, "")
	slot := store.Change{Key: "slot:g/done/1", Value: []byte("{}"), Due: time.Now().Add(-time.Minute)}
	ev := store.Event{ID: store.NewIDs(9).Next(time.Now()), Source: "qase", Name: "run.completed", Hash: [32]byte{9},
		Body:       []byte("{}"),
		ReceivedAt: time.Now()}
	plan := func(int, func(string) ([]byte, error)) (store.Plan, error) {
		return store.Plan{Changes: []store.Change{slot}}, nil
	}
	if _, err := d.store.Accept(t.Context(), []store.Event{ev}, plan); err != nil {
		t.Fatal(err)
	}
	ev.ID, ev.Kind, ev.Name = ev.ID+1, "digest", "relay.digest"
	woken, err := d.store.Wake(t.Context(), store.Wake{Limit: 1,
		Decide: func(int, *store.Slot, func(string) ([]byte, error)) (store.Firing, error) {
			return store.Firing{Event: &ev, Plan: store.Plan{Changes: []store.Change{{Key: slot.Key}}}}, nil
		}})
	if err != nil || woken.Looked != 1 {
		t.Fatal(woken, err)
	}
	for _, path := range []string{"/api/v1/events?event=relay.digest", "/api/v1/events/" + ev.ID.String(),
		"/api/v1/events/export?event=relay.digest"} {
		if status, text, _ := d.call(t, "GET", path); status != 200 || strings.Count(text, `"kind":"digest"`) != 1 {
			t.Errorf("%s: %d %s", path, status, text)
		}
	}
	if status, text, _ := d.call(t, "GET", "/api/v1/events?event=run.completed"); status != 200 ||
		strings.Contains(text, `"kind"`) {
		t.Errorf("the others: %d %s", status, text)
	}
}
