package storetest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"qaserelay/relay/store"
)

func outlineCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"a list shows events without their bodies, and filters them": func(f *Fixture) {
			ids := f.outlinedEvents()
			for filter, want := range map[store.OutlineFilter]string{
				{}:                                   "[d c b a]",
				{OldestFirst: true, Limit: 2}:        "[a b]",
				{Project: "WEB"}:                     "[b a]",
				{Name: "run.started"}:                "[d]",
				{Source: "none"}:                     "[]",
				{Outcome: store.OutcomeMatched}:      "[b a]", // of the event, or of a rule
				{Outcome: store.OutcomeNone}:         "[c]",
				{Outcome: "silenced"}:                "[b]",
				{Rule: "one"}:                        "[b a]",
				{Rule: "on"}:                         "[]",
				{Rule: "two", Outcome: "silenced"}:   "[b]",
				{Rule: "a\trule\nwith breaks"}:       "[d]",
				{Before: ids["c"], Project: "WEB"}:   "[b a]",
				{After: ids["a"], Before: ids["d"]}:  "[c b]",
				{Rule: "one", After: ids["a"]}:       "[b]",
				{Rule: "one", Before: ids["b"] + 1}:  "[b a]",
				{Project: "WEB", OldestFirst: true}:  "[a b]",
				{Outcome: "error", Name: "run.ends"}: "[]",
			} {
				list, next, err := f.Outlines(f.Context(), filter)
				f.NoError(err)
				got := []string{}
				for _, o := range list {
					got = append(got, o.Subject)
				}
				f.Equal(fmt.Sprintf("%+v", filter), got, want)
				f.Equal("more", next != 0, filter.Limit == 2)
			}
			of, err := f.OutlinesOf(f.Context(), []store.ID{ids["b"], ids["c"], 1})
			f.NoError(err)
			b := of[ids["b"]]
			f.Equal("rows", len(of), 2)
			f.Equal("row", words(b.ID == ids["b"], b.Source, b.Name, b.Project, b.ReceivedAt.Equal(f.Now()), b.Outcome,
				b.Rules), "true qase run.completed WEB true held [{one matched} {two silenced}]")
		},
		"a decision that comes later changes the outline": func(f *Fixture) {
			ev := f.MakeEvent()
			f.AcceptOne(ev, store.Plan{Outline: store.Outline{Subject: "?", Outcome: store.OutcomeWaiting},
				Changes: []store.Change{{Key: "slot:e/1", Value: []byte("v"), Due: f.Now()}}})
			woken, err := f.Wake(f.Context(), store.Wake{Limit: 10,
				Decide: func(int, *store.Slot, func(string) ([]byte, error)) (store.Firing, error) {
					return store.Firing{Of: ev.ID, Plan: store.Plan{Changes: []store.Change{{Key: "slot:e/1"}},
						Outline: store.Outline{Subject: "known", Outcome: store.OutcomeMatched,
							Rules: []store.RuleOutcome{{Rule: "r", Outcome: "matched"}}}}}, nil
				}})
			f.NoError(err)
			f.Equal("fired", len(woken.Fired), 1)
			of, err := f.OutlinesOf(f.Context(), []store.ID{ev.ID})
			f.NoError(err)
			f.Equal("outline", of[ev.ID].Outline, store.Outline{Subject: "known", Outcome: store.OutcomeMatched,
				Rules: []store.RuleOutcome{{Rule: "r", Outcome: "matched"}}})
			f.Equal("events", f.tallied(store.TallyEvent), "WEB matched 1")
			f.Equal("rules", f.tallied(store.TallyRule), "r matched 1")
		},
		"the states of the deliveries of many events are read at once": func(f *Fixture) {
			a, b, c := f.MakeEvent(), f.MakeEvent(), f.MakeEvent()
			ds := []store.NewDelivery{f.MakeDelivery("n", ""), f.MakeDelivery("n", ""), f.MakeDelivery("n", "")}
			dry := f.MakeDelivery("n", "")
			dry.Cancelled = store.DryRun
			f.AcceptOne(a, store.Plan{Deliveries: ds})
			f.AcceptOne(b, store.Plan{Deliveries: []store.NewDelivery{dry}})
			f.AcceptOne(c, store.Plan{})
			f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, ds[0].ID)
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), ds[1].ID)
			got, err := f.DeliveryStates(f.Context(), []store.ID{a.ID, b.ID, c.ID, a.ID})
			f.NoError(err)
			f.Equal("events", len(got), 2)
			f.Equal("a", got[a.ID].Count, map[store.State]int{store.Delivered: 1, store.Pending: 1, store.Sending: 1})
			f.Equal("the first of a is due", got[a.ID].NextAt, f.Now().Add(time.Minute))
			f.Equal("b", words(got[b.ID].Count, got[b.ID].DryRun), "map[cancelled:1] 1")
		},
		"a purge deletes outlines with their events": func(f *Fixture) {
			f.outlinedEvents()
			f.Advance(time.Hour)
			n, err := f.Purge(f.Context(), f.Now(), f.Now())
			f.NoError(err)
			list, _, err := f.Outlines(f.Context(), store.OutlineFilter{})
			f.NoError(err)
			f.Equal("purged and left", words(n, list), "4 []")
		},
	}
}

