package failures

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// maxSummed is how many tests each list of a summary has.
const maxSummed = 20

// Period says what became of the tests of a project in a period, by the histories of its series.
type Period struct {
	Project, QaseURL string
	From, To         time.Time // To is no part of it
	Location         *time.Location
	Series           []Ran

	runs, aborted     int
	series            int   // that had a run in the period
	rates, before     []int // pass rates in per mille: of the runs in the period, and of those before
	days              map[string][]int
	red, still, fixed []summed
	flaky             []summed
	slower            []map[string]any
	defects           map[int]*openDefect // by id
}

// Ran are the runs of one series.
type Ran struct {
	Title, Environment string
	History            *History
}

// name names the series for people.
func (r *Ran) name() string {
	name := r.Title
	if name == "" && len(r.History.Runs) > 0 {
		name = r.History.Runs[0].Title
	}
	if r.Environment != "" && name != "" {
		name += " · "
	}
	return name + r.Environment
}

// summed is a test in a list of a summary, with the number that orders the list.
type summed struct {
	rank int64
	vars map[string]any
}

// Payload returns the payload of the event about the summary, and how many runs ended in the period.
func (s *Period) Payload() (payload map[string]any, ended int) {
	s.days, s.defects = map[string][]int{}, map[int]*openDefect{}
	for i := range s.Series {
		s.add(&s.Series[i])
	}
	days, line := s.byDay()
	slices.SortStableFunc(s.slower, func(a, b map[string]any) int { return b["growth"].(int) - a["growth"].(int) })
	payload = map[string]any{"project": s.Project, "from": s.From.In(s.Location).Format(time.RFC3339),
		"to": s.To.In(s.Location).Format(time.RFC3339), "series": s.series, "runs": s.runs, "aborted": s.aborted,
		"pass_rate": mean(s.rates), "pass_rate_before": mean(s.before), "days": days, "line": line,
		"newly_red": listed(s.red), "newly_red_total": len(s.red),
		"still_red": listed(s.still), "still_red_total": len(s.still),
		"fixed": listed(s.fixed), "fixed_total": len(s.fixed), "flakiest": listed(s.flaky),
		"slower": anyList(s.slower[:min(len(s.slower), maxSummed)]), "defects_total": len(s.defects),
		"defects": s.openDefects()}
	return payload, s.runs
}

// add counts the runs and tests of one series.
func (s *Period) add(r *Ran) {
	from, to, before := s.From.Unix(), s.To.Unix(), s.runs
	var took, tookBefore []int
	for _, run := range r.History.ends() {
		switch {
		case run.FinishedAt >= to:
			continue
		case run.FinishedAt < from:
			if !run.Aborted && run.DurationMS > 0 {
				tookBefore = append(tookBefore, int(run.DurationMS))
			}
			if run.Rate >= 0 && run.FinishedAt >= 2*from-to {
				s.before = append(s.before, run.Rate)
			}
			continue
		}
		s.runs++
		if run.Aborted {
			s.aborted++
			continue
		}
		if run.Rate >= 0 {
			day := time.Unix(run.FinishedAt, 0).In(s.Location).Format(time.DateOnly)
			s.days[day], s.rates = append(s.days[day], run.Rate), append(s.rates, run.Rate)
		}
		if run.DurationMS > 0 {
			took = append(took, int(run.DurationMS))
		}
	}
	if s.runs > before {
		s.series++
	}
	s.compareDurations(r, took, tookBefore)
	for key, c := range r.History.cases {
		s.addCase(r, key, c)
	}
	s.addDefects(r)
}

// compareDurations notes a series whose runs take at least a tenth longer than before.
func (s *Period) compareDurations(r *Ran, took, before []int) {
	if len(took) == 0 || len(before) == 0 {
		return
	}
	now, then := average(took), average(before)
	if growth := (now - then) * 100 / then; growth >= 10 {
		s.slower = append(s.slower, map[string]any{"series": r.name(), "duration": now / 1000, "before": then / 1000,
			"growth": growth})
	}
}

// course is how a test did in the runs of a period.
type course struct {
	runs, failed, changes int
	last                  outcome // of the period
	since                 int64   // end of the run in which the last outcome began
	began                 bool    // it began in the period, and another one came before
	redRuns               int     // failing runs in a row
}

// courseOf follows the outcomes of a test, from the oldest to the newest.
func (s *Period) courseOf(h *History, c *series) (x course) {
	state := notRun
	for i := min(len(h.Runs), maxRuns) - 1; i >= 0; i-- {
		run, o := h.Runs[i], c.at(i)
		if o != passed && o != failed || run.FinishedAt >= s.To.Unix() {
			continue
		}
		within := run.FinishedAt >= s.From.Unix()
		if o != state {
			if within && state != notRun {
				x.changes++
			}
			x.began, x.since, x.redRuns = within, run.FinishedAt, 0
			if state == notRun && o == failed && c.more > 0 && c.since > 0 && c.since < run.FinishedAt {
				x.since, x.redRuns, x.began = c.since, c.more, c.since >= s.From.Unix()
			}
		}
		state = o
		if o == failed {
			x.redRuns++
		}
		if !within {
			continue
		}
		x.runs++
		if x.last = o; o == failed {
			x.failed++
		}
	}
	return x
}

