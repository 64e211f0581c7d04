package week

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"qaserelay/relay/qaseapi/standin"
)

// Traffic makes plausible events of three projects. It is for one goroutine.
type Traffic struct {
	rand     *rand.Rand
	projects []*project
	queue    []Event // of Next
}

// New returns the traffic of a week that has yet to begin. It is the same each time.
func New() *Traffic {
	return &Traffic{rand: rand.New(rand.NewPCG(5, 3)), projects: projects()}
}

// Week returns the events of the week before a time, in their order. Days and nights are those of a time zone.
func (t *Traffic) Week(until time.Time, zone *time.Location) (all []Event) {
	end := until.In(zone)
	for ago := 7; ago >= 0; ago-- {
		day := time.Date(end.Year(), end.Month(), end.Day()-ago, 0, 0, 0, 0, zone)
		for _, p := range t.projects {
			all = append(all, t.day(p, day)...)
		}
	}
	from := until.AddDate(0, 0, -7)
	all = slices.DeleteFunc(all, func(e Event) bool { return e.At.Before(from) || !e.At.Before(until.Add(-time.Hour)) })
	all = append(all, t.lastHour(until)...)
	slices.SortStableFunc(all, func(a, b Event) int { return a.At.Compare(b.At) })
	return all
}

// lastHour returns events of the hour before a time, at night too: the week ends while people work.
func (t *Traffic) lastHour(until time.Time) (all []Event) {
	for i, p := range t.projects {
		start := until.Add(time.Duration(-55+5*i) * time.Minute)
		all = append(all, t.run(p, &p.plans[0], start)...)
		all = append(all, t.edits(p, start.Add(7*time.Minute))...)
		all = append(all, t.defect(p, start.Add(12*time.Minute))...)
	}
	all = append(all, t.review(t.projects[0], until.Add(-40*time.Minute))...)
	return slices.DeleteFunc(all, func(e Event) bool { return !e.At.Before(until) })
}

// day returns the events of a project on a day, of which some may be on the next one.
func (t *Traffic) day(p *project, day time.Time) (all []Event) {
	free := day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
	for i := range p.plans {
		pl := &p.plans[i]
		for _, hour := range pl.hours {
			if free && (!pl.weekends || hour > 6) {
				continue
			}
			all = append(all, t.run(p, pl, at(day, hour, t.rand.IntN(40)))...)
		}
	}
	people := 5 + t.rand.IntN(3)
	if free {
		people = t.rand.IntN(2)
	}
	for range people {
		start := at(day, 8, t.rand.IntN(9*60))
		if start.Hour() == 12 { // lunch
			start = start.Add(time.Hour)
		}
		switch n := t.rand.IntN(10); {
		case n < 5:
			all = append(all, t.edits(p, start)...)
		case n < 8:
			all = append(all, t.review(p, start)...)
		default:
			all = append(all, t.defect(p, start)...)
		}
	}
	return all
}

func at(day time.Time, hour, minute int) time.Time {
	return time.Date(day.Year(), day.Month(), day.Day(), hour, minute, day.Nanosecond()%60, 0, day.Location())
}

// Next returns the next event of a time in which something happens every few seconds. Its time is not set.
func (t *Traffic) Next() Event {
	if len(t.queue) == 0 {
		var now time.Time
		a, b := t.projects[t.rand.IntN(3)], t.projects[t.rand.IntN(3)]
		one := t.run(a, &a.plans[t.rand.IntN(len(a.plans))], now)
		two := slices.Concat(t.edits(b, now), t.review(b, now))
		if t.rand.IntN(3) == 0 {
			two = append(two, t.defect(b, now)...)
		}
		for len(one)+len(two) > 0 { // one of each in turn
			if len(one) > 0 {
				t.queue, one = append(t.queue, one[0]), one[1:]
			}
			if len(two) > 0 {
				t.queue, two = append(t.queue, two[0]), two[1:]
			}
		}
	}
	e := t.queue[0]
	t.queue = t.queue[1:]
	return e
}

// run returns the events of a run: it starts, some results come in, and it ends or is aborted.
func (t *Traffic) run(p *project, pl *plan, start time.Time) []Event {
	p.run++
	id := p.run
	member := pl.member
	took := time.Duration(pl.minutes)*time.Minute + time.Duration(t.rand.IntN(240))*time.Second
	title := pl.run
	if pl.member == 0 {
		title = fmt.Sprintf("%s %d", pl.run, id)
	}
	all := []Event{{At: start, name: "run.started", project: p.code, member: member, payload: map[string]any{"id": id,
		"title": title, "description": nil, "plan": map[string]any{"id": pl.id, "title": pl.title}, "cases_count": pl.count,
		"environment": pl.environment}}}
	if pl.abortive && t.rand.IntN(5) == 0 {
		done := 1 + t.rand.IntN(pl.count-1)
		return append(all, Event{At: start.Add(took / 3), name: "run.aborted", project: p.code, member: member,
			payload: map[string]any{"id": id, "cases": pl.count, "passed": done, "untested": pl.count - done, "failed": 0,
				"blocked": 0, "skipped": 0, "duration": (took / 3).Milliseconds()}})
	}
	for i := range 1 + t.rand.IntN(2) {
		all = append(all, Event{At: start.Add(took * time.Duration(i+1) / 4), name: "result.created", project: p.code,
			member: member, payload: map[string]any{"run_id": id, "case_id": pl.from + t.rand.IntN(pl.count)}})
	}
	ended := &endedRun{Run: standin.Run{ID: id, Title: title, Plan: pl.id, Environment: pl.environment}, took: took}
	failed := t.results(p, pl, ended)
	ended.Status = "passed"
	if failed > 0 {
		ended.Status = "failed"
	}
	return append(all, Event{At: start.Add(took), name: "run.completed", project: p.code, member: member, run: ended,
		payload: map[string]any{"id": id, "cases": pl.count, "passed": pl.count - failed, "failed": failed, "blocked": 0,
			"duration": took.Milliseconds()}})
}

// results adds a result for each case of a run, and returns how many failed. A failure stays until it is fixed.
func (t *Traffic) results(p *project, pl *plan, run *endedRun) (failed int) {
	if p.failing == nil {
		p.failing = map[int]string{}
	}
	for id := pl.from; id < pl.from+pl.count; id++ {
		if p.failing[id] != "" && t.rand.Float64() < pl.recovers {
			delete(p.failing, id)
		}
	}
	if t.rand.Float64() < pl.breaks {
		p.failing[pl.from+t.rand.IntN(pl.count)] = reasons()[t.rand.IntN(len(reasons()))]
	}
	for id := pl.from; id < pl.from+pl.count; id++ {
		run.Cases = append(run.Cases, id)
		r := standin.Result{Run: run.ID, Case: id, Status: "passed", Comment: p.failing[id],
			Took: time.Duration(800+t.rand.IntN(9000)) * time.Millisecond}
		if slices.Contains(pl.flaky, id) && t.rand.IntN(5) < 2 {
			r.Comment = "timeout after 30 s"
		}
		if r.Comment != "" {
			r.Status = "failed"
			failed++
		}
		run.results = append(run.results, r)
	}
	return failed
}

func reasons() []string {
	return []string{"expected 201, got 500", "timeout after 30 s", "element not found: #pay", "expected 3 rows, got 2",
		"connection reset by peer"}
}
