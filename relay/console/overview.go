package console

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/chart"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
)

// window is a length of time that the overview shows.
type window struct {
	Name    string // as the URL has it
	Length  time.Duration
	Step    time.Duration
	Current bool
}

// windows are those that the overview offers.
func windows() []window {
	return []window{{Name: "1h", Length: time.Hour, Step: time.Minute}, {Name: "24h", Length: 24 * time.Hour, Step: 15 * time.Minute},
		{Name: "7d", Length: 7 * 24 * time.Hour, Step: 2 * time.Hour}, {Name: "30d", Length: 30 * 24 * time.Hour, Step: 12 * time.Hour}}
}

// overview is what the first page shows.
type overview struct {
	Windows  []window
	Window   window
	Alerts   []alert
	Events   *chart.Stack
	Outcomes []chart.Share
	Latency  []desk.Series
	Stuck    []desk.Notifier
	Feeds    []desk.Feed
	More     int // feeds that are not shown
	Refused  []refusedSum
	Whole    *time.Time // from when on everything is counted; nil is the whole window
	Fresh    bool       // no event has ever arrived
}

// alert is something that needs a person.
type alert struct{ Level, Text, Path string }

// refusedSum is how many calls were refused for one reason.
type refusedSum struct {
	desk.Refused
	Senders int // beside the one that is named
}

const (
	// maxFeeds is the number of feeds on the overview.
	maxFeeds = 8
	// maxApart is the number of projects that a chart shows apart.
	maxApart = 3
)

func (c *Console) overview(r *http.Request) (*frame.View, error) {
	o := &overview{Windows: windows()}
	i := slices.IndexFunc(o.Windows, func(w window) bool { return w.Name == r.URL.Query().Get("window") })
	if i < 0 {
		i = 1
	}
	o.Windows[i].Current = true
	o.Window = o.Windows[i]
	read, err := c.readOverview(r.Context(), o.Window)
	if err != nil {
		return nil, err
	}
	c.addEvents(o, &read.projects)
	o.addOutcomes(&read.outcomes)
	o.Latency = read.latency.Series
	o.addStuck(read.notifiers)
	o.addFeeds(read.feeds)
	o.Refused = sumRefused(read.refused, c.o.Desk.Now().Add(-o.Window.Length))
	slices.SortStableFunc(o.Alerts, func(a, b alert) int { return levelRank(a.Level) - levelRank(b.Level) })
	return &frame.View{Template: "overview", Title: "Overview", Data: o, JSON: "api/v1/status", Live: true}, nil
}

// overviewRead is what the overview reads.
type overviewRead struct {
	projects, outcomes, latency desk.Stats
	notifiers                   []desk.Notifier
	feeds                       []desk.Feed
	refused                     []desk.Refused
}

// readOverview reads all at the same time, since this is the page that people see first.
func (c *Console) readOverview(ctx context.Context, w window) (all overviewRead, err error) {
	parts, ctx := errgroup.WithContext(ctx)
	stats := func(to *desk.Stats, of, by string) {
		parts.Go(func() (err error) { *to, err = c.stats(ctx, w, of, by); return err })
	}
	stats(&all.projects, "events", "project")
	stats(&all.outcomes, "events", "outcome")
	stats(&all.latency, "latency", "notifier")
	parts.Go(func() (err error) { all.notifiers, err = c.o.Desk.Notifiers(ctx); return err })
	parts.Go(func() (err error) { all.feeds, err = c.o.Desk.Feeds(ctx); return err })
	parts.Go(func() (err error) { all.refused, err = c.o.Desk.Refusals(ctx); return err })
	err = parts.Wait()
	return all, err
}

func levelRank(level string) int { return slices.Index([]string{"bad", "warn"}, level) }

// stats counts one kind of things in the window.
func (c *Console) stats(ctx context.Context, w window, of, by string) (desk.Stats, error) {
	now := c.o.Desk.Now()
	step := w.Step
	if of != "events" && step < time.Hour {
		step = time.Hour // only events and deliveries are counted by minutes
	}
	return c.o.Desk.Stats(ctx, desk.StatsQuery{Of: of, By: by, Since: now.Add(-w.Length), Until: now, Step: step})
}

// addEvents draws the events over time: the projects with the most apart.
func (c *Console) addEvents(o *overview, s *desk.Stats) {
	o.Whole = s.WholeFrom
	var series []chart.Series
	classes := []string{"a", "b", "c", "d"}
	for i, one := range s.Series {
		if i < maxApart {
			series = append(series, chart.Series{Name: one.Name, Class: classes[i], Values: one.Counts,
				Link: "events?" + url.Values{"project": {one.Name}, "since": {o.Window.Name}}.Encode()})
			continue
		}
		if i == maxApart {
			series = append(series, chart.Series{Name: "other projects", Class: classes[maxApart], Values: make([]int64, len(one.Counts))})
		}
		for j, n := range one.Counts {
			series[maxApart].Values[j] += n
		}
	}
	step := time.Duration(s.Step) * time.Second
	o.Events = chart.NewStack("Events", "events", series, chart.Steps{From: s.Since, Step: step,
		Count: int(s.Until.Sub(s.Since) / step), Zone: c.o.Desk.Zone(), Link: func(from, until time.Time) string {
			return "events?" + url.Values{"since": {from.UTC().Format(time.RFC3339)}, "until": {until.UTC().Format(time.RFC3339)}}.Encode()
		}})
}

