// Package seed fills a store with many events, for measurements.
package seed

import (
	"context"
	"fmt"
	"time"

	"qaserelay/relay/store"
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
)

// Write fills an empty store: events of 0.7 KiB with an outline, and four deliveries with an attempt for five events.
// Rows of all tables that lists read are written in large transactions.
func (s Seed) Write(ctx context.Context, w transfer.Writer) error {
	tables := map[string]transfer.Table{}
	for _, t := range transfer.Tables() {
		tables[t.Name] = t
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

// Tallies returns the tallies of the events by hours.
func (s Seed) Tallies() (list []store.Tally) {
	for from := 0; from < s.Events; {
		hour := s.at(from).Truncate(time.Hour)
		counts := map[store.Tally]int64{}
		for ; from < s.Events && s.at(from).Truncate(time.Hour).Equal(hour); from++ {
			e := s.kind(from)
			counts[store.Tally{Kind: store.TallyEvent, At: hour, A: e.project, B: e.outcome()}]++
			counts[store.Tally{Kind: store.TallyName, At: hour, A: e.project, B: e.name}]++
			if e.rule != "" {
				counts[store.Tally{Kind: store.TallyRule, At: hour, A: e.rule, B: "matched"}]++
				counts[store.Tally{Kind: store.TallyDelivery, At: hour, A: e.notifier, B: string(e.state)}]++
				counts[store.Tally{Kind: store.TallyAttempt, At: hour, A: e.notifier, B: store.LatencyBucket(e.took)}]++
				counts[store.Tally{Kind: store.TallySent, At: hour, A: e.notifier, B: store.LatencyBucket(2 * e.took)}]++
			}
		}
		for t, n := range counts {
			t.N = n
			list = append(list, t)
		}
	}
	return list
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

// kind draws the i-th event: always the same.
func (s Seed) kind(i int) seeded {
	h := uint64(i) * 0x9e3779b97f4a7c15
	pick := func(n uint64) int { h ^= h >> 29; h *= 0xbf58476d1ce4e5b9; return int((h >> 33) % n) }
	names := []string{"run.completed", "run.started", "case.updated", "defect.created", "review.created", "result.created"}
	e := seeded{name: names[pick(6)], project: []string{"WEB", "WEB", "WEB", "API", "IOS"}[pick(5)], state: store.Delivered,
		took: time.Duration(5+pick(400)) * time.Millisecond}
	if i%5 != 0 {
		e.rule = []string{"failed-run", "aborted-run", "new-defect", "quiet"}[pick(4)]
		e.notifier = []string{"qa-slack", "ops", "mail", "refused"}[pick(4)]
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
	id, ms := int64(store.FirstID(at))+int64(i%8)<<4, at.UnixMilli()
	title := fmt.Sprintf("Nightly regression %d", i)
	body := fmt.Appendf(nil, `{"event_name":%q,"timestamp":%d,"project_code":%q,"team_member_id":40,"payload":{"id":%d,"title":%q,`+
		`"cases":14,"failed":3,"environment":"staging","description":"%s"}}`, e.name, ms/1000, e.project, i, title, pad[:400])
	o := store.Outline{Subject: title, Outcome: e.outcome()}
	decisions := []byte(`{"results":[]}`)
	if e.rule != "" {
		o.Rules = []store.RuleOutcome{{Rule: e.rule, Outcome: "matched"}}
		decisions = fmt.Appendf(nil, `{"results":[{"rule":%q,"outcome":"matched"}]}`, e.rule)
	}
	add("events", id, "qase", e.name, e.project, ms, int64(0), "", decisions, body, nil, o.Subject, o.Outcome, o.RulesText())
	if e.rule == "" {
		return
	}
	took := e.took.Milliseconds()
	status, failure, reason := "200 OK", "", ""
	if e.state == store.Dead {
		status, failure, reason = "404 Not Found", fmt.Sprintf("no such hook (request %d)", i), "client"
	}
	message := fmt.Appendf(nil, `{"level":"error","title":%q,"body":%q}`, title, pad[:200])
	add("attempts", id+1, int64(1), ms, took, status, reason, failure, "ok")
	add("deliveries", id+1, id, int64(0), e.rule, e.notifier, "", title, string(e.state), nil, int64(3_600_000), int64(1), int64(1),
		ms, ms, ms+took, status, failure, message)
}

// pad is a long text.
var pad = fmt.Sprintf("%0400d", 0)
