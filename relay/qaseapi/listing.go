package qaseapi

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"qaserelay/rules/failures"
)

const (
	pageSize    = 100 // the most that Qase gives at once
	maxPages    = 10  // of failing results
	maxVerified = 4   // requests for all attempts at cases
	maxOthers   = 3   // pages of results that neither passed nor failed, of each status
	maxPassed   = 5   // pages of results that passed, of a run with cases that have no result
	chunkSize   = 50  // cases in one such request
)

// Slugs of statuses in Qase.
const (
	failed  = "failed"
	invalid = "invalid"
	passed  = "passed"
)

// harmless are the statuses of Qase that are not failures. Each other one is of the workspace.
var harmless = []string{passed, "blocked", "skipped", "retest", "untested", "in_progress", "in-progress"}

// listing is the list of failing results of a run as it is read.
type listing struct {
	*round
	statuses []string // that count as failing
	rows     []row    // failing results
	total    int      // of failing results, also of those beyond the limit
	pages    int
	capped   bool        // there are more results than are read
	all      map[int]row // the newest attempts at cases that were verified
	attempts map[int]int // how many attempts at them there are
	known    int         // failing tests, as the run counts them
}

// row is one attempt at a case. Its place in the answers decides between attempts that ended in the same second.
type row struct {
	failures.Result
	place int
}

// read reads the failing results: failed ones, then those of further statuses if the run lists them.
func (l *listing) read(ctx context.Context) error {
	l.statuses = []string{failed}
	if l.thing.statuses[invalid] > 0 {
		l.statuses = append(l.statuses, invalid)
	}
	if l.q.Failed > l.thing.statuses[failed]+l.thing.statuses[invalid] { // the rest have statuses of the workspace
		for _, status := range slices.Sorted(keys(l.thing.statuses)) {
			if status != failed && status != invalid && !slices.Contains(harmless, status) {
				l.statuses = append(l.statuses, status)
			}
		}
	}
	for i, status := range l.statuses {
		if i > 0 && status != invalid && l.total >= l.run.Failed {
			l.statuses = l.statuses[:i]
			break
		}
		if err := l.readStatus(ctx, status); err != nil {
			return err
		}
	}
	return nil
}

func keys(m map[string]int) func(func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// readStatus reads the results with one status, page by page. After a page that is too long, pages are shorter; a
// result that is too long by itself is left out.
func (l *listing) readStatus(ctx context.Context, status string) error {
	most := cmp.Or(l.q.Source.Failures.Most, failures.MaxResults)
	before, filtered := len(l.rows), 0
	defer func() { l.total += max(filtered, len(l.rows)-before) }()
	for offset, longest := 0, pageSize; ; {
		limit := min(longest, most-len(l.rows))
		if limit <= 0 || l.pages >= maxPages {
			l.capped = true
			return nil
		}
		p, err := l.page(ctx, fmt.Sprintf("&status=%s&limit=%d&offset=%d", url.QueryEscape(status), limit, offset))
		f := failureOf(err)
		if f != nil && f.cause != cut {
			return err
		}
		l.pages++
		l.run.Known, l.run.Source = true, failures.FromAPI
		l.rows, filtered = append(l.rows, p.entities...), max(filtered, p.filtered)
		offset += len(p.entities)
		switch {
		case f != nil && limit == 1:
			offset++
		case f != nil:
			longest = max(longest/10, 1)
		case len(p.entities) < limit || filtered > 0 && offset >= filtered:
			return nil
		}
	}
}

// page reads a page of results of the run.
func (l *listing) page(ctx context.Context, filter string) (page[row], error) {
	req := l.base
	req.endpoint = "result"
	req.path = "/result/" + url.PathEscape(l.q.Project) + "?run=" + url.QueryEscape(l.q.RunID) + filter
	p, err := fetch(ctx, l.c, req, l.readRows)
	for i := range p.entities {
		p.entities[i].place = len(l.rows) + i
	}
	return p, err
}

// verify reads all attempts at the cases that failed, since the run counts another number of failures: those with
// several failing results first.
func (l *listing) verify(ctx context.Context) error {
	count := map[int]int{}
	var ids []int
	for _, one := range l.rows {
		if count[one.CaseID]++; one.CaseID > 0 && count[one.CaseID] == 1 {
			ids = append(ids, one.CaseID)
		}
	}
	slices.SortStableFunc(ids, func(a, b int) int { return min(count[b], 2) - min(count[a], 2) })
	l.all, l.attempts = map[int]row{}, map[int]int{}
	left := maxVerified
	for chunk := range slices.Chunk(ids, chunkSize) {
		attempts, err := l.attemptsAt(ctx, chunk, &left)
		if err != nil {
			return err
		}
		if attempts == nil {
			return nil
		}
		for _, one := range attempts {
			l.attempts[one.CaseID]++
			if newest, known := l.all[one.CaseID]; !known || isNewer(one, newest) {
				l.all[one.CaseID] = one
			}
		}
	}
	return nil
}

// attemptsAt reads all results of some cases, or returns nil if that takes more requests than are left.
func (l *listing) attemptsAt(ctx context.Context, ids []int, left *int) (attempts []row, err error) {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.Itoa(id)
	}
	return l.resultsWith(ctx, "&case_id="+url.QueryEscape(strings.Join(texts, ",")), left)
}