// words returns the texts of values with a space between each two.
func words(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }

// outlinedEvents stores four events, named by their subjects.
func (f *Fixture) outlinedEvents() map[string]store.ID {
	f.Helper()
	ids := map[string]store.ID{}
	for _, one := range []struct {
		project, name string
		outline       store.Outline
	}{
		{"WEB", "run.completed", store.Outline{Subject: "a", Outcome: store.OutcomeMatched,
			Rules: []store.RuleOutcome{{Rule: "one", Outcome: "matched"}}}},
		{"WEB", "run.completed", store.Outline{Subject: "b", Outcome: store.OutcomeHeld,
			Rules: []store.RuleOutcome{{Rule: "one", Outcome: "matched"}, {Rule: "two", Outcome: "silenced"}}}},
		{"API", "run.completed", store.Outline{Subject: "c", Outcome: store.OutcomeNone}},
		{"API", "run.started", store.Outline{Subject: "d", Outcome: store.OutcomeError,
			Rules: []store.RuleOutcome{{Rule: "a\trule\nwith breaks", Outcome: "error"}}}},
	} {
		ev := f.MakeEvent()
		ev.Project, ev.Name = one.project, one.name
		f.AcceptOne(ev, store.Plan{Outline: one.outline})
		ids[one.outline.Subject] = ev.ID
	}
	return ids
}

// tallied returns the tallies of a kind by hours, without their times.
func (f *Fixture) tallied(kind string) string {
	f.Helper()
	list, err := f.Tallies(f.Context(), store.TallyFilter{Kind: kind})
	f.NoError(err)
	var all []string
	for _, t := range list {
		all = append(all, strings.ReplaceAll(fmt.Sprint(t.A, " ", t.B, " ", t.N), "\n", " "))
	}
	return strings.Join(all, ", ")
}

