package failures

import (
	"cmp"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/people"
)

// maxListed is how many failing tests a report lists.
const maxListed = 200

// Ended is a run that has ended, or that an event is about, with what is known beside its facts.
type Ended struct {
	ID, Title, Project string
	FinishedAt         int64 // Unix seconds
	Cases, Failed      int   // by the event
	Passed             int
	DurationMS         int64
	Aborted            bool
	Running            bool // it has not ended: only the runs before are known
	Facts              *Run // nil if nothing was asked
	History            *History
	People             *people.Directory
	QaseURL            string
	Location           *time.Location
}

// Report says which tests failed in a run, and what that means beside the runs before it.
type Report struct {
	*Ended
	List, Fixed, Flaky []*Failure // List is of at most 200: new ones first, muted ones last
	Muted              int
	Total, NewTotal    int
	FlakyTotal         int
	DefectTotal        int
	FixedTotal         int
	Compared           *Past // the run before, or nil
	Groups             []Group

	before int            // the place of the run before in the history, or -1
	api    bool           // the run before is by the API
	rates  []int          // the last pass rates in percent, the newest last
	place  int            // of this run in the history after it
	listed map[int64]bool // the cases of all results
	alike  bool           // most failures share a reason
}

// Failure is one test that failed.
type Failure struct {
	Result
	key         int64
	Code        string
	New         bool
	NeverPassed bool
	Since       int64 // Unix seconds
	RedRuns     int
	IsFlaky     bool
	Rate        string // 6 of 10
	Defect      *Defect
	Owner       map[string]any
}

// Group is a reason that most of many failures share.
type Group struct {
	Reason string
	Count  int
}

// rows is how many results the failure stands for.
func (f *Failure) rows() int { return max(f.Times, 1) }

// known reports whether the failing tests are known.
func (e *Ended) known() bool { return e.Facts != nil && e.Facts.Known }

// NewReport returns the report of a run. It adds the run to its history.
func NewReport(e *Ended) *Report {
	if e.History == nil {
		e.History = ReadHistory(nil)
	}
	if e.Facts != nil && e.Facts.FinishedAt > 0 {
		e.FinishedAt = e.Facts.FinishedAt
	}
	r := &Report{Ended: e, before: -1, Total: e.Failed}
	r.compare()
	if e.known() {
		r.list()
	}
	r.count()
	r.fix()
	r.remember()
	return r
}

// compare finds the run before: the last one that ended earlier, was not aborted, and whose failing cases are known.
func (r *Report) compare() {
	for i := range r.History.Runs {
		if past := &r.History.Runs[i]; past.isBefore(r.ID, r.FinishedAt) {
			one := *past
			r.Compared, r.before = &one, i
			return
		}
	}
	if r.Facts != nil && r.Facts.Compared != nil {
		c := r.Facts.Compared
		r.Compared, r.api = &Past{ID: c.Run, Title: c.Title, Known: true, End: End{FinishedAt: c.FinishedAt, Rate: -1}}, true
	}
}

// failedBefore reports whether a case failed in the run before.
func (r *Report) failedBefore(key int64) bool {
	if r.api {
		return r.Facts.Compared.Failed.Has(int(key))
	}
	c := r.History.cases[key]
	return c != nil && r.before >= 0 && c.at(r.before) == failed
}

// list makes the list of the failing tests.
func (r *Report) list() {
	r.listed = make(map[int64]bool, len(r.Facts.Results))
	for i := range r.Facts.Results {
		one := r.Facts.Results[i]
		f := &Failure{Result: one, key: one.Key()}
		known := r.listed[f.key]
		if r.listed[f.key] = true; known || one.Status == "blocked" {
			continue
		}
		r.describe(f)
		r.List = append(r.List, f)
	}
	for i := range r.Facts.Recovered {
		f := &Failure{Result: r.Facts.Recovered[i], key: r.Facts.Recovered[i].Key()}
		r.describe(f)
		f.New, f.NeverPassed, f.RedRuns, f.Since, f.IsFlaky = false, false, 0, 0, true
		r.Flaky = append(r.Flaky, f)
	}
	rank := func(f *Failure) int {
		switch {
		case f.Muted:
			return 2
		case f.New:
			return 0
		}
		return 1
	}
	slices.SortStableFunc(r.List, func(a, b *Failure) int {
		return cmp.Or(rank(a)-rank(b), strings.Compare(a.Suite, b.Suite), cmp.Compare(a.key, b.key))
	})
}

