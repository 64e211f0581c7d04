package qaseapi

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"time"

	"qaserelay/rules/failures"
)

const (
	// comparedFor is how long before a run the one before it may have started.
	comparedFor = 30 * 24 * time.Hour
	// comparedPages is how many pages of failing results of the run before are read.
	comparedPages = 3
	// comparedRequests is how many requests have to be left for a comparison: those for the run before, and its results.
	comparedRequests    = 9
	environmentLifetime = 24 * time.Hour
)

// Series finds the run before, of which nothing is stored.
type Series struct {
	// Of returns the series of a run of the project with these fields, in the form of events, or "" if it is in none.
	Of func(fields map[string]any) string
	// Unknown returns the series of the run of a query, with what Qase says of it, if no run of the series is stored that
	// it can be compared with, and else "".
	Unknown func(ctx context.Context, fields map[string]any) string
}

// compare asks for the failing tests of the run before, if nothing is stored of it. It is done once for a run, and only
// with enough requests left.
func (r *round) compare(ctx context.Context, before *round) {
	if before != nil && before.compared {
		r.compared, r.run.Compared = true, before.run.Compared
		return
	}
	if r.q.Series == nil || !r.run.Known || r.progress.budget.left() < comparedRequests {
		return
	}
	r.compared = true
	series := r.q.Series.Unknown(ctx, r.entity)
	if series == "" {
		return
	}
	if id, title := r.findBefore(ctx, series); id > 0 {
		r.run.Compared = r.readBefore(ctx, id, title)
	}
}

// findBefore returns the last run of a series that ended before this one and was not aborted, or 0. Of a long list of runs
// the first and the last page are read, since its order is not documented.
func (r *round) findBefore(ctx context.Context, series string) (id int, title string) {
	from := time.Unix(cmp.Or(r.thing.started, r.thing.ended, r.c.now().Unix()), 0).Add(-comparedFor).Unix()
	path := fmt.Sprintf("/run/%s?status=failed,passed&from_start_time=%d&limit=%d", url.PathEscape(r.q.Project), from, pageSize)
	if slug := r.thing.environment; slug != "" {
		environment := r.environmentID(ctx, slug)
		if environment == 0 {
			return 0, ""
		}
		path += fmt.Sprintf("&environment=%d", environment)
	}
	var last thing
	req := r.base
	req.endpoint = "run"
	for offset, pages := 0, 0; pages < 2; pages++ {
		req.path = fmt.Sprintf("%s&offset=%d", path, offset)
		p, err := fetch(ctx, r.c, req, func(s stream) (page[thing], error) { return readPage(s, readThing) })
		if err != nil {
			return 0, ""
		}
		for _, one := range p.entities {
			if r.isBefore(&one) && one.ended > last.ended && r.q.Series.Of(r.c.seriesFields(&one)) == series {
				last = one
			}
		}
		if offset = p.filtered - pageSize; offset <= 0 {
			break
		}
	}
	return last.id, r.c.name(last.title)
}

// isBefore reports whether a run has ended before this one.
func (r *round) isBefore(one *thing) bool {
	end := cmp.Or(r.thing.ended, r.c.now().Unix())
	return fmt.Sprint(one.id) != r.q.RunID && one.ended > 0 && one.ended <= end && one.status != "aborted"
}

// seriesFields returns those fields of a run that say which series it is in, in the form of events.
func (c *Client) seriesFields(t *thing) map[string]any {
	fields := map[string]any{"title": c.name(t.title)}
	if t.planID > 0 {
		fields["plan"] = map[string]any{"id": t.planID}
	}
	if t.environment != "" {
		fields["environment"] = t.environment
	}
	return fields
}

// environmentID returns the id of an environment, or 0.
func (r *round) environmentID(ctx context.Context, slug string) int {
	req := r.base
	req.endpoint = "environment"
	req.path = fmt.Sprintf("/environment/%s?slug=%s&limit=%d", url.PathEscape(r.q.Project), url.QueryEscape(slug), pageSize)
	ids := remember(ctx, r.c, req, environmentLifetime, func(s stream) (map[string]int, error) {
		p, err := readPage(s, readThing)
		ids := make(map[string]int, len(p.entities))
		for _, one := range p.entities {
			ids[one.slug] = one.id
		}
		return ids, err
	})
	return ids[slug]
}

// readBefore returns which tests failed in an earlier run, or nil if that is not known. If there are many, some of them are
// left out, and their tests count as new; one that passed on a later attempt is never among them.
func (r *round) readBefore(ctx context.Context, id int, title string) *failures.Compared {
	q := r.q
	q.RunID, q.Failed, q.Series = fmt.Sprint(id), 0, nil
	earlier := &round{c: r.c, q: q, base: r.base, progress: r.progress, run: &failures.Run{}}
	if earlier.askRun(ctx, nil) != nil || earlier.thing.cases == nil {
		return nil
	}
	l := &listing{round: earlier, pages: maxPages - comparedPages}
	if earlier.run.Failed > 0 {
		if l.read(ctx) != nil {
			return nil
		}
		if l.total > earlier.run.Failed && (l.verify(ctx) != nil || !l.isVerified()) {
			return nil
		}
	}
	l.conclude()
	c := &failures.Compared{Run: q.RunID, Title: title, FinishedAt: earlier.thing.ended, Cases: earlier.run.Cases}
	for _, one := range earlier.run.Results {
		if one.CaseID > 0 {
			c.Failed = append(c.Failed, one.CaseID)
		}
	}
	return c
}

// isVerified reports whether the newest attempt at each case is known.
func (l *listing) isVerified() bool {
	for _, one := range l.rows {
		if _, verified := l.all[one.CaseID]; one.CaseID > 0 && !verified {
			return false
		}
	}
	return true
}
