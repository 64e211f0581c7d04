package storetest

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/search"
)

// searchCases are about the index of words. Each question gets the same answer before its events are indexed, and after.
func searchCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"events are found by words, parts of words and facets": func(f *Fixture) {
			names := f.searched()
			questions := map[string]string{
				"checkout": "b a", "CHECKOUT": "b a", "checkout card": "a", "checkout nothing": "", "check": "", "check*": "b a",
				"bob@example.com": "a", "bob@example.org": "", "WEB-123": "a", "web 123": "a", "123": "a", "12*": "a",
				"größe": "b", "GROSSE": "b", "grosse": "b", "grösse": "b", "groesse": "", "Größe*": "b",
				"支付": "b", "付": "b", "été": "b", "ETE": "b", "title": "a", "description": "", "note": "b", "1.5": "b",
				"run.completed": "c b a", "quiet": "c", "NUL": "",
			}
			ask := func(when string) {
				for question, want := range questions {
					q, err := search.Parse(question)
					f.NoError(err)
					f.Equal(question+" "+when, f.found(names, q), want)
				}
				entity := func(key string) search.Query {
					q, err := search.Query{}.OfEntity(key)
					f.NoError(err)
					return q
				}
				var none search.Query
				for what, one := range map[string]struct {
					q    search.Query
					want string
				}{
					"project": {none.Of(search.Project, "API"), "c"}, "no project": {none.Of(search.Project, "AP"), ""},
					"rule": {none.Of(search.Rule, "a rule!"), "a"}, "outcome": {none.Of(search.Outcome, "silenced"), "b"},
					"notifier": {none.Of(search.Notifier, "n"), "a"}, "name": {none.Of(search.Name, "run.completed"), "c b a"},
					"source": {none.Of(search.Source, "qase").Of(search.Project, "WEB"), "b a"},
					"run 7":  {entity("run/7"), "c a"}, "run 7 of WEB": {entity("WEB/run/7"), "a"},
					"run 7 of qase": {entity("qase/API/RUN/7"), "c"}, "run 8": {entity("run/8"), "b"},
					"a word and a project": {none.With(store.Term{Text: "checkout"}).Of(search.Project, "WEB"), "b a"},
				} {
					f.Equal(what+" "+when, f.found(names, one.q), one.want)
				}
			}
			ask("before they are indexed")
			f.index()
			ask("by the index")
			f.Reopen()
			ask("after a restart")
		},
		"a text cannot forge a facet": func(f *Fixture) {
			f.index()
			ev := f.EventOf(fmt.Sprintf(`{"payload":{"title":%q}}`, search.Facet(search.Project, "SECRET")))
			f.AcceptOne(ev, store.Plan{})
			f.index()
			f.Equal("found", f.found(nil, search.Query{}.Of(search.Project, "SECRET")), "")
		},
		"pages of what is found are in order, and go on": func(f *Fixture) {
			want := f.many(300)
			f.index()
			want = append(want, f.many(30)...) // not indexed
			for _, oldest := range []bool{true, false} {
				if !oldest {
					slices.Reverse(want)
				}
				filter := store.SearchFilter{Terms: terms("third"), Limit: 7, OldestFirst: oldest}
				f.Equal(fmt.Sprint("oldest first: ", oldest), f.allFound(filter), want)
			}
		},
		"events that are stored out of order are not skipped": func(f *Fixture) {
			late := f.MakeEvent()
			f.AcceptOne(f.MakeEvent(), store.Plan{})
			f.index()
			f.Equal("before", len(f.allFound(store.SearchFilter{Terms: terms("qase")})), 1)
			f.AcceptOne(late, store.Plan{})
			f.Equal("at once", len(f.allFound(store.SearchFilter{Terms: terms("qase")})), 2)
			f.index()
			f.Equal("by the index", len(f.allFound(store.SearchFilter{Terms: terms("qase")})), 2)
		},
		"what is decided or sent later is found": func(f *Fixture) {
			waits := f.MakeEvent()
			f.AcceptOne(waits, store.Plan{Outline: store.Outline{Outcome: store.OutcomeWaiting}})
			d := f.MakeDelivery("n", "")
			failing := f.MakeEvent()
			f.AcceptOne(failing, store.Plan{Deliveries: []store.NewDelivery{d}})
			f.index()
			f.arm(f.Now(), "slot:e/1")
			_, err := f.Wake(f.Context(), store.Wake{Limit: 1, Decide: func(_ int, s *store.Slot, _ getter) (store.Firing, error) {
				return store.Firing{Of: waits.ID, Plan: store.Plan{Changes: []store.Change{{Key: s.Key}},
					Outline: store.Outline{Subject: "the subject", Outcome: store.OutcomeNone}}}, nil
			}})
			f.NoError(err)
			f.claimAll()
			instead := f.MakeDelivery("instead", "")
			instead.FallbackFor = d.ID
			f.NoError(f.Finish(f.Context(), []store.Outcome{{ID: d.ID, Lease: f.Find(d.ID).Lease, State: store.Dead,
				Attempt: &store.Attempt{At: f.Now()}, Fallbacks: []store.NewDelivery{instead}}}))
			_, err = f.Rewrite(f.Context(), store.Rewrite{ID: d.ID, Title: "rewritten", Message: []byte("{}")})
			f.NoError(err)
			for _, when := range []string{"at once", "by the index"} {
				for what, q := range map[string]search.Query{
					fmt.Sprint([]store.ID{waits.ID}):   search.Query{}.Of(search.Outcome, store.OutcomeNone).With(terms("subject")[0]),
					fmt.Sprint([]store.ID{}):           search.Query{}.Of(search.Outcome, store.OutcomeWaiting),
					fmt.Sprint([]store.ID{failing.ID}): search.Query{}.Of(search.Notifier, "instead").With(terms("rewritten")[0]),
				} {
					f.Equal(when, fmt.Sprint(f.allFound(store.SearchFilter{Terms: q})), what)
				}
				f.index()
			}
		},
		"a purge deletes from the index, and what is left is found": func(f *Fixture) {
			f.many(30)
			f.index()
			f.Advance(2 * time.Hour)
			kept := f.many(30)
			f.index()
			_, err := f.Purge(f.Context(), f.Now().Add(-time.Hour), f.Now().Add(-time.Hour))
			f.NoError(err)
			f.Equal("found", f.allFound(store.SearchFilter{Terms: terms("third"), OldestFirst: true}), kept)
		},
		"without an index events are read, and with one again it is whole": func(f *Fixture) {
			want := f.many(90)
			f.index()
			state, err := f.IndexEvents(f.Context(), false)
			f.NoError(err)
			f.Equal("on", state.On, false)
			want = append(want, f.many(30)...)
			filter := store.SearchFilter{Terms: terms("third"), OldestFirst: true}
			f.Equal("without", f.allFound(filter), want)
			f.index()
			f.Equal("again", f.allFound(filter), want)
		},
		"few are told from many": func(f *Fixture) {
			f.many(4500)
			f.index()
			ids, next, err := f.FindEvents(f.Context(), store.SearchFilter{Terms: terms("third"), Few: true, Limit: 4000})
			f.NoError(err)
			f.Equal("many", []bool{next != 0, len(ids) < 1500}, []bool{true, true})
			ids, next, err = f.FindEvents(f.Context(), store.SearchFilter{Terms: terms("number77"), Few: true, Limit: 4000})
			f.NoError(err)
			f.Equal("few", []any{len(ids), next}, []any{1, store.ID(0)})
		},
		"a beginning of many words is looked for, or refused": func(f *Fixture) {
			all := f.many(500)
			f.index()
			ids, _, err := f.FindEvents(f.Context(), store.SearchFilter{Terms: []store.Term{{Text: "number", Prefix: true}}, Limit: 1000})
			if !errors.Is(err, store.ErrTooManyWords) { // on a machine that is busy
				f.NoError(err)
				f.Equal("found", len(ids), 500)
			}
			ids, _, err = f.FindEvents(f.Context(), store.SearchFilter{Terms: []store.Term{{Text: "thi", Prefix: true}}, Limit: 1000, OldestFirst: true})
			f.NoError(err)
			f.Equal("one word", ids, all)
		},
		"the deliveries of events are selected as lists select them": func(f *Fixture) {
			var events []store.ID
			for _, key := range []string{"a", "a", "", ""} {
				ev, d := f.MakeEvent(), f.MakeDelivery("n", key)
				f.AcceptOne(ev, store.Plan{Deliveries: []store.NewDelivery{d}})
				events = append(events, ev.ID)
			}
			f.FinishAs(store.Dead, time.Time{}, f.claimAll()[2].ID)
			f.AcceptDeliveries(f.MakeDelivery("other", ""))
			events = append(events, f.EventIDs(store.EventFilter{Limit: 1})...)
			cut := f.DeliveryIDs(store.DeliveryFilter{Limit: 3})[2]
			for _, filter := range []store.DeliveryFilter{{}, {State: store.Pending}, {State: store.Sending}, {State: store.Dead}, {State: store.Delivered},
				{Notifier: "n"}, {Notifier: "\x00"}, {Rule: "r"}, {Rule: "none"}, {Limit: 2}, {OldestFirst: true, Limit: 3}, {Before: cut}, {After: cut}} {
				for _, some := range [][]store.ID{events, events[1:3], nil} {
					var want []store.ID
					with := map[store.ID]bool{}
					all := filter
					all.Limit = 1000
					listed, _, err := f.Deliveries(f.Context(), all)
					f.NoError(err)
					for _, d := range listed {
						if slices.Contains(some, d.EventID) {
							want, with[d.EventID] = append(want, d.ID), true
						}
					}
					limited := filter
					limited.Limit = cmp.Or(filter.Limit, 1000)
					got, err := f.DeliveriesOf(f.Context(), some, limited)
					f.NoError(err)
					f.Equal(fmt.Sprintf("%+v", filter), IDsOf(got), want[:min(len(want), limited.Limit)])
					for i := range got {
						f.Equal("delivery", got[i], listed[slices.IndexFunc(listed, func(d store.Delivery) bool { return d.ID == got[i].ID })])
					}
					has, err := f.EventsWith(f.Context(), some, filter)
					f.NoError(err)
					f.Equal(fmt.Sprintf("events with %+v", filter), has, with)
				}
			}
		},
		"which of some events have words": func(f *Fixture) {
			want := f.many(150)
			ids := []store.ID{}
			for id, has := range f.having(want[0], want[49], f.EventIDs(store.EventFilter{Limit: 1})[0]) {
				if has {
					ids = append(ids, id)
				}
			}
			slices.Sort(ids)
			f.Equal("having", ids, []store.ID{want[0], want[49]})
		},
		"words that are frequent and never together end": func(f *Fixture) {
			f.many(3000)
			f.index()
			f.Equal("found", f.allFound(store.SearchFilter{Terms: append(terms("third"), terms("other")...)}), []store.ID{})
		},
		"an event of many words is indexed, and found by the first ones": func(f *Fixture) {
			var b strings.Builder
			for i := range 2 * search.MaxWords {
				fmt.Fprintf(&b, "word%d ", i)
			}
			ev := f.EventOf(`{"payload":{"title":"` + b.String() + strings.Repeat("x", 5000) + `"}}`)
			f.AcceptOne(ev, store.Plan{})
			f.index()
			f.Equal("found", f.allFound(store.SearchFilter{Terms: terms("word7")}), []store.ID{ev.ID})
		},
	}
}