func tallyCases() map[string]func(*Fixture) {
	return map[string]func(*Fixture){
		"events, rules, deliveries and attempts are counted": func(f *Fixture) {
			f.outlinedEvents()
			replay, digest := f.MakeEvent(), f.MakeEvent()
			replay.ReplayOf, digest.Kind = 1, "digest"
			f.AcceptOne(replay, store.Plan{Outline: store.Outline{Outcome: store.OutcomeNone}})
			f.AcceptOne(digest, store.Plan{Outline: store.Outline{Outcome: store.OutcomeNone}})
			a, b, c, d := f.Put(""), f.Put(""), f.Put(""), f.Put("")
			f.Advance(1500 * time.Millisecond)
			f.ClaimIDs()
			f.FinishAs(store.Delivered, time.Time{}, a)
			f.report(store.Dead, time.Time{}, &store.Attempt{At: f.Now(), Took: 3 * time.Second, Reason: "client"}, []store.ID{b})
			f.report(store.Pending, f.Now(), &store.Attempt{At: f.Now(), Reason: "server"}, []store.ID{c})
			f.HandBack(f.Now(), d)
			f.CancelAll(d, c)
			f.Equal("events", f.tallied(store.TallyEvent), "API error 1, API none 1, WEB held 1, WEB matched 1")
			f.Equal("names", f.tallied(store.TallyName), "qase API run.completed 1, qase API run.started 1, qase WEB run.completed 6")
			f.Equal("rules", f.tallied(store.TallyRule), "a\trule with breaks error 1, one matched 2, two silenced 1")
			f.Equal("deliveries", f.tallied(store.TallyDelivery), "n cancelled 2, n dead 1, n delivered 1")
			f.Equal("reasons", f.tallied(store.TallyReason), "n client 1, n server 1")
			f.Equal("attempts", f.tallied(store.TallyAttempt), "n 00 1, n 01 1, n 12 1")
			f.Equal("from the event to the receiver", f.tallied(store.TallySent), "n 11 1")
		},
		"what was seen last is kept": func(f *Fixture) {
			ids := f.outlinedEvents()
			feeds, err := f.Seen(f.Context(), store.SeenFeed)
			f.NoError(err)
			f.Equal("feeds", fmt.Sprint(feeds), fmt.Sprint([]store.Seen{
				{Kind: store.SeenFeed, Name: store.FeedName("qase", "API"), ID: ids["d"]},
				{Kind: store.SeenFeed, Name: store.FeedName("qase", "WEB"), ID: ids["b"]}}))
			seen, err := f.Seen(f.Context(), store.SeenRule)
			f.NoError(err)
			f.Equal("rules", fmt.Sprint(seen), fmt.Sprint([]store.Seen{
				{Kind: store.SeenRule, Name: "one", ID: ids["b"]}, {Kind: store.SeenRule, Name: "two", ID: ids["b"]}}))
		},
		"minutes and hours are counted apart, and selected by time": func(f *Fixture) {
			start := f.Now()
			for range 3 {
				f.outlinedEvents()
				f.Advance(time.Hour)
			}
			for minute, size := range map[bool]time.Duration{true: time.Minute, false: time.Hour} {
				list, err := f.Tallies(f.Context(), store.TallyFilter{Kind: store.TallyEvent, Minute: minute, A: "WEB", B: "held",
					From: start.Add(time.Hour), Until: start.Add(2 * time.Hour)})
				f.NoError(err)
				f.Equal("tallies", list, []store.Tally{{Kind: store.TallyEvent, Minute: minute,
					At: start.Add(time.Hour).Truncate(size), A: "WEB", B: "held", N: 1}})
			}
		},
		"tallies are summed by steps, also those that were counted a moment ago": func(f *Fixture) {
			hour := f.Now().Truncate(time.Hour)
			held := func(ago time.Duration) store.Tally {
				return store.Tally{Kind: store.TallyEvent, At: hour.Add(-ago), A: "WEB", B: "held", N: 1}
			}
			f.NoError(f.AddTallies(f.Context(), []store.Tally{held(13 * time.Hour), held(9 * time.Hour), held(8 * time.Hour),
				held(2 * time.Hour)}))
			f.outlinedEvents()
			for step, want := range map[time.Duration]string{0: "[9 1, 8 1, 2 1, 0 1]", time.Hour: "[9 1, 8 1, 2 1, 0 1]",
				6 * time.Hour: "[9 2, 2 2]", store.TallyHoursKept: "[9 4]"} {
				list, err := f.Tallies(f.Context(), store.TallyFilter{Kind: store.TallyEvent, A: "WEB", B: "held",
					From: hour.Add(-11 * time.Hour), Step: step})
				f.NoError(err)
				var all []string
				for _, t := range list {
					all = append(all, fmt.Sprint(int(hour.Sub(t.At).Hours()), " ", t.N))
				}
				f.Equal(fmt.Sprint("sums of ", step), "["+strings.Join(all, ", ")+"]", want)
			}
			all, err := f.Tallies(f.Context(), store.TallyFilter{Kind: store.TallyEvent, From: hour.Add(-11 * time.Hour),
				Step: 12 * time.Hour})
			f.NoError(err)
			f.Equal("by outcome", words(all[0].N, all[1].B, all[2].B, len(all)), "4 error none 4")
		},
		"tallies are added, and a purge deletes old ones": func(f *Fixture) {
			now := f.Now()
			var list []store.Tally
			for _, age := range []time.Duration{0, store.TallyMinutesKept + time.Hour, store.TallyHoursKept + 2*time.Hour} {
				for _, minute := range []bool{true, false} {
					one := store.Tally{Kind: store.TallyRefused, Minute: minute, At: now.Add(-age), A: "qase", B: "401", N: 2}
					list = append(list, one, one)
				}
			}
			f.NoError(f.AddTallies(f.Context(), list))
			_, err := f.Purge(f.Context(), now.Add(-time.Hour), now.Add(-time.Hour))
			f.NoError(err)
			f.Equal("hours", f.tallied(store.TallyRefused), "qase 401 4, qase 401 4")
			minutes, err := f.Tallies(f.Context(), store.TallyFilter{Kind: store.TallyRefused, Minute: true})
			f.NoError(err)
			f.Equal("minutes", len(minutes), 1)
		},
		"the last attempts of a notifier are found, also those of old deliveries that are tried again": func(f *Fixture) {
			old, quiet := f.Put(""), f.Put("")
			f.ClaimIDs()
			f.FinishAs(store.Pending, f.Now().Add(time.Minute), old, quiet)
			for range 3 {
				f.Put("")
			}
			f.Advance(2 * time.Minute)
			_, err := f.Claim(f.Context(), "n", 1)
			f.NoError(err)
			got, err := f.LastAttempts(f.Context(), "n", 2)
			f.NoError(err)
			f.Equal("attempts", len(got), 2)
			f.Equal("other", f.lastOf("none"), 0)
			f.Equal("title", got[0].Title, "a title")
			var made []store.ID
			for range 3 {
				f.Advance(time.Minute)
				made = append(made, f.Put(""))
				f.ClaimIDs()
				f.FinishAs(store.Delivered, time.Time{}, made...)
				got, err = f.LastAttempts(f.Context(), "n", 1)
				f.NoError(err)
				f.Equal("newest", got[0].Delivery, made[len(made)-1])
			}
			got, err = f.LastAttempts(f.Context(), "n", 3)
			f.NoError(err)
			f.Equal("in order", []store.ID{got[0].Delivery, got[1].Delivery, got[2].Delivery},
				[]store.ID{made[2], made[1], made[0]})
		},
	}
}