// addOutcomes counts what became of events.
func (o *overview) addOutcomes(s *desk.Stats) {
	total := map[string]int64{}
	for _, one := range s.Series {
		total[one.Name] = one.Total
	}
	for _, one := range []chart.Share{{Name: "a rule matched", Class: "ok", Link: store.OutcomeMatched}, {Name: "no rule matched", Class: "none",
		Link: store.OutcomeNone}, {Name: "held back", Class: "wait", Link: store.OutcomeHeld}, {Name: "a rule failed", Class: "bad", Link: store.OutcomeError}} {
		one.N = total[one.Link]
		one.Link = "events?" + url.Values{"outcome": {one.Link}, "since": {o.Window.Name}}.Encode()
		o.Outcomes = append(o.Outcomes, one)
	}
	o.Outcomes = chart.NewShares(o.Outcomes)
	if failed := o.Outcomes[3]; failed.N > 0 {
		o.Alerts = append(o.Alerts, alert{"warn", "Rules failed for " + count(int(failed.N), "event"), failed.Link})
	}
}

// addStuck lists the notifiers whose messages wait or died.
func (o *overview) addStuck(all []desk.Notifier) {
	for _, n := range all {
		if n.Pending > 0 || n.Dead > 0 || isPaused(n) {
			o.Stuck = append(o.Stuck, n)
		}
		if isPaused(n) {
			o.Alerts = append(o.Alerts, alert{"bad", n.Name + " sends nothing: " + cutText(n.Why, 120), "notifiers/" + url.PathEscape(n.Name)})
		}
		o.Alerts = append(o.Alerts, elsewhere(n)...)
		if n.Dead > 0 {
			o.Alerts = append(o.Alerts, alert{"warn", count(n.Dead, "dead letter") + " of " + n.Name,
				"dead?" + url.Values{"notifier": {n.Name}}.Encode()})
		}
	}
}

// elsewhere returns an alert for each other relay that sends nothing through a notifier which sends here.
func elsewhere(n desk.Notifier) (all []alert) {
	for _, r := range n.Relays {
		if r.State != "" && r.State != "closed" && !isPaused(n) {
			all = append(all, alert{"bad", n.Name + " sends nothing from " + r.Relay + ": " + cutText(r.Why, 120),
				"notifiers/" + url.PathEscape(n.Name)})
		}
	}
	return all
}

// isPaused reports whether messages of a notifier wait although they are due.
func isPaused(n desk.Notifier) bool { return n.Configured && n.State != "" && n.State != "closed" }

// addFeeds lists from where events come.
func (o *overview) addFeeds(all []desk.Feed) {
	o.Fresh = true
	for _, f := range all {
		o.Fresh = o.Fresh && f.LastAt == nil
		if f.Overdue {
			o.Alerts = append(o.Alerts, alert{"warn", fmt.Sprintf("No event of %s for %s: one is expected every %s", feedName(f),
				frame.Duration(time.Duration(f.OverdueBy)*time.Second), f.Expected), "sources"})
		}
	}
	if o.Feeds = all; len(all) > maxFeeds {
		o.Feeds, o.More = all[:maxFeeds], len(all)-maxFeeds
	}
}

// feedName names a feed.
func feedName(f desk.Feed) string {
	if f.Project == "" {
		return f.Source
	}
	return f.Project
}

// sumRefused sums the calls since a time that were refused for the same reason, the most first.
func sumRefused(all []desk.Refused, since time.Time) (sums []refusedSum) {
	senders := map[int]map[string]bool{}
	for _, g := range all {
		if g.At.Before(since) {
			continue
		}
		i := slices.IndexFunc(sums, func(s refusedSum) bool {
			return s.Status == g.Status && s.Source == g.Source && s.Reason == g.Reason
		})
		if i < 0 {
			i = len(sums)
			senders[i] = map[string]bool{}
			sums = append(sums, refusedSum{Refused: g})
			sums[i].Count = 0
		}
		sums[i].Count += g.Count
		if g.Sender != sums[i].Sender && !senders[i][g.Sender] {
			senders[i][g.Sender] = true
			sums[i].Senders++
		}
	}
	slices.SortStableFunc(sums, func(a, b refusedSum) int { return b.Count - a.Count })
	return sums
}

// seconds returns a length of time in seconds for people.
func seconds(s float64) string { return frame.Duration(time.Duration(s * float64(time.Second))) }

// cutText returns the beginning of a text.
func cutText(text string, most int) string {
	runes := []rune(text)
	if len(runes) <= most {
		return text
	}
	return string(runes[:most]) + "…"
}
