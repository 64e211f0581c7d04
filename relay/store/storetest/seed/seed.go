// Package seed fills a store with many events, for measurements.
package seed

import (
	"context"
	"fmt"
	"time"

	"qaserelay/relay/store"
	"qaserelay/relay/store/ledger"
	"qaserelay/relay/store/transfer"
)

// Seed describes many events for measurements. They are spread evenly over Days before Until.
type Seed struct {
	Events int
	Days   int
	Until  time.Time
}

// The projects and the rule of Seed of which there are few events: RareEvents, spread evenly.
const (
	RareProject = "RARE"
	RareRule    = "rare-rule"
	RareEvents  = 20

	// SeldomNotifier gets one of 500 messages.
	SeldomNotifier = "refused"
)

// source is where the events come from, and reason why attempts fail.
const (
	source = "qase"
	reason = "client"
)

// Write fills an empty store: events of 0.7 KiB with an outline, and four deliveries with an attempt for five events.
// Rows of all tables that lists and charts read are written in large transactions.
func (s Seed) Write(ctx context.Context, w transfer.Writer) error {
	tables := map[string]transfer.Table{}
	for _, t := range transfer.Tables() {
		tables[t.Name] = t
	}
	counted := map[string][]transfer.Row{"tally": s.tallies(), "seen": s.seen()}
	for name, rows := range counted {
		if err := w.Put(ctx, tables[name], rows, ""); err != nil {
			return fmt.Errorf("seeding %s: %w", name, err)
		}
	}
	const step = 20_000
	for from := 0; from < s.Events; from += step {
		rows := map[string][]transfer.Row{}
		for i := from; i < min(from+step, s.Events); i++ {
			s.event(i, func(table string, r ...any) { rows[table] = append(rows[table], r) })
		}
		for _, name := range []string{"events", "attempts", "deliveries"} {
			if err := w.Put(ctx, tables[name], rows[name], ""); err != nil {
				return fmt.Errorf("seeding %s: %w", name, err)
			}
		}
	}
	return w.Finish(ctx)
}

// tallies returns the tallies of the events: by hours, and those of the last days by minutes as well.
func (s Seed) tallies() (rows []transfer.Row) {
	hours, minutes := map[store.Tally]int64{}, map[store.Tally]int64{}
	recent := s.Until.Add(-store.TallyMinutesKept)
	for i := range s.Events {
		e, at := s.kind(i), s.at(i)
		e.count(func(kind, a, b string) { hours[store.Tally{Kind: kind, At: at.Truncate(time.Hour), A: a, B: b}]++ })
		if at.Before(recent) {
			continue
		}
		e.count(func(kind, a, b string) {
			if kind == store.TallyEvent || kind == store.TallyDelivery {
				minutes[store.Tally{Kind: kind, Minute: true, At: at.Truncate(time.Minute), A: a, B: b}]++
			}
		})
	}
	var list []store.Tally
	for _, counts := range []map[store.Tally]int64{hours, minutes} {
		for t, n := range counts {
			t.N = n
			list = append(list, t)
		}
	}
	for _, t := range ledger.RowsOf(list) {
		rows = append(rows, transfer.Row{t.Kind, t.Bucket, t.A, t.B, t.N})
	}
	return rows
}

// seen returns the last events of feeds, and those that rules matched last.
func (s Seed) seen() (rows []transfer.Row) {
	last := map[[2]string]int64{}
	for i := range s.Events {
		e := s.kind(i)
		last[[2]string{store.SeenFeed, store.FeedName(source, e.project)}] = s.id(i)
		if e.rule != "" {
			last[[2]string{store.SeenRule, e.rule}] = s.id(i)
		}
	}
	for of, id := range last {
		rows = append(rows, transfer.Row{of[0], of[1], id})
	}
	return rows
}

// count adds to the tallies that the event counts for.
func (e *seeded) count(add func(kind, a, b string)) {
	add(store.TallyEvent, e.project, e.outcome())
	add(store.TallyName, store.FeedName(source, e.project), e.name)
	if e.rule == "" {
		return
	}
	add(store.TallyRule, e.rule, store.OutcomeMatched)
	add(store.TallyDelivery, e.notifier, string(e.state))
	add(store.TallyAttempt, e.notifier, store.LatencyBucket(e.took))
	switch e.state {
	case store.Delivered:
		add(store.TallySent, e.notifier, store.LatencyBucket(2*e.took))
	case store.Dead:
		add(store.TallyReason, e.notifier, reason)
	}
}

