package backtest

import (
	"cmp"
	"slices"
	"time"

	"qaserelay/relay/admin/desk"
)

// Recorded is what a report compares with unless that is another rules file.
const Recorded = "what was decided when the events came"

// Report is the result of a backtest.
type Report struct {
	Rules      string           `json:"rules_file"`
	Against    string           `json:"against"` // what the rules are compared with; empty if nothing is known
	Events     int              `json:"events"`
	Compared   int              `json:"compared"`   // events with a decision to compare with
	Replays    int              `json:"replays"`    // left out, since the events that they repeat are there
	Unreadable int              `json:"unreadable"` // left out
	Unnamed    int              `json:"unnamed"`    // runs with failures of which no rule can know which tests failed
	First      time.Time        `json:"first,omitzero"`
	Last       time.Time        `json:"last,omitzero"`
	Messages   int              `json:"messages"`
	Added      int              `json:"added"`   // messages that were not sent before
	Removed    int              `json:"removed"` // messages that were
	Forgot     bool             `json:"forgot"`  // there was more state than fits
	Open       map[string]int   `json:"open"`    // slots that are due after the last event, by kind
	PerRule    []*RuleCount     `json:"rules"`
	PerWay     []*NotifierCount `json:"notifiers"`
	Examples   []*Examples      `json:"examples"`
	Changes    []Change         `json:"changes"` // the first of each kind and rule

	limit   int             // of examples of each kind
	late    map[message]int // messages that were due at a time: those of the rules less those before; without titles
	changed map[[2]string]int
}

// RuleCount counts events by the decision of one rule.
type RuleCount struct {
	Rule       string `json:"rule"`
	Events     int    `json:"events"` // that it matches
	Before     int    `json:"before"` // that it matched
	Gained     int    `json:"gained"`
	Lost       int    `json:"lost"`
	Errors     int    `json:"errors"` // events on which its condition fails
	FirstError string `json:"first_error,omitempty"`
}

// NotifierCount counts messages to one notifier.
type NotifierCount struct {
	Notifier string `json:"notifier"`
	Messages int    `json:"messages"`
	Before   int    `json:"before"`
	Added    int    `json:"added"`
	Removed  int    `json:"removed"`
}

// Examples are the first titles that a rule would send to a notifier.
type Examples struct {
	Rule     string   `json:"rule"`
	Notifier string   `json:"notifier"`
	Messages int      `json:"messages"`
	Titles   []string `json:"titles"`
}

// Change is an event on which the decision differs.
type Change struct {
	Kind       string    `json:"kind"`
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
	Gained  = "gained"  // a rule matches that did not
	Lost    = "lost"    // a rule does not match that did
	Added   = "added"   // a rule matches as before and sends one message more
	Removed = "removed" // a rule matches as before and sends one message less
)

func newReport(o Options) *Report {
	return &Report{Rules: o.RulesFile, Against: o.Against, limit: o.Examples, changed: map[[2]string]int{},
		PerRule: []*RuleCount{}, PerWay: []*NotifierCount{}, Examples: []*Examples{}, Changes: []Change{}}
}

// seen counts an event.
func (r *Report) seen(at time.Time) {
	r.Events++
	if r.First.IsZero() || at.Before(r.First) {
		r.First = at
	}
	if at.After(r.Last) {
		r.Last = at
	}
}

func (r *Report) rule(name string) *RuleCount {
	return findOrAdd(&r.PerRule, func(c *RuleCount) bool { return c.Rule == name }, &RuleCount{Rule: name})
}

func (r *Report) notifier(name string) *NotifierCount {
	return findOrAdd(&r.PerWay, func(c *NotifierCount) bool { return c.Notifier == name },
		&NotifierCount{Notifier: name})
}

// example counts a message, and keeps its title if it is among the first.
func (r *Report) example(m message) {
	x := findOrAdd(&r.Examples, func(x *Examples) bool { return x.Rule == m.rule && x.Notifier == m.notifier },
		&Examples{Rule: m.rule, Notifier: m.notifier, Titles: []string{}})
	if x.Messages++; len(x.Titles) < r.limit && !slices.Contains(x.Titles, m.title) {
		x.Titles = append(x.Titles, m.title)
	}
}

// findOrAdd returns the first wanted element, or adds the given one.
func findOrAdd[T any](list *[]*T, wanted func(*T) bool, added *T) *T {
	if i := slices.IndexFunc(*list, wanted); i >= 0 {
		return (*list)[i]
	}
	*list = append(*list, added)
	return added
}

// change keeps the first changes of each kind and rule.
func (r *Report) change(kind string, e desk.Exported, m message) {
	key := [2]string{kind, m.rule}
	if r.changed[key]++; r.changed[key] <= r.limit {
		r.Changes = append(r.Changes, Change{Kind: kind, Rule: m.rule, Notifier: m.notifier, EventID: e.ID,
			Event: e.Event, Project: e.Project, ReceivedAt: e.ReceivedAt, Title: m.title})
	}
}

// countLate counts messages that were due at a time, which are compared by their numbers: they follow from several events.
func (r *Report) countLate(all []message, now bool) {
	if r.late == nil {
		r.late = map[message]int{}
	}
	for _, m := range all {
		key := message{rule: m.rule, notifier: m.notifier}
		if !now {
			r.late[key]--
			r.notifier(m.notifier).Before++
			continue
		}
		r.late[key]++
		r.Messages++
		r.notifier(m.notifier).Messages++
		r.example(m)
	}
}

// compareLate adds the differences in the numbers of these messages, if there is anything to compare them with.
func (r *Report) compareLate() {
	if r.Compared == 0 {
		return
	}
	for m, n := range r.late {
		if n > 0 {
			r.Added += n
			r.notifier(m.notifier).Added += n
		} else {
			r.Removed -= n
			r.notifier(m.notifier).Removed -= n
		}
	}
}

// finish sorts the report by importance.
func (r *Report) finish() {
	r.compareLate()
	if r.Against == "" && r.Compared > 0 {
		r.Against = Recorded
	}
	slices.SortStableFunc(r.PerRule, func(a, b *RuleCount) int {
		return cmp.Or(cmp.Compare(b.Events, a.Events), cmp.Compare(b.Before, a.Before), cmp.Compare(a.Rule, b.Rule))
	})
	slices.SortStableFunc(r.PerWay, func(a, b *NotifierCount) int {
		return cmp.Or(cmp.Compare(b.Messages, a.Messages), cmp.Compare(b.Before, a.Before),
			cmp.Compare(a.Notifier, b.Notifier))
	})
	slices.SortStableFunc(r.Examples, func(a, b *Examples) int { return cmp.Compare(b.Messages, a.Messages) })
	slices.SortStableFunc(r.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(a.Rule, b.Rule), cmp.Compare(a.Kind, b.Kind))
	})
}