// addCase puts a test into the lists that it belongs to.
func (s *Period) addCase(r *Ran, key int64, c *series) {
	x := s.courseOf(r.History, c)
	vars := func() map[string]any {
		v := map[string]any{"case_id": nil, "code": "", "title": c.title, "suite": c.suite, "url": nil, "series": r.name(),
			"since": time.Unix(x.since, 0).In(s.Location).Format(time.RFC3339), "red_runs": x.redRuns,
			"runs": x.runs, "failed": x.failed, "changes": x.changes}
		if key < 1<<60 {
			code := s.Project + "-" + strconv.FormatInt(key, 10)
			v["case_id"], v["code"], v["url"] = int(key), code, fmt.Sprintf("%s/case/%s", s.QaseURL, code)
			v["title"] = cmp.Or(c.title, code)
		}
		return v
	}
	switch {
	case x.last == failed && x.began:
		s.red = append(s.red, summed{-x.since, vars()})
	case x.last == failed:
		s.still = append(s.still, summed{x.since, vars()})
	case x.last == passed && x.began && x.changes > 0:
		s.fixed = append(s.fixed, summed{-x.since, vars()})
	}
	if x.changes >= 2 {
		s.flaky = append(s.flaky, summed{-int64(x.changes), vars()})
	}
}

// openDefect is a defect in the list of a summary.
type openDefect struct {
	title, series string
	tests         map[int64]bool
}

// addDefects adds the open defects of a series, if a run of it has ended since the period began.
func (s *Period) addDefects(r *Ran) {
	if r.History.seen.end < s.From.Unix() {
		return
	}
	for _, d := range r.History.seen.defects {
		known := s.defects[d.id]
		if known == nil {
			known = &openDefect{title: d.title, series: r.name(), tests: map[int64]bool{}}
			s.defects[d.id] = known
		} else {
			known.series += ", " + r.name()
		}
		for _, test := range d.tests {
			known.tests[test] = true
		}
	}
}

// openDefects returns the defects, those of most tests first.
func (s *Period) openDefects() []any {
	ids := slices.SortedFunc(maps.Keys(s.defects), func(a, b int) int {
		return cmp.Or(len(s.defects[b].tests)-len(s.defects[a].tests), a-b)
	})
	list := []any{}
	for _, id := range ids[:min(len(ids), maxSummed)] {
		d := s.defects[id]
		list = append(list, map[string]any{"id": id, "title": d.title, "tests": len(d.tests), "series": d.series,
			"url": fmt.Sprintf("%s/defect/%s/view/%d", s.QaseURL, s.Project, id)})
	}
	return list
}

// byDay returns the pass rates of the days of the period, and those of days with runs as blocks.
func (s *Period) byDay() (days []any, line string) {
	var rates []int
	last := s.To.Add(-time.Second).In(s.Location).Format(time.DateOnly)
	for at := s.From.In(s.Location); ; at = at.AddDate(0, 0, 1) {
		day := at.Format(time.DateOnly)
		if day > last {
			return days, Line(rates)
		}
		rate := mean(s.days[day])
		if percent, known := rate.(int); known {
			rates = append(rates, percent)
		}
		days = append(days, map[string]any{"date": day, "day": at.Format("Mon 2 Jan"), "runs": len(s.days[day]),
			"pass_rate": rate})
	}
}

// listed returns the first tests by their rank.
func listed(all []summed) []any {
	slices.SortFunc(all, func(a, b summed) int {
		return cmp.Or(cmp.Compare(a.rank, b.rank), strings.Compare(a.text("suite"), b.text("suite")),
			cmp.Compare(a.id(), b.id()), strings.Compare(a.text("title"), b.text("title")),
			strings.Compare(a.text("series"), b.text("series")))
	})
	list := []any{}
	for _, one := range all[:min(len(all), maxSummed)] {
		list = append(list, one.vars)
	}
	return list
}

func (x *summed) id() int { id, _ := x.vars["case_id"].(int); return id }

func (x *summed) text(key string) string { text, _ := x.vars[key].(string); return text }

func anyList(all []map[string]any) []any {
	list := []any{}
	for _, one := range all {
		list = append(list, one)
	}
	return list
}

// mean returns the mean of rates in per mille, in percent, and nil for none.
func mean(rates []int) any {
	if len(rates) == 0 {
		return nil
	}
	return (average(rates) + 5) / 10
}

func average(numbers []int) int {
	sum := 0
	for _, n := range numbers {
		sum += n
	}
	return sum / len(numbers)
}