func terms(word string) []store.Term { return []store.Term{{Text: word}} }

// searched stores events with different words, and returns their names.
func (f *Fixture) searched() map[store.ID]string {
	f.Helper()
	names := map[store.ID]string{}
	for _, one := range []struct {
		name, project, body string
		plan                store.Plan
	}{
		{"a", "WEB", `{"event_name":"run.completed","payload":{"id":7,"title":"Checkout: pay by CARD","by":{"email":"bob@example.com"},"codes":["WEB-123"]}}`,
			store.Plan{Deliveries: []store.NewDelivery{f.MakeDelivery("n", "")},
				Outline: store.Outline{Outcome: store.OutcomeMatched, Rules: []store.RuleOutcome{{Rule: "a rule!", Outcome: "matched"}}}}},
		{"b", "WEB", `{"event_name":"run.completed","payload":{"id":8,"description":"checkout \u0031.5 Gr\u00f6\u00dfe \u652f\u4ed8 \u00c9t\u00e9\u0000 note"}}`,
			store.Plan{Outline: store.Outline{Outcome: store.OutcomeHeld, Rules: []store.RuleOutcome{{Rule: "two", Outcome: "silenced"}}}}},
		{"c", "API", `{"event_name":"run.completed","payload":{"id":"7"}}`,
			store.Plan{Outline: store.Outline{Subject: "Quiet!", Outcome: store.OutcomeNone}}},
	} {
		ev := f.EventOf(one.body)
		ev.Project = one.project
		f.AcceptOne(ev, one.plan)
		names[ev.ID] = one.name
	}
	return names
}