// describe fills in what is known of a failing test from the runs before.
func (r *Report) describe(f *Failure) {
	if f.CaseID > 0 {
		f.Code = r.Project + "-" + strconv.Itoa(f.CaseID)
	}
	f.Title = cmp.Or(f.Title, f.Code, f.Reason, withoutCase)
	if f.Deleted {
		f.Title = f.Code + " (deleted)"
	}
	past := r.History.cases[f.key]
	f.New, f.RedRuns, f.Since = !r.failedBefore(f.key), 1, r.FinishedAt
	switch {
	case f.New:
	case r.api:
		f.RedRuns, f.Since = 2, cmp.Or(r.Compared.FinishedAt, r.FinishedAt)
	default:
		r.streak(f, past)
	}
	f.NeverPassed = !(past != nil && past.has(passed)) && !r.History.passed.Has(f.CaseID) &&
		!(r.api && r.Facts.Compared.Cases.Has(f.CaseID) && !r.Facts.Compared.Failed.Has(f.CaseID))
	r.flakiness(f, past)
	f.Defect = r.defectOf(f, past)
	f.Owner = r.ownerOf(f)
}

// streak counts the runs in a row that the test has failed in.
func (r *Report) streak(f *Failure, past *series) {
	for i := r.before; i < len(r.History.Runs); i++ {
		switch run := r.History.Runs[i]; {
		case run.Aborted || !run.Known || run.ID == r.ID:
			continue
		case past.at(i) != failed:
			return
		default:
			f.RedRuns++
			f.Since = run.FinishedAt
		}
	}
	f.RedRuns += past.more
	if past.more > 0 && past.since > 0 {
		f.Since = past.since
	}
}

// flakiness decides whether a failing test is flaky: it changed between pass and fail twice or more in its last ten
// outcomes of at least five, or Qase marks it so.
func (r *Report) flakiness(f *Failure, past *series) {
	outcomes := []outcome{failed}
	for i := 0; past != nil && i < len(r.History.Runs) && len(outcomes) < 10; i++ {
		if run := r.History.Runs[i]; run.ID == r.ID || run.FinishedAt > r.FinishedAt {
			continue
		}
		if o := past.at(i); o == passed || o == failed {
			outcomes = append(outcomes, o)
		}
	}
	changes, fails := 0, 0
	for i, o := range outcomes {
		if o == failed {
			fails++
		}
		if i > 0 && o != outcomes[i-1] {
			changes++
		}
	}
	f.IsFlaky = f.Result.Flaky || len(outcomes) >= 5 && changes >= 2
	if f.IsFlaky && len(outcomes) >= 5 {
		f.Rate = fmt.Sprintf("%d of %d", fails, len(outcomes))
	}
}

// defectOf returns the open defect that this result, or the last failing one of its case, was linked to.
func (r *Report) defectOf(f *Failure, past *series) *Defect {
	for i := range r.Facts.Defects {
		d := &r.Facts.Defects[i]
		for _, hash := range d.Hashes {
			if hash != "" && (hash == f.Hash || past != nil && past.hash != 0 && past.hash == hashed(hash)) {
				return d
			}
		}
	}
	return nil
}

// ownerOf returns the person whom the test belongs to, or nil: by the rules file, then by a field of the case, then by the
// plan.
func (r *Report) ownerOf(f *Failure) map[string]any {
	test := people.Owned{Project: r.Project, Suite: f.Suite, Case: f.Title, Code: f.Code, Tags: f.Tags}
	if owner := r.People.OwnerOf(test); owner != nil {
		return owner
	}
	for _, p := range []*Person{f.Result.Owner, f.Assignee} {
		if p != nil {
			return r.People.Describe(p.MemberID, p.Name, p.Email)
		}
	}
	return nil
}

