package console

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/gorilla/mux"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/chart"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
	"qaserelay/rules"
)

// rulesPage is what the list of rules shows.
type rulesPage struct {
	Rules    []ruleRow
	Problems []desk.Problem // of the last load, if it failed
	Left     int            // problems that are not shown
	LoadedAt time.Time      // when the rules were loaded that apply
}

// ruleRow is a rule in the list.
type ruleRow struct {
	desk.Rule
	Spark string // the path of a line of bars, one for each 6 hours, or empty
	Idle  bool   // it has not matched for long
}

// idleAfter is after how long a rule that matches nothing is named.
const idleAfter = 30 * 24 * time.Hour

func (c *Console) rules(r *http.Request) (*frame.View, error) {
	list, err := c.o.Desk.RulesInUse(r.Context())
	if err != nil {
		return nil, err
	}
	p := &rulesPage{LoadedAt: c.o.Desk.Status().LoadedAt}
	p.Problems, p.Left = c.o.Desk.LoadProblems()
	for _, rule := range list {
		p.Rules = append(p.Rules, ruleRow{Rule: rule, Spark: sparkOf(rule), Idle: c.isIdle(rule)})
	}
	return &frame.View{Template: "rules", Title: "Rules", Data: p, JSON: "api/v1/rules"}, nil
}

// isIdle reports whether a rule has matched nothing for long. What is counted reaches back to when the rules were first
// used, so a rule without a match is idle as well.
func (c *Console) isIdle(r desk.Rule) bool {
	return r.Enabled && (r.Use == nil || r.Use.LastAt == nil || c.o.Desk.Now().Sub(*r.Use.LastAt) > idleAfter)
}

// sparkOf draws the matches of a rule in the last 7 days as bars of a path.
func sparkOf(r desk.Rule) string {
	const height, width = 16, 3
	if r.Use == nil {
		return ""
	}
	most, path := 0, ""
	for _, n := range r.Use.Steps {
		most = max(most, n)
	}
	for i, n := range r.Use.Steps {
		if n > 0 {
			path += fmt.Sprintf("M%d %dv-%d", i*width+1, height, max(1, n*height/most))
		}
	}
	return path
}

// rulePage is what the page of one rule shows.
type rulePage struct {
	desk.Rule
	Lines   []sourceLine
	Idle    bool
	Windows []window
	Chart   *chart.Stack
	Near    desk.NearMisses
	Misses  []nearMiss
	Paged   bool      // the near misses are not the newest
	Samples []message // its newest messages
}

// nearMiss is an event that the rule nearly matched.
type nearMiss struct {
	desk.NearMiss
	Missing part
}

// sourceLine is a line of a rules file.
type sourceLine struct {
	Number int
	Text   string
}

// samples is how many messages of a rule its page shows.
const samples = 3

func (c *Console) rule(r *http.Request) (*frame.View, error) {
	name, err := url.PathUnescape(mux.Vars(r)["name"])
	if err != nil {
		return nil, noRule(mux.Vars(r)["name"])
	}
	rule, err := c.o.Desk.RuleInUse(r.Context(), name)
	if errors.Is(err, desk.ErrNoRule) {
		return nil, noRule(name)
	}
	if err != nil {
		return nil, err
	}
	p := &rulePage{Rule: rule, Idle: c.isIdle(rule)}
	for i, text := range rule.Source {
		p.Lines = append(p.Lines, sourceLine{rule.Line + i, text})
	}
	for _, add := range []func(*http.Request, *rulePage) error{c.addUse, c.addNear, c.addSamples} {
		if err := add(r, p); err != nil {
			return nil, err
		}
	}
	return &frame.View{Template: "rule", Title: name, Data: p, JSON: "api/v1/rules/" + url.PathEscape(name)}, nil
}

func noRule(name string) error {
	return &frame.Problem{Status: http.StatusNotFound, Title: "No such rule",
		Text: "The current rules have no rule " + strings.TrimSpace(name) + ". It may have been renamed or removed."}
}