// found returns the names of the events that have all terms, or else their ids.
func (f *Fixture) found(names map[store.ID]string, q search.Query) string {
	f.Helper()
	list := []string{}
	for _, id := range f.allFound(store.SearchFilter{Terms: q}) {
		name := names[id]
		if name == "" {
			name = id.String()
		}
		list = append(list, name)
	}
	return strings.Join(list, " ")
}

// allFound returns the events on all pages.
func (f *Fixture) allFound(filter store.SearchFilter) []store.ID {
	f.Helper()
	all := []store.ID{}
	for {
		ids, next, err := f.FindEvents(f.Context(), filter)
		f.NoError(err)
		if all = append(all, ids...); next == 0 {
			return all
		}
		if filter.OldestFirst {
			filter.After = next
		} else {
			filter.Before = next
		}
	}
}

// many stores events of which each third one has the word third, and returns those.
func (f *Fixture) many(n int) (third []store.ID) {
	f.Helper()
	var batch []store.Event
	for i := range n {
		f.n++
		word := "other"
		if i%3 == 0 {
			word = "third"
		}
		ev := f.EventOf(fmt.Sprintf(`{"payload":{"title":"%s","n":"number%d"}}`, word, f.n))
		if batch = append(batch, ev); word == "third" {
			third = append(third, ev.ID)
		}
		f.Advance(time.Millisecond)
	}
	_, err := f.Accept(f.Context(), batch, Planned(store.Plan{}))
	f.NoError(err)
	return third
}

