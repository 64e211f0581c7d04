package backtest

import (
	"cmp"
	"slices"
	"time"

	"qaserelay/relay/admin"
)

// report is what came of a backtest.
type report struct {
	Rules      string        `json:"rules_file"`
	Against    string        `json:"against"` // what is compared with; empty if nothing is
	Events     int           `json:"events"`
	Compared   int           `json:"compared"`   // events of which it is known what was decided before
	Replays    int           `json:"replays"`    // left out, since what they repeat is among the events
	Unreadable int           `json:"unreadable"` // left out
	First      time.Time     `json:"first,omitzero"`
	Last       time.Time     `json:"last,omitzero"`
	Messages   int           `json:"messages"`
	Added      int           `json:"added"`   // messages that were not sent before
	Removed    int           `json:"removed"` // messages that were
	Forgot     bool          `json:"forgot"`  // there was more to remember than fits
	PerRule    []*ruleCount  `json:"rules"`
	PerWay     []*wayCount   `json:"notifiers"`
	Examples   []*examples   `json:"examples"`
	Changes    []eventChange `json:"changes"` // the first of each kind and rule

	most    int // examples of each kind
	changed map[[2]string]int
}

// recordedDecisions is what a report compares with unless it is another rules file.
const recordedDecisions = "what was decided when the events came"

// ruleCount counts events by what one rule did with them.
type ruleCount struct {
	Rule       string `json:"rule"`
	Events     int    `json:"events"` // that it matches
	Before     int    `json:"before"` // that it matched
	Gained     int    `json:"gained"`
	Lost       int    `json:"lost"`
	Errors     int    `json:"errors"` // events on which its condition fails
	FirstError string `json:"first_error,omitempty"`
}

// wayCount counts messages to one notifier.
type wayCount struct {
	Notifier string `json:"notifier"`
	Messages int    `json:"messages"`
	Before   int    `json:"before"`
	Added    int    `json:"added"`
	Removed  int    `json:"removed"`
}

// examples are the first titles that a rule would send to a notifier.
type examples struct {
	Rule     string   `json:"rule"`
	Notifier string   `json:"notifier"`
	Messages int      `json:"messages"`
	Titles   []string `json:"titles"`
}

// eventChange is an event of which something else follows than before.
type eventChange struct {
	Kind       string    `json:"kind"` // gained, lost: a rule that matches, or no longer does; added, removed: a message of one that matches as before
	Rule       string    `json:"rule"`
	Notifier   string    `json:"notifier,omitempty"`
	EventID    string    `json:"event_id"`
	Event      string    `json:"event_name"`
	Project    string    `json:"project"`
	ReceivedAt time.Time `json:"received_at"`
	Title      string    `json:"title,omitempty"`
}

// The kinds of changes.
const (
	gained  = "gained"
	lost    = "lost"
	added   = "added"
	removed = "removed"
)

func NewReport(rules string, most int) *report {
	return &report{Rules: rules, most: most, changed: map[[2]string]int{}, PerRule: []*ruleCount{}, PerWay: []*wayCount{},
		Examples: []*examples{}, Changes: []eventChange{}}
}

func (r *report) seen(at time.Time) {
	r.Events++
	if r.First.IsZero() || at.Before(r.First) {
		r.First = at
	}
	if at.After(r.Last) {
		r.Last = at
	}
}

func (r *report) rule(name string) *ruleCount {
	return find(&r.PerRule, func(c *ruleCount) bool { return c.Rule == name }, &ruleCount{Rule: name})
}

func (r *report) notifier(name string) *wayCount {
	return find(&r.PerWay, func(c *wayCount) bool { return c.Notifier == name }, &wayCount{Notifier: name})
}

func (r *report) example(m message) {
	x := find(&r.Examples, func(x *examples) bool { return x.Rule == m.rule && x.Notifier == m.notifier },
		&examples{Rule: m.rule, Notifier: m.notifier, Titles: []string{}})
	if x.Messages++; len(x.Titles) < r.most && !slices.Contains(x.Titles, m.title) {
		x.Titles = append(x.Titles, m.title)
	}
}

// find returns the one that is meant, which is fresh if there is none yet.
func find[T any](list *[]*T, meant func(*T) bool, fresh *T) *T {
	if i := slices.IndexFunc(*list, meant); i >= 0 {
		return (*list)[i]
	}
	*list = append(*list, fresh)
	return fresh
}

func changeOf(kind string, e admin.Exported, m message) eventChange {
	return eventChange{Kind: kind, Rule: m.rule, Notifier: m.notifier, EventID: e.ID, Event: e.Event, Project: e.Project,
		ReceivedAt: e.ReceivedAt, Title: m.title}
}

// change keeps the first changes of each kind and rule.
func (r *report) change(c eventChange) {
	key := [2]string{c.Kind, c.Rule}
	if r.changed[key]++; r.changed[key] <= r.most {
		r.Changes = append(r.Changes, c)
	}
}

// changeWhere keeps the change of a message only if its rule matches both now and before; of the others, the rule tells already.
func (r *report) changeWhere(rules []string, c eventChange) {
	if slices.Contains(rules, c.Rule) {
		r.change(c)
	}
}

// Finish sorts what there is most of to the front.
func (r *report) Finish() {
	if r.Against == "" && r.Compared > 0 {
		r.Against = recordedDecisions
	}
	slices.SortStableFunc(r.PerRule, func(a, b *ruleCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(b.Before, a.Before), cmp.Compare(a.Rule, b.Rule))
	})
	slices.SortStableFunc(r.PerWay, func(a, b *wayCount) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(b.Before, a.Before), cmp.Compare(a.Notifier, b.Notifier))
	})
	slices.SortStableFunc(r.Examples, func(a, b *examples) int { return cmp.Compare(b.Messages, a.Messages) })
	slices.SortStableFunc(r.Changes, func(a, b eventChange) int { return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind)) })
}