// count sums up the list. What is not listed counts as new.
func (r *Report) count() {
	listed := 0
	for _, f := range r.List {
		switch {
		case f.Muted:
			r.Muted += f.rows()
			continue
		case f.New:
			r.NewTotal += f.rows()
		}
		listed += f.rows()
		if f.IsFlaky {
			r.FlakyTotal += f.rows()
		}
		if f.Defect != nil {
			r.DefectTotal += f.rows()
		}
	}
	r.Total = max(r.Failed-r.Muted, listed)
	if r.NewTotal += r.Total - listed; !r.known() || r.Compared == nil {
		r.NewTotal = r.Total
	}
	r.group(listed)
}

// group finds the reason that more than half and more than ten failures share.
func (r *Report) group(listed int) {
	counts := map[string]int{}
	for _, f := range r.List {
		if f.Reason != "" && !f.Muted {
			counts[f.Reason] += f.rows()
		}
	}
	for reason, n := range counts {
		if n > 10 && 2*n > listed {
			r.Groups, r.alike = []Group{{reason, n}}, true
		}
	}
}

// outcomeOf returns how a case that did not fail ended in this run.
func (r *Report) outcomeOf(key int64) outcome {
	switch {
	case key > 1<<60 || r.Facts == nil || !r.Facts.Cases.Has(int(key)):
		return notRun
	case r.listed[key]:
		return other
	case r.Facts.Others != nil && r.Facts.Others.Has(int(key)):
		return other
	case r.Facts.Others == nil && r.unsettled() > 0, r.Facts.Left > 0 || !r.Facts.Complete && r.Failed > 0:
		return notRun
	}
	return passed
}

// unsettled counts the cases of the run that neither passed nor failed.
func (r *Report) unsettled() (n int) {
	for _, status := range []string{"blocked", "skipped", "untested", "in_progress", "in-progress", "retest"} {
		n += r.Facts.Statuses[status]
	}
	for _, one := range r.Facts.Results {
		if one.Status == "blocked" {
			n--
		}
	}
	return n
}

// fix lists the cases that failed in the run before and passed in this one.
func (r *Report) fix() {
	if !r.known() || r.Compared == nil || r.Aborted {
		return
	}
	failing := r.failing()
	var fixed []int64
	if r.api {
		for _, id := range r.Facts.Compared.Failed {
			fixed = append(fixed, int64(id))
		}
	} else {
		for key, c := range r.History.cases {
			if c.at(r.before) == failed {
				fixed = append(fixed, key)
			}
		}
	}
	slices.Sort(fixed)
	for _, key := range fixed {
		if failing[key] != nil || r.outcomeOf(key) != passed {
			continue
		}
		f := &Failure{Result: Result{CaseID: int(key), Status: "passed"}, key: key, Code: r.Project + "-" + strconv.FormatInt(key, 10)}
		f.Title, f.RedRuns = f.Code, 0
		if past := r.History.cases[key]; past != nil {
			f.Title, f.Suite = cmp.Or(past.title, f.Code), past.suite
			r.streak(f, past)
		} else {
			f.RedRuns = 1
		}
		r.Fixed = append(r.Fixed, f)
	}
	r.FixedTotal = len(r.Fixed)
	r.Fixed = r.Fixed[:min(len(r.Fixed), maxListed)]
}

func (r *Report) failing() map[int64]*Failure {
	failing := make(map[int64]*Failure, len(r.List))
	for _, f := range r.List {
		failing[f.key] = f
	}
	return failing
}

// remember adds the run to the history.
func (r *Report) remember() {
	if r.Running {
		r.trend()
		return
	}
	run := Past{ID: short(r.ID), Title: short(r.Title), Known: r.known() || r.Failed == 0 && !r.Aborted && r.Cases > 0,
		End: End{FinishedAt: r.FinishedAt, Rate: -1, DurationMS: r.DurationMS, Aborted: r.Aborted}}
	if r.Cases > 0 && !r.Aborted {
		run.Rate = max(0, min(1000, r.Passed*1000/r.Cases))
	}
	failing := r.failing()
	known := map[int64]outcome{}
	for key := range r.History.cases {
		known[key] = notRun
		if run.Known && failing[key] == nil {
			known[key] = r.outcomeOf(key)
		}
	}
	if r.place = r.History.add(run); r.place < 0 {
		r.trend()
		return
	}
	for key, o := range known {
		if failing[key] == nil {
			r.History.cases[key].insert(r.place, o)
		}
	}
	for key, f := range failing {
		r.rememberFailure(key, f)
	}
	r.learnPassed(failing)
	r.linkDefects()
	for key, c := range r.History.cases {
		if !c.has(failed) {
			delete(r.History.cases, key)
		}
	}
	r.trend()
}