func (f *Fixture) lastOf(notifier string) int {
	f.Helper()
	got, err := f.LastAttempts(f.Context(), notifier, 50)
	f.NoError(err)
	return len(got)
}

func auditCases() map[string]func(*Fixture) {
	entry := store.AuditEntry{Who: "ana", How: "token", Peer: "192.0.2.1", Verb: "retry", Object: "x", Details: "why", Outcome: "ok"}
	verbs := func(f *Fixture) []string {
		f.Helper()
		list, _, err := f.Audit(f.Context(), store.AuditFilter{OldestFirst: true})
		f.NoError(err)
		all := []string{}
		for _, e := range list {
			all = append(all, e.Verb)
		}
		return all
	}
	as := func(f *Fixture, verb string) context.Context {
		e := entry
		e.Verb = verb
		return store.WithAudit(f.Context(), e)
	}
	return map[string]func(*Fixture){
		"entries are kept and listed, the newest first": func(f *Fixture) {
			for i, who := range []string{"ana", "bob", "ana"} {
				e := entry
				e.Who, e.Object = who, fmt.Sprint(i)
				f.NoError(f.AddAudit(f.Context(), e))
				f.Advance(time.Second)
			}
			f.Reopen()
			for filter, want := range map[store.AuditFilter]string{
				{}: "[2 1 0]", {Who: "ana"}: "[2 0]", {Verb: "retry", Limit: 1}: "[2]", {Verb: "cancel"}: "[]", {Object: "1"}: "[1]",
				{OldestFirst: true}: "[0 1 2]", {Before: store.FirstID(f.Now().Add(-time.Second))}: "[1 0]",
			} {
				list, _, err := f.Audit(f.Context(), filter)
				f.NoError(err)
				got := []string{}
				for _, e := range list {
					got = append(got, e.Object)
				}
				f.Equal(fmt.Sprintf("%+v", filter), got, want)
			}
			list, _, err := f.Audit(f.Context(), store.AuditFilter{Limit: 1})
			f.NoError(err)
			e := list[0]
			f.Equal("entry", words(e.At.Equal(f.Now().Add(-time.Second)), e.Who, e.How, e.Peer, e.Verb, e.Details, e.Outcome),
				"true ana token 192.0.2.1 retry why ok")
		},
		"a change adds its entry once, and only if it changes something": func(f *Fixture) {
			a, b := f.Put(""), f.Put("")
			ctx := as(f, "retry")
			n, err := f.Retry(ctx, []store.ID{a, b})
			f.NoError(err)
			f.Equal("retried", words(n, store.IsAudited(ctx)), "2 true")
			_, err = f.Retry(ctx, []store.ID{a})
			f.NoError(err)
			ctx = as(f, "retry-nothing")
			_, err = f.Retry(ctx, []store.ID{1})
			f.NoError(err)
			f.Equal("nothing", store.IsAudited(ctx), false)
			_, err = f.Rewrite(as(f, "rewrite"), store.Rewrite{ID: a, Title: "t", Message: []byte("{}")})
			f.NoError(err)
			_, err = f.Cancel(as(f, "cancel"), []store.ID{a}, "why")
			f.NoError(err)
			_, err = f.Swap(as(f, "swap"), "k", nil, store.Change{Value: []byte("v")})
			f.NoError(err)
			_, err = f.Swap(as(f, "swap-not"), "k", nil, store.Change{Value: []byte("w")})
			f.NoError(err)
			_, err = f.SwapSlot(as(f, "slot"), nil, store.Change{Key: "slot:x", Value: []byte("v"), Due: f.Now()})
			f.NoError(err)
			_, err = f.Wake(as(f, "wake"), store.Wake{Limit: 1, Decide: func(_ int, s *store.Slot,
				_ func(string) ([]byte, error)) (store.Firing, error) {
				return store.Firing{Plan: store.Plan{Changes: []store.Change{{Key: s.Key}}}}, nil
			}})
			f.NoError(err)
			_, err = f.Wake(as(f, "wake-not"), store.Wake{Limit: 1})
			f.NoError(err)
			f.Equal("entries", verbs(f), "[retry rewrite cancel swap slot wake]")
		},
		"texts that cannot be kept are cut or changed": func(f *Fixture) {
			for name, text := range map[string]string{"long": "x" + strings.Repeat("ü", 10_000), "a cut character": "\xc3",
				"NUL": "a\x00b", "no text": "\xff\xfe", "long without a whole character": strings.Repeat("\xff", 5_000)} {
				e := store.AuditEntry{Who: text, How: text, Peer: text, Verb: text, Object: text, Details: text, Outcome: text}
				f.NoError(f.AddAudit(f.Context(), e))
				_, err := f.Retry(store.WithAudit(f.Context(), e), []store.ID{f.Put("")})
				f.NoError(err)
				list, _, err := f.Audit(f.Context(), store.AuditFilter{Limit: 2})
				f.NoError(err)
				for _, got := range list {
					f.Equal(name, utf8.ValidString(got.Details) && len(got.Details) < 5000 && len(got.Who) <= 200, true)
				}
				f.Equal(name, len(list), 2)
			}
		},
		"a purge deletes old entries": func(f *Fixture) {
			f.NoError(f.AddAudit(f.Context(), entry))
			f.Advance(store.AuditKept + time.Hour)
			f.NoError(f.AddAudit(f.Context(), entry))
			_, err := f.Purge(f.Context(), f.Now(), f.Now())
			f.NoError(err)
			f.Equal("entries", len(verbs(f)), 1)
		},
	}
}

