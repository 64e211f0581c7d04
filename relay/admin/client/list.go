package client

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"time"

	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
)

// MaxPage is the longest page that the admin API gives.
const MaxPage = 500

// WindowFlags choose a time.
type WindowFlags struct{ Since, Until string }

func (f *WindowFlags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.Since, "since", "", "not before this `TIME`: how long ago (2h, 7d), a day, or 2026-01-31T09:00:00Z")
	flags.StringVar(&f.Until, "until", "", "before this `TIME`, likewise")
}

// Read returns the two ends; zero is open.
func (f *WindowFlags) Read(now time.Time) (since, until time.Time, err error) {
	if since, err = terminal.Moment("since", f.Since, now); err != nil {
		return since, until, err
	}
	if until, err = terminal.Moment("until", f.Until, now); err != nil {
		return since, until, err
	}
	if !since.IsZero() && !until.IsZero() && !since.Before(until) {
		return since, until, errors.New("--since is not before --until, so there is nothing between them")
	}
	return since, until, nil
}

func (f *WindowFlags) Query(q url.Values) error {
	since, until, err := f.Read(time.Now())
	for name, at := range map[string]time.Time{"since": since, "until": until} {
		if !at.IsZero() {
			q.Set(name, at.Format(time.RFC3339Nano))
		}
	}
	return err
}

// ListFlags choose and page what lists show.
type ListFlags struct {
	before string
	limit  int
	JSON   bool
}

func (f *ListFlags) Add(flags *pflag.FlagSet) {
	flags.StringVar(&f.before, "before", "", "only older ones than the one with this `ID`")
	flags.IntVar(&f.limit, "limit", 50, "how many to show, the newest first; 0 is all")
	flags.BoolVar(&f.JSON, "json", false, "print JSON")
}

// Listing is a list of the admin API, with a filter.
type Listing struct {
	Path  string
	Query url.Values
}

// listPage is a page of either list.
type listPage struct {
	Events     []admin.Event    `json:"events"`
	Deliveries []admin.Delivery `json:"deliveries"`
	Next       string           `json:"next"` // the page after it comes before this one; empty on the last
}

// Collect asks for pages until there are as many rows as wanted.
func (f *ListFlags) Collect(ctx context.Context, c *Client, l Listing) (all listPage, err error) {
	if f.limit < 0 {
		return all, errors.New("--limit must not be negative; 0 is all")
	}
	all = listPage{Events: []admin.Event{}, Deliveries: []admin.Delivery{}, Next: f.before}
	for {
		n := MaxPage
		if got := len(all.Events) + len(all.Deliveries); f.limit > 0 {
			n = min(n, f.limit-got)
		}
		p, err := l.Page(ctx, c, all.Next, n)
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

func (l Listing) Page(ctx context.Context, c *Client, before string, limit int) (p listPage, err error) {
	q := url.Values{"limit": {strconv.Itoa(limit)}}
	for name, values := range l.Query {
		q[name] = values
	}
	if before != "" {
		q.Set("before", before)
	}
	return p, c.Get(ctx, l.Path, q, &p)
}

// SetAll sets the values that are not empty.
func SetAll(q url.Values, values map[string]string) {
	for name, value := range values {
		if value != "" {
			q.Set(name, value)
		}
	}
}

func (p listPage) Footer(s *terminal.Screen) {
	if p.Next != "" {
		s.Printf("%s\n", s.Dim(fmt.Sprintf("There are more: --before %s, or a larger --limit.", p.Next)))
	}
}
