package desk

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"qaserelay/relay/admin/desk/latency"
	"qaserelay/relay/store"
	"qaserelay/rules/value"
)

// StatsQuery selects what is counted.
type StatsQuery struct {
	Of    string        // one of StatsKinds
	By    string        // what is counted apart; empty is the first of what the kind has
	Name  string        // counts only this project, rule, notifier or source, by which the kind is counted first; empty is all
	Since time.Time     // zero is 24 hours ago
	Until time.Time     // zero is now
	Step  time.Duration // of a chart; zero fits the time
}

// Stats are counts over time.
type Stats struct {
	Of    string    `json:"of"`
	By    string    `json:"by"`
	Since time.Time `json:"since"` // when the first step begins
	Until time.Time `json:"until"` // when the last step ends
	Step  int       `json:"step_seconds"`
	// WholeFrom is the time from which on everything is counted, while events are counted that an earlier release has
	// stored; nil is the whole time.
	WholeFrom *time.Time `json:"whole_from,omitempty"`
	Series    []Series   `json:"series"` // the largest first
}

// Series is what is counted for one value.
type Series struct {
	Name   string  `json:"name"`
	Total  int64   `json:"total"`
	Counts []int64 `json:"counts"` // one for each step
	// Latency has the percentiles of a histogram, of latency and attempts only.
	Latency *Latency `json:"latency,omitempty"`
}

// Latency are percentiles of durations.
type Latency = latency.Latency

// maxSteps is how many steps a chart has at most.
const maxSteps = 2000

// counted says how one kind of statistics is counted.
type counted struct {
	tally  string
	a, b   string // by what A and B are named
	minute bool   // there are tallies of minutes
	sum    bool   // B is a histogram
}

// statsOf returns how a kind is counted.
func statsOf(of string) (counted, bool) {
	c, ok := map[string]counted{
		"events":     {tally: store.TallyEvent, a: "project", b: "outcome", minute: true},
		"names":      {tally: store.TallyName, a: "project", b: "event"},
		"rules":      {tally: store.TallyRule, a: "rule", b: "outcome"},
		"deliveries": {tally: store.TallyDelivery, a: "notifier", b: "state", minute: true},
		"reasons":    {tally: store.TallyReason, a: "notifier", b: "reason"},
		"refused":    {tally: store.TallyRefused, a: "source", b: "status"},
		"latency":    {tally: store.TallySent, a: "notifier", sum: true},
		"attempts":   {tally: store.TallyAttempt, a: "notifier", sum: true},
	}[of]
	return c, ok
}

// StatsKinds lists what is counted: latency is from the event to the receiver, and attempts how long attempts took.
func StatsKinds() []string {
	return []string{"events", "names", "rules", "deliveries", "reasons", "refused", "latency", "attempts"}
}

// Stats returns counts over time.
func (d *Desk) Stats(ctx context.Context, q StatsQuery) (Stats, error) {
	c, ok := statsOf(q.Of)
	if !ok {
		return Stats{}, &InputError{fmt.Sprintf("of: want one of %s, not %q", strings.Join(StatsKinds(), ", "),
			value.Shorten(q.Of, 40))}
	}
	s, err := d.frameOf(&q, c)
	if err != nil {
		return Stats{}, err
	}
	minute := c.minute && q.Step%time.Hour != 0
	list, err := d.o.Store.Tallies(ctx, store.TallyFilter{Kind: c.tally, A: q.Name, Minute: minute, From: s.Since,
		Until: s.Until, Step: q.Step})
	if err != nil {
		return Stats{}, failed("reading what was counted", err)
	}
	s.Series = seriesOf(list, &s, c)
	return s, nil
}

// frameOf checks a query, and returns the statistics without counts. It sets the step of the query.
func (d *Desk) frameOf(q *StatsQuery, c counted) (Stats, error) {
	now := d.o.Store.Now()
	if q.Until.IsZero() || q.Until.After(now) {
		q.Until = now
	}
	if q.Since.IsZero() {
		q.Since = q.Until.Add(-24 * time.Hour)
	}
	window := q.Until.Sub(q.Since)
	minutes := c.minute && !q.Since.Before(now.Add(-store.TallyMinutesKept))
	switch {
	case window <= 0:
		return Stats{}, &InputError{"since: want a time before until"}
	case q.By == "":
		q.By = c.a
	case q.By != c.a && (q.By != c.b || c.b == "") && (q.By != "source" || c.tally != store.TallyName):
		return Stats{}, &InputError{fmt.Sprintf("by: %s are counted by %s, not by %q", q.Of,
			strings.TrimSuffix(c.a+" or "+c.b, " or "), value.Shorten(q.By, 40))}
	}
	if q.Step == 0 {
		q.Step = usualStep(window, minutes)
	}
	smallest := time.Hour
	if minutes {
		smallest = time.Minute
	}
	if q.Step < smallest || q.Step%smallest != 0 || window/q.Step > maxSteps {
		return Stats{}, &InputError{fmt.Sprintf("step: want a multiple of %s, and at most %d steps", shortDuration(smallest),
			maxSteps)}
	}
	s := Stats{Of: q.Of, By: q.By, Step: int(q.Step / time.Second), Since: q.Since.Truncate(q.Step).UTC()}
	if s.Until = q.Until.Truncate(q.Step).UTC(); s.Until.Before(q.Until) {
		s.Until = s.Until.Add(q.Step)
	}
	if from := d.o.FilledFrom(); from.After(s.Since) {
		s.WholeFrom = &from
	}
	return s, nil
}

// usualStep returns a step that gives a chart some 30 to 300 steps.
func usualStep(window time.Duration, minutes bool) time.Duration {
	switch {
	case minutes && window <= 3*time.Hour:
		return time.Minute
	case minutes && window <= 24*time.Hour+time.Minute:
		return 5 * time.Minute
	case window <= 8*24*time.Hour:
		return time.Hour
	}
	return 24 * time.Hour
}

// seriesOf sums tallies by name and step.
func seriesOf(list []store.Tally, s *Stats, c counted) []Series {
	step := time.Duration(s.Step) * time.Second
	steps := int(s.Until.Sub(s.Since) / step)
	byName, order, histograms := map[string]*Series{}, []string{}, map[string]*latency.Histogram{}
	for _, t := range list {
		name := nameOf(&t, s.By, c)
		one := byName[name]
		if one == nil {
			one = &Series{Name: name, Counts: make([]int64, steps)}
			byName[name], order = one, append(order, name)
			histograms[name] = &latency.Histogram{}
		}
		if i := int(t.At.Sub(s.Since) / step); i >= 0 && i < steps {
			one.Counts[i] += t.N
			one.Total += t.N
			if c.sum {
				histograms[name].Add(t.B, t.N)
			}
		}
	}
	all := make([]Series, 0, len(order))
	for _, name := range order {
		if c.sum {
			byName[name].Latency = histograms[name].Percentiles()
		}
		all = append(all, *byName[name])
	}
	slices.SortStableFunc(all, func(x, y Series) int {
		return cmp.Or(cmp.Compare(y.Total, x.Total), strings.Compare(x.Name, y.Name))
	})
	return all
}

// nameOf returns the value of a tally by which it is counted.
func nameOf(t *store.Tally, by string, c counted) string {
	if c.tally == store.TallyName && by != c.b {
		source, project := store.CutFeedName(t.A)
		if by == "source" {
			return source
		}
		return project
	}
	if by == c.b && c.b != "" {
		return t.B
	}
	return t.A
}