// fillers is how many fill outlines at once in CheckFilled.
const fillers = 4

// CheckFilled fills the outlines of events that an earlier release has stored, and compares what is counted. Several
// begin with the same events at once, over this store and those of other relays: each event counts once.
func (f *Fixture) CheckFilled(want map[string]string, others ...store.Store) {
	f.Helper()
	outline := func(ev *store.StoredEvent) store.Outline {
		return store.Outline{Subject: "about " + ev.Name, Outcome: store.OutcomeMatched,
			Rules: []store.RuleOutcome{{Rule: "r", Outcome: "matched"}}}
	}
	var all, begun sync.WaitGroup
	begun.Add(fillers)
	relays := append([]store.Store{f.Store}, others...)
	for i := range fillers {
		all.Go(func() {
			arrive := sync.OnceFunc(begun.Done)
			_, err := relays[i%len(relays)].FillOutlines(f.Context(), func(ev *store.StoredEvent) store.Outline {
				arrive()
				begun.Wait() // so that each has read the same events before one writes
				return outline(ev)
			})
			arrive()
			if err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	for range 100 {
		from, err := f.FillOutlines(f.Context(), outline)
		f.NoError(err)
		if from.IsZero() {
			break
		}
	}
	list, _, err := f.Outlines(f.Context(), store.OutlineFilter{Rule: "r", Limit: 1})
	f.NoError(err)
	f.Equal("outlined", len(list) == 1 && list[0].Subject == "about "+list[0].Name, true)
	for _, kind := range slices.Sorted(maps.Keys(want)) {
		f.Equal(kind, f.tallied(kind), want[kind])
	}
}