func (f *Fixture) having(ids ...store.ID) map[store.ID]bool {
	f.Helper()
	has, err := f.Having(f.Context(), ids, terms("third"))
	f.NoError(err)
	return has
}

// index indexes until nothing waits.
func (f *Fixture) index() {
	f.Helper()
	for began := time.Now(); ; {
		state, err := f.IndexEvents(f.Context(), true)
		f.NoError(err)
		if state.On && !state.More {
			return
		}
		if time.Since(began) > time.Minute {
			f.Fatalf("the index is not complete after a minute: %+v", state)
		}
	}
}

// IndexAll indexes until nothing waits.
func IndexAll(tb testing.TB, s store.Search) {
	tb.Helper()
	for more := true; more; {
		state, err := s.IndexEvents(tb.Context(), true)
		if err != nil {
			tb.Fatal(err)
		}
		more = state.More
	}
}

// CheckIndexed indexes what an earlier release has stored, and looks for an event of the rule r about a run.
func (f *Fixture) CheckIndexed(want store.ID) {
	f.Helper()
	filter := store.SearchFilter{Terms: search.Query{}.Of(search.Rule, "r").With(terms("run")[0])}
	f.Equal("before", f.allFound(filter), []store.ID{want})
	f.index()
	f.Equal("indexed", f.allFound(filter), []store.ID{want})
}
