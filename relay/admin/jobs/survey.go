package jobs

import (
	"cmp"
	"context"
	"slices"
	"time"

	"qaserelay/relay/store"
)

const (
	// maxLooked is how many deliveries a survey looks at, surveyPage how many at once, and maxLooking how long unless
	// its context says so.
	maxLooked  = 10_000
	surveyPage = 250
	maxLooking = 2 * time.Second
)

// Survey is what a choice selects, as far as it was looked at.
type Survey struct {
	Total  int
	More   bool // there are, or may be, further ones
	Oldest time.Time
	Groups []Group // the largest first
	Shares []Share // by notifier, the largest first
}

// Group is the deliveries of a notifier with one kind of error.
type Group struct {
	Notifier string
	Error    string // see [GroupOf]
	Count    int
	// First and Last are when the first and the last of them changed, such as when they failed permanently.
	First, Last time.Time
	Sample      string // the error of the newest
}

// Share is the deliveries of one notifier.
type Share struct {
	Notifier string
	Count    int
	// Takes is about how long the notifier needs for them by its rate; zero is not limited.
	Takes time.Duration
}

// Pace returns the key of the rate that a delivery counts for, and the least time between two messages of the key; zero is
// no limit.
type Pace func(d *store.Delivery) (key string, each time.Duration)

// Look looks at what a choice selects, from the newest to the oldest.
func Look(ctx context.Context, s store.Reader, c Choice, pace Pace) (Survey, error) {
	l := look{pace: pace, groups: map[[2]string]*Group{}, shares: map[string]*share{}, counts: map[string]int{}, folded: folds{}}
	f, looked, end := c.Filter(), 0, store.LookEnds(ctx, maxLooking)
	for f.Limit = surveyPage; ; {
		list, next, err := l.page(ctx, s, &c, f)
		if err != nil {
			return Survey{}, err
		}
		for i := range list {
			if c.Takes(&list[i]) {
				l.add(&list[i])
			}
		}
		looked += len(list)
		if f.Before = next; next == 0 || looked >= maxLooked || time.Now().After(end) {
			return l.survey(next != 0), nil
		}
	}
}

// look gathers a survey.
type look struct {
	Survey
	pace   Pace
	groups map[[2]string]*Group
	shares map[string]*share
	counts map[string]int // by the keys of rates
	folded folds
}

// share is a Share with the rates that it counts for.
type share struct {
	Share
	each map[string]time.Duration
}

func (l *look) page(ctx context.Context, s store.Reader, c *Choice, f store.DeliveryFilter) ([]store.Delivery, store.ID,
	error) {
	if len(c.IDs) > 0 {
		return chosen(ctx, s, c.IDs, f.Before, f.Limit)
	}
	return s.Deliveries(ctx, f)
}

func (l *look) add(d *store.Delivery) {
	l.Total++
	if l.Oldest.IsZero() || d.CreatedAt.Before(l.Oldest) {
		l.Oldest = d.CreatedAt
	}
	group := l.folded.of(d)
	g := l.groups[[2]string{d.Notifier, group}]
	if g == nil {
		g = &Group{Notifier: d.Notifier, Error: group, First: d.UpdatedAt, Last: d.UpdatedAt,
			Sample: cmp.Or(d.Error, d.Status)}
		l.groups[[2]string{d.Notifier, group}] = g
	}
	if g.Count++; d.UpdatedAt.Before(g.First) {
		g.First = d.UpdatedAt
	}
	if d.UpdatedAt.After(g.Last) {
		g.Last = d.UpdatedAt
	}
	n := l.shares[d.Notifier]
	if n == nil {
		n = &share{Share{Notifier: d.Notifier}, map[string]time.Duration{}}
		l.shares[d.Notifier] = n
	}
	n.Count++
	if key, each := l.pace(d); each > 0 {
		l.counts[key]++
		n.each[key] = each
	}
}

func (l *look) survey(more bool) Survey {
	l.More = more
	for _, g := range l.groups {
		l.Groups = append(l.Groups, *g)
	}
	slices.SortFunc(l.Groups, func(a, b Group) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Notifier, b.Notifier), cmp.Compare(a.Error, b.Error))
	})
	for _, n := range l.shares {
		for key, each := range n.each { // notifiers of one account share its rate
			n.Takes = max(n.Takes, time.Duration(l.counts[key]-1)*each)
		}
		l.Shares = append(l.Shares, n.Share)
	}
	slices.SortFunc(l.Shares, func(a, b Share) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Notifier, b.Notifier))
	})
	return l.Survey
}