// resultsWith reads all results that a filter lets through, or returns nil if that takes more requests than are left.
func (l *listing) resultsWith(ctx context.Context, filter string, left *int) (found []row, err error) {
	found = []row{}
	for offset := 0; ; offset += pageSize {
		if *left--; *left < 0 {
			return nil, nil
		}
		p, err := l.page(ctx, fmt.Sprintf("%s&limit=%d&offset=%d", filter, pageSize, offset))
		if f := failureOf(err); f != nil && f.cause == cut {
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		for i := range p.entities {
			p.entities[i].place = len(found) + i
		}
		found = append(found, p.entities...)
		if len(p.entities) < pageSize {
			return found, nil
		}
	}
}

// isNewer reports whether a is a later attempt than b: by its end, else by its place in the list.
func isNewer(a, b row) bool {
	return cmp.Or(cmp.Compare(a.EndTime, b.EndTime), cmp.Compare(a.place, b.place)) > 0
}

// conclude turns the results into one for each test. Several failing results of a case are siblings, tests with other
// parameters, if the run counts each of them, and else attempts at one test.
func (l *listing) conclude() {
	tests, rows := l.group()
	siblings := l.total == l.run.Failed || l.all != nil && rows == l.run.Failed && len(tests) != rows
	l.known = len(tests)
	for i := range tests {
		n := tests[i].Times
		tests[i].Times = 0
		switch id := tests[i].CaseID; {
		case siblings && n > 1:
			tests[i].Times = n
			l.known += n - 1
		case !siblings && id > 0:
			tests[i].Attempts = max(l.attempts[id], n)
		}
	}
	r := l.run
	slices.SortStableFunc(tests, func(a, b failures.Result) int { return cmp.Compare(uint(a.CaseID-1), uint(b.CaseID-1)) })
	r.Results = tests
	if l.capped {
		r.Left = max(0, r.Failed-l.known)
	}
	r.Complete = r.Known && l.known >= r.Failed
}

// readOthers reads which cases neither passed nor failed, so that they do not count as fixed. They stay unknown if there are
// too many results to read, or if Qase does not answer.
func (l *listing) readOthers(ctx context.Context) {
	r, others, open := l.run, failures.IDs{}, false
	if !r.Complete || r.Cases == nil {
		return
	}
	for _, status := range harmless {
		count := r.Statuses[status]
		if status == passed || count == 0 {
			continue
		}
		ids, read := l.casesWith(ctx, status, maxOthers)
		if settled := status == "blocked" || status == "skipped"; !read || settled && len(ids) < count {
			return
		} else if !settled {
			open = true
		}
		others = append(others, ids...)
	}
	if open { // a case without a result is in no list, so those with one are read
		done, read := l.casesWith(ctx, passed, maxPassed)
		if !read || len(done) < r.Statuses[passed] {
			return
		}
		for i := range r.Results {
			done = append(done, r.Results[i].CaseID)
		}
		slices.Sort(done)
		others = append(others, slices.DeleteFunc(slices.Clone(r.Cases), done.Has)...)
	}
	slices.Sort(others)
	r.Others = slices.Compact(others)
}

// casesWith reads the cases that have a result with a status, up to so many pages. It reports whether it read all of them.
func (l *listing) casesWith(ctx context.Context, status string, pages int) (ids failures.IDs, all bool) {
	found, err := l.resultsWith(ctx, "&status="+status, &pages)
	for i := range found {
		ids = append(ids, found[i].CaseID)
	}
	return ids, err == nil && found != nil
}

// group returns the newest failing result of each case, with the number of its failing results in Times, and the
// number of all. A case that passed later is in the list of the recovered ones.
func (l *listing) group() (tests []failures.Result, rows int) {
	at, newest, left := map[int]int{}, map[int]row{}, map[int]bool{}
	for _, one := range l.rows {
		id := one.CaseID
		last, verified := l.all[id]
		switch {
		case left[id]:
			continue
		case verified && id > 0 && !slices.Contains(l.statuses, last.Status):
			left[id] = true
			if last.Status == passed {
				last.Attempts = l.attempts[id]
				l.run.Recovered = append(l.run.Recovered, last.Result)
			}
			continue
		}
		rows++
		i, known := at[id]
		if id == 0 || !known {
			at[id], newest[id] = len(tests), one
			tests = append(tests, one.Result)
			tests[len(tests)-1].Times = 1
			continue
		}
		if n := tests[i].Times + 1; isNewer(one, newest[id]) {
			tests[i], newest[id] = one.Result, one
			tests[i].Times = n
		} else {
			tests[i].Times = n
		}
	}
	return tests, rows
}

func (l *listing) readRows(s stream) (page[row], error) { return readPage(s, l.readRow) }

// readRow reads one result. Its steps and attachments are skipped, and of its texts one line is kept.
func (l *listing) readRow(s stream) (one row, err error) {
	var took int
	var comment, trace string
	err = s.object(func(key string) error {
		switch key {
		case "hash":
			return s.text(&one.Hash)
		case "case_id":
			return s.number(&one.CaseID)
		case "status":
			return s.text(&one.Status)
		case "comment":
			return s.text(&comment)
		case "stacktrace":
			return s.text(&trace)
		case "end_time":
			return s.seconds(&one.EndTime)
		case "time_spent_ms":
			return s.number(&took)
		}
		return s.skip()
	})
	one.Hash, one.Status, one.DurationMS = l.c.name(one.Hash), l.c.name(one.Status), int64(took)
	if one.CaseID <= 0 {
		one.CaseID, one.Title = 0, l.c.reason(comment, "")
	}
	if !l.q.Source.Failures.NoReasons {
		one.Reason = l.c.reason(comment, trace)
	}
	return one, err
}