// addUse draws what became of the events that the rule matched or failed on.
func (c *Console) addUse(r *http.Request, p *rulePage) error {
	all := windows()
	p.Windows = []window{all[1], all[2]}
	p.Windows[0].Step = time.Hour // rules are counted by hours
	chosen := &p.Windows[0]
	if r.URL.Query().Get("window") == p.Windows[1].Name {
		chosen = &p.Windows[1]
	}
	chosen.Current = true
	now := c.o.Desk.Now()
	s, err := c.o.Desk.Stats(r.Context(), desk.StatsQuery{Of: "rules", By: "outcome", Name: store.RuleInText(p.Name),
		Since: now.Add(-chosen.Length), Until: now, Step: chosen.Step})
	if err != nil {
		return err
	}
	step := time.Duration(s.Step) * time.Second
	steps := chart.Steps{From: s.Since, Step: step, Count: int(s.Until.Sub(s.Since) / step), Zone: c.o.Desk.Zone(),
		Link: func(from, until time.Time) string { return p.eventsIn(from, until) }}
	p.Chart = chart.NewStack("Matches and errors of "+p.Name, "events", useSeries(&s, steps.Count), steps)
	return nil
}

// eventsIn returns the path of the events of the rule in a time.
func (p *rulePage) eventsIn(from, until time.Time) string {
	return "../events?" + url.Values{"rule": {p.Name}, "since": {from.UTC().Format(time.RFC3339)},
		"until": {until.UTC().Format(time.RFC3339)}}.Encode()
}

// useSeries sums the outcomes of a rule.
func useSeries(s *desk.Stats, steps int) []chart.Series {
	all := []chart.Series{{Name: "matched", Class: "ok"}, {Name: "held back", Class: "wait"}, {Name: "failed", Class: "bad"}}
	for i := range all {
		all[i].Values = make([]int64, steps)
	}
	for _, one := range s.Series {
		kind := 0
		switch outcome := rules.Outcome(one.Name); {
		case outcome == rules.Failed:
			kind = 2
		case !outcome.IsMatch():
			continue
		case outcome != rules.Matched:
			kind = 1
		}
		for i, n := range one.Counts {
			all[kind].Values[i] += n
		}
	}
	return all
}

// addNear adds the events that the rule nearly matched.
func (c *Console) addNear(r *http.Request, p *rulePage) error {
	before := store.ID(0)
	if text := r.URL.Query().Get("near"); text != "" {
		id, err := store.ParseID(text)
		if err != nil {
			return &frame.Problem{Status: http.StatusBadRequest, Title: "Not found", Text: "near: " + err.Error()}
		}
		before, p.Paged = id, true
	}
	var err error
	p.Near, err = c.o.Desk.NearMisses(r.Context(), p.Name, before)
	if errors.Is(err, desk.ErrNoRule) { // one without a condition
		return nil
	}
	for _, miss := range p.Near.Misses {
		missing := partsOf(nil, miss.Part, 0)[0]
		missing.Value = valuesOf(miss.Part)
		p.Misses = append(p.Misses, nearMiss{miss, missing})
	}
	return err
}

// addSamples adds the newest messages of the rule.
func (c *Console) addSamples(r *http.Request, p *rulePage) (err error) {
	p.Samples, err = c.samplesOf(r.Context(), p.Name)
	return err
}

func (c *Console) samplesOf(ctx context.Context, rule string) (all []message, err error) {
	page, err := c.o.Desk.Deliveries(ctx, desk.DeliveryFilter{DeliveryFilter: store.DeliveryFilter{Rule: rule, Limit: samples}})
	if err != nil {
		return nil, err
	}
	for _, d := range page.Deliveries {
		m, err := c.message(ctx, d)
		if errors.Is(err, store.ErrNotFound) {
			continue // it was deleted a moment ago
		}
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	return all, nil
}