// seeded is what is drawn for one event.
type seeded struct {
	name, project, rule, notifier string
	state                         store.State
	took                          time.Duration
}

func (e *seeded) outcome() string {
	if e.rule != "" {
		return store.OutcomeMatched
	}
	return store.OutcomeNone
}

// at returns when the i-th event has arrived.
func (s Seed) at(i int) time.Time {
	span := time.Duration(s.Days) * 24 * time.Hour
	return s.Until.Add(-span + time.Duration(float64(span)*float64(i)/float64(s.Events))).Truncate(time.Millisecond)
}

// id returns the id of the i-th event.
func (s Seed) id(i int) int64 { return int64(store.FirstID(s.at(i))) + int64(i%8)<<4 }

// kind draws the i-th event: always the same.
func (s Seed) kind(i int) seeded {
	h := uint64(i) * 0x9e3779b97f4a7c15
	pick := func(n uint64) int { h ^= h >> 29; h *= 0xbf58476d1ce4e5b9; return int((h >> 33) % n) }
	names := []string{"run.completed", "run.started", "case.updated", "defect.created", "review.created", "result.created"}
	e := seeded{name: names[pick(6)], project: []string{"WEB", "WEB", "WEB", "API", "IOS"}[pick(5)], state: store.Delivered,
		took: time.Duration(5+pick(400)) * time.Millisecond}
	if i%5 != 0 {
		e.rule = []string{"failed-run", "aborted-run", "new-defect", "quiet"}[pick(4)]
		e.notifier = []string{"qa-slack", "ops", "mail"}[pick(3)]
		if pick(500) == 0 {
			e.notifier = SeldomNotifier
		}
	}
	if rare := max(1, s.Events/RareEvents); i%rare == rare/2 {
		e.project = RareProject
		e.rule, e.notifier = RareRule, "ops"
	}
	switch pick(200) {
	case 0, 1:
		e.state = store.Dead
	case 2:
		e.state = store.Cancelled
	}
	return e
}

// event makes the rows of the i-th event.
func (s Seed) event(i int, add func(table string, r ...any)) {
	e, at := s.kind(i), s.at(i)
	id, ms := s.id(i), at.UnixMilli()
	title := fmt.Sprintf("Nightly regression %d", i)
	body := fmt.Appendf(nil, `{"event_name":%q,"timestamp":%d,"project_code":%q,"team_member_id":40,"payload":{"id":%d,"title":%q,`+
		`"cases":14,"failed":3,"environment":"staging","description":"%s"}}`, e.name, ms/1000, e.project, i, title, pad[:400])
	o := store.Outline{Subject: title, Outcome: e.outcome()}
	decisions := []byte(`{"results":[]}`)
	if e.rule != "" {
		o.Rules = []store.RuleOutcome{{Rule: e.rule, Outcome: "matched"}}
		decisions = fmt.Appendf(nil, `{"results":[{"rule":%q,"outcome":"matched"}]}`, e.rule)
	}
	add("events", id, source, e.name, e.project, ms, int64(0), "", decisions, body, nil, o.Subject, o.Outcome, o.RulesText())
	if e.rule == "" {
		return
	}
	took := e.took.Milliseconds()
	status, failure, why := "200 OK", "", ""
	if e.state == store.Dead {
		status, failure, why = "404 Not Found", fmt.Sprintf("no such hook (request %d)", i), reason
	}
	message := fmt.Appendf(nil, `{"level":"error","title":%q,"body":%q}`, title, pad[:200])
	add("attempts", id+1, int64(1), ms, took, status, why, failure, "ok")
	add("deliveries", id+1, id, int64(0), e.rule, e.notifier, "", title, string(e.state), nil, int64(3_600_000), int64(1), int64(1),
		ms, ms, ms+took, status, failure, message)
}

// pad is a long text.
var pad = fmt.Sprintf("%0400d", 0)