// rememberFailure adds a failing test to the history, unless its case was deleted.
func (r *Report) rememberFailure(key int64, f *Failure) {
	if f.Deleted {
		r.History.Forget(f.CaseID)
		return
	}
	c := r.History.cases[key]
	if c == nil {
		c = &series{}
		if r.api && !f.New { // it failed in the run before, which is not in the history
			c.more = 1
		}
		r.History.cases[key] = c
	}
	c.insert(r.place, failed)
	c.since, c.hash, c.title, c.suite = f.Since, hashed(f.Hash), short(f.Title), short(f.Suite)
}

// learnPassed notes the cases of the run that did not fail.
func (r *Report) learnPassed(failing map[int64]*Failure) {
	if !r.known() || r.Aborted || r.Facts.Left > 0 || r.Facts.Others == nil && r.unsettled() > 0 {
		return
	}
	h := r.History
	all := slices.Clone(h.passed)
	for _, id := range r.Facts.Cases {
		if id > 0 && failing[int64(id)] == nil && !r.Facts.Others.Has(id) && !h.passed.Has(id) {
			all = append(all, id)
		}
	}
	slices.Sort(all)
	h.passed = all[:min(len(all), maxIDs)]
}

func short(s string) string {
	if len(s) > maxText {
		return strings.ToValidUTF8(s[:maxText], "")
	}
	return s
}

// trend collects the last pass rates, at most ten.
func (r *Report) trend() {
	for _, run := range r.History.Runs {
		if run.Rate >= 0 && run.FinishedAt <= r.FinishedAt && len(r.rates) < 10 {
			r.rates = append(r.rates, Percent(run.Rate))
		}
	}
	slices.Reverse(r.rates)
}

// Line returns pass rates as blocks: over their range if that is five points or more, else all alike.
func Line(rates []int) string {
	const blocks = "▁▂▃▅▆▇"
	if len(rates) < 2 {
		return ""
	}
	levels, least, most := []rune(blocks), slices.Min(rates), slices.Max(rates)
	var line strings.Builder
	for _, rate := range rates {
		level := 3
		if most-least >= 5 {
			level = (rate - least) * (len(levels) - 1) / (most - least)
		}
		line.WriteRune(levels[level])
	}
	return line.String()
}

// runURL returns the address of the run; of one test in it with a search.
func (r *Report) runURL(id string, search string) string {
	address := fmt.Sprintf("%s/run/%s/dashboard/%s", r.QaseURL, url.PathEscape(r.Project), url.PathEscape(id))
	if search != "" {
		address += "?source=logs&search=" + url.QueryEscape(search)
	}
	return address
}

// URL returns the address of a failing test within the run. That of a case that was deleted is the run.
func (r *Report) URL(f *Failure) string {
	switch {
	case f.Deleted, f.Code == "" && f.Title == withoutCase:
		return r.runURL(r.ID, "")
	case f.Code != "":
		return r.runURL(r.ID, f.Code)
	}
	return r.runURL(r.ID, f.Title)
}

// WithoutReasons returns the report without what tests have said, which may be the title of a result without a case.
func (r *Report) WithoutReasons() *Report {
	bare := *r
	bare.Groups = nil
	hide := func(list []*Failure) []*Failure {
		hidden := make([]*Failure, len(list))
		for i, f := range list {
			one := *f
			if one.Reason = ""; one.CaseID == 0 {
				one.Title = withoutCase
			}
			hidden[i] = &one
		}
		return hidden
	}
	bare.List, bare.Flaky = hide(r.List), hide(r.Flaky)
	return &bare
}
