package jobs

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"qaserelay/relay/store"
)

const (
	// pageSize is how many deliveries are changed between two looks at whether the job is to stop, and renderSize the
	// same where each of them is rendered again.
	pageSize   = 1000
	renderSize = 100
)

// page is a noted page with its deliveries.
type page struct {
	Page
	list []store.Delivery
}

// next reads the page that begins behind an id; zero is the beginning.
func (w *run) next(ctx context.Context, before store.ID) (*page, error) {
	list, next, err := w.list(ctx, &w.job, before)
	p := &page{Page{Before: before, Next: next, Of: map[string]int{}}, list}
	for _, d := range list {
		p.Of[d.Notifier]++
		p.Last = d.ID
	}
	return p, err
}

// again reads the rest of a page that was noted before.
func (w *run) again(ctx context.Context, noted Page) (*page, error) {
	p := &page{Page: noted}
	for before := noted.Before; ; {
		list, next, err := w.list(ctx, &w.job, before)
		if err != nil {
			return nil, err
		}
		for _, d := range list {
			if d.ID >= noted.Last {
				p.list = append(p.list, d)
			}
		}
		if before = next; next == 0 || next <= noted.Last {
			return p, nil
		}
	}
}

// list returns a page of the deliveries that a job changes, the newest first, and where the next page begins, or zero on
// the last one. It may be short, or empty.
func (r *Register) list(ctx context.Context, j *Job, before store.ID) (list []store.Delivery, next store.ID, err error) {
	limit := pageSize
	if j.Verb == Rerender {
		limit = renderSize
	}
	if len(j.Choice.IDs) > 0 {
		list, next, err = chosen(ctx, r.o.Store, j.Choice.IDs, before, limit)
	} else {
		f := j.Choice.Filter()
		f.Limit = limit
		if before != 0 {
			f.Before = before
		}
		list, next, err = r.o.Store.Deliveries(ctx, f)
	}
	return slices.DeleteFunc(list, func(d store.Delivery) bool { return !j.takes(&d) }), next, err
}

// chosen returns a page of the deliveries with some ids, as Register.list does.
func chosen(ctx context.Context, s store.Reader, ids []store.ID, before store.ID, limit int) (list []store.Delivery,
	next store.ID, err error) {
	ids = slices.Compact(slices.Sorted(slices.Values(ids)))
	slices.Reverse(ids)
	ids = slices.DeleteFunc(ids, func(id store.ID) bool { return before != 0 && id >= before })
	if len(ids) > limit {
		ids, next = ids[:limit], ids[limit-1]
	}
	for _, id := range ids {
		d, _, err := s.Delivery(ctx, id)
		if err == nil {
			list = append(list, d)
		} else if !errors.Is(err, store.ErrNotFound) {
			return nil, 0, err
		}
	}
	return list, next, nil
}

// result is what became of a page.
type result struct {
	done            map[string]int // by notifier
	skipped, failed int
	problems        []Problem
}

func (r *result) did(d *store.Delivery) {
	if r.done == nil {
		r.done = map[string]int{}
	}
	r.done[d.Notifier]++
}

// add adds the result of a page.
func (j *Job) add(r result) {
	if j.Touched == nil {
		j.Touched = map[string]int{}
	}
	for notifier, n := range r.done {
		if n > 0 {
			j.Done += n
			j.Touched[notifier] += n
		}
	}
	j.Skipped += r.skipped
	j.Failed += r.failed
	j.Problems = append(j.Problems, r.problems[:min(len(r.problems), maxProblems-len(j.Problems))]...)
}

// act changes the deliveries of the page, with an entry in the audit trail.
func (w *run) act(ctx context.Context) error {
	list := w.page.list
	if len(list) > 0 {
		ctx = store.WithAudit(ctx, *w.entry(w.job.Verb.AuditVerb(),
			fmt.Sprintf("%d deliveries, %s to %s", len(list), list[0].ID, list[len(list)-1].ID)))
		if err := w.changeAll(ctx, list); err != nil {
			return err
		}
	}
	w.acted = true
	return nil
}

func (w *run) changeAll(ctx context.Context, list []store.Delivery) (err error) {
	n := 0
	switch w.job.Verb {
	case Rerender:
		return w.rerender(ctx, list)
	case Cancel:
		n, err = w.o.Cancel(ctx, list)
	default:
		ids := make([]store.ID, len(list))
		for i := range list {
			ids[i] = list[i].ID
		}
		n, err = w.o.Retry(ctx, ids)
	}
	if err != nil {
		return err
	}
	w.result.skipped += len(list) - n
	for i := range list[:n] {
		w.result.did(&list[i])
	}
	return nil
}

// rerender renders deliveries again. One that the rules refuse has failed.
func (w *run) rerender(ctx context.Context, list []store.Delivery) error {
	for i := range list {
		if err := w.renew(ctx); err != nil {
			return err
		}
		found, err := w.o.Rerender(ctx, list[i].ID)
		switch why := w.o.Refused(err); {
		case why != "":
			w.result.failed++
			w.result.problems = append(w.result.problems, Problem{list[i].ID.String(), why})
		case errors.Is(err, store.ErrNotFound), err == nil && !found:
			w.result.skipped++
		case err != nil:
			return err
		default:
			w.result.did(&list[i])
		}
	}
	return nil
}
