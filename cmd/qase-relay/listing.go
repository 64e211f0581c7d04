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

// maxPage is the largest page of the admin API.
const maxPage = 500

// windowFlags limit the time of events or deliveries.
type windowFlags struct{ since, until string }

func (f *windowFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.since, "since", "", "not before this `TIME`: how long ago (2h, 7d), a day, or 2026-01-31T09:00:00Z")
	flags.StringVar(&f.until, "until", "", "before this `TIME`, likewise")
}

// read returns the two ends. A zero time is no limit.
func (f *windowFlags) read(now time.Time) (since, until time.Time, err error) {
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

// addTo adds the window to a query.
func (f *windowFlags) addTo(q url.Values) error {
	since, until, err := f.read(time.Now())
	for name, at := range map[string]time.Time{"since": since, "until": until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return err
}

// listFlags are the flags for paging.
type listFlags struct {
	before string
	limit  int
	json   bool
}

func (f *listFlags) add(flags *pflag.FlagSet) {
	flags.StringVar(&f.before, "before", "", "only older ones than this `ID`")
	flags.IntVar(&f.limit, "limit", 50, "how many to show, the newest first; 0 is all")
	flags.BoolVar(&f.json, "json", false, "print JSON")
}

// listing is a filtered list of the admin API.
type listing struct {
	path  string
	query url.Values
}

// listPage is a page of events or deliveries.
type listPage struct {
	Events     []desk.Event    `json:"events"`
	Deliveries []desk.Delivery `json:"deliveries"`
	Next       string          `json:"next"` // the before of the next page; empty on the last
}

// collect reads pages until it has as many rows as the limit.
func (f *listFlags) collect(ctx context.Context, c *relayClient, l listing) (all listPage, err error) {
	if f.limit < 0 {
		return all, errors.New("--limit must not be negative; 0 is all")
	}
	all = listPage{Events: []desk.Event{}, Deliveries: []desk.Delivery{}, Next: f.before}
	for {
		n := maxPage
		if got := len(all.Events) + len(all.Deliveries); f.limit > 0 {
			n = min(n, f.limit-got)
		}
		p, err := l.page(ctx, c, all.Next, n)
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

func (l listing) page(ctx context.Context, c *relayClient, before string, limit int) (p listPage, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, values := range l.query {
		q[name] = values
	}
	if before != "" {
		q.Set("before", before)
	}
	return p, c.get(ctx, l.path, q, &p)
}

// printFooter prints the flag for the next page.
func (p listPage) printFooter(s *terminal.Screen) {
	if p.Next != "" {
		s.Printf("%s\n", s.Dim(fmt.Sprintf("There are more: --before %s, or a larger --limit.", p.Next)))
	}
}

// setAll sets the values that are not empty.
func setAll(q url.Values, values map[string]string) {
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
}
