package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
)

// filterFlags choose events or deliveries. Each command declares those that it has.
type filterFlags struct {
	since, until, source, project, event, state, rule, notifier, reason, outcome, words, entity string
}

// addWindow adds the flags that limit the time.
func (f *filterFlags) addWindow(flags *pflag.FlagSet) {
	flags.StringVar(&f.since, "since", "",
		"since this `TIME`: how long ago (2h, 7d), a day, or 2026-01-31T09:00:00Z")
	flags.StringVar(&f.until, "until", "", "before this `TIME`, in the same formats")
}

// addWords adds the flags that look for what is in events.
func (f *filterFlags) addWords(flags *pflag.FlagSet) {
	flags.StringVar(&f.words, "words", "", "only about events with all these `WORDS`; check* is any word that begins so")
	flags.StringVar(&f.entity, "entity", "", "only about a run or another `THING`, such as WEB/run/7")
}

// window returns the limits of the time. A zero time means no limit.
func (f *filterFlags) window() (since, until time.Time, err error) {
	now := time.Now()
	if since, err = terminal.ParseTime("since", f.since, now); err != nil {
		return since, until, err
	}
	if until, err = terminal.ParseTime("until", f.until, now); err != nil {
		return since, until, err
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, errors.New("--since is not before --until")
	}
	return since, until, nil
}

// query returns the filters as parameters of the admin API.
func (f *filterFlags) query() (url.Values, error) {
	since, until, err := f.window()
	q := url.Values{}
	for name, value := range map[string]string{"since": timeParameter(since), "until": timeParameter(until),
		"source": f.source, "project": f.project, "event": f.event, "state": f.state, "rule": f.rule,
		"notifier": f.notifier, "reason": f.reason,
		"outcome": f.outcome, "q": f.words, "entity": f.entity} {
		if value != "" {
			q.Set(name, value)
		}
	}
	return q, err
}

func timeParameter(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	return at.Format(time.RFC3339Nano)
}

// listFlags choose the rows of a list.
type listFlags struct {
	askFlags
	filterFlags
	before string
	limit  int
}

func (f *listFlags) addPaging(flags *pflag.FlagSet) {
	flags.StringVar(&f.before, "before", "", "only those older than `ID`")
	flags.IntVar(&f.limit, "limit", 50, "`NUMBER` to show, the newest first; 0 is all")
}

// listPage is a page of events or deliveries.
type listPage struct {
	Events     []desk.Event    `json:"events"`
	Deliveries []desk.Delivery `json:"deliveries"`
	Next       string          `json:"next"` // the before of the next page; empty on the last
}

// collect reads pages of the events or deliveries until it has as many rows as the limit.
func (f *listFlags) collect(ctx context.Context, c *relayClient, list string) (all listPage, err error) {
	if f.limit < 0 {
		return all, errors.New("--limit must not be negative; 0 is all")
	}
	q, err := f.query()
	if err != nil {
		return all, err
	}
	all = listPage{Events: []desk.Event{}, Deliveries: []desk.Delivery{}, Next: f.before}
	for {
		n := desk.MaxPage
		if f.limit > 0 {
			n = min(n, f.limit-len(all.Events)-len(all.Deliveries))
		}
		p, err := c.page(ctx, list, q, all.Next, n)
		if err != nil {
			return all, err
		}
		all.Events, all.Deliveries = append(all.Events, p.Events...), append(all.Deliveries, p.Deliveries...)
		all.Next = p.Next
		if p.Next == "" || f.limit > 0 && len(all.Events)+len(all.Deliveries) >= f.limit {
			return all, nil
		}
	}
}

// page gets one page of the events or deliveries. It sets before and limit in q.
func (c *relayClient) page(ctx context.Context, list string, q url.Values, before string, limit int) (p listPage,
	err error) {
	q.Set("limit", strconv.Itoa(limit))
	if before != "" {
		q.Set("before", before)
	}
	err = c.get(ctx, list, q, &p)
	return p, err
}

// printFooter prints the flag for the next page.
func (p listPage) printFooter(s *terminal.Screen) {
	if p.Next != "" {
		s.Printf("%s\n", s.Dim(fmt.Sprintf("There are more: --before %s, or a larger --limit.", p.Next)))
	}
}
