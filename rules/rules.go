// Package rules is the engine of qase-relay: it decides which notifications an event causes.
//
// It is pure: it reads no files, no clock and no environment, and sends nothing. [Set.Decide] turns an event and the
// stored [State] into a [Decision]: the outcome of each rule, the rendered notifications, and the changes to store. The
// running relay and every command that explains or tests rules call the same Decide.
//
// Package rulefile makes a [Set] from YAML. Conditions and templates are packages of their own below this one.
package rules

import (
	"encoding/json"
	"slices"
	"sync"
	"sync/atomic"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/flow"
	"qaserelay/rules/index"
	"qaserelay/rules/memory"
	"qaserelay/rules/people"
	"qaserelay/rules/settings"
	"qaserelay/rules/target"
	"qaserelay/rules/template"
)

// Set is a compiled set of rules. It never changes, and many goroutines may use it. The zero value has no rules.
type Set struct {
	rules        []*Rule
	index        index.Index
	settings     Settings
	people       *people.Directory
	usesPrevious bool
	usesFailures bool // a rule reads failures or trend by name
	plainText    func(string) string
	mask         func(notifier string, options json.RawMessage) json.RawMessage
	refuse       refuser
	closes       func(notifier string, options json.RawMessage, level string) bool
	alerts       func(notifier string) bool
	summed       map[project]bool // whose runs summaries are about
	room         func(notifier string) flow.Room
	feeds        []flow.Expected
	unused       sync.Pool // of views that were released
	lastDigest   atomic.Pointer[writtenDigest]
}

// The settings of a rules file and its sources.
type (
	Settings  = settings.Settings
	Source    = settings.Source
	Backlog   = settings.Backlog
	Retention = settings.Retention
)

// Parts of where the messages of a rule go.
type (
	Target   = target.Target
	Fallback = target.Fallback
)

// Options are the parts of a Set beside its rules.
type Options struct {
	Settings     Settings
	People       *people.Directory
	UsesPrevious bool // a condition or template reads previous
	// PlainText returns Markdown as plain text, for .text and .fields of messages. It may be nil.
	PlainText func(markdown string) string
	// Mask masks rendered message options of a notifier that may hold secrets. A nil Mask hides all of them.
	Mask func(notifier string, options json.RawMessage) json.RawMessage
	// Refuse returns the remarks of a notifier on a message with these options. Nil has none.
	Refuse func(notifier string, options json.RawMessage) []Remark
	// Closes reports whether a message of a notifier with these options and this level ends something at its receiver,
	// such as an alert, so that nothing may keep it back. Nil knows of no such message.
	Closes func(notifier string, options json.RawMessage, level string) bool
	// Alerts reports whether a notifier has one alert for the runs of a series. Nil knows of none.
	Alerts func(notifier string) bool
	// Room returns how much text the default digest may have for a notifier. Nil, and the zero value, is the default.
	Room  func(notifier string) flow.Room
	Feeds []flow.Expected
}

// project is a project of a source.
type project struct{ source, code string }

// Rule is one compiled rule.
type Rule struct {
	RuleInfo
	Condition   *condition.Condition // compiled from When
	Level       string               // empty for the default
	Title, Body *template.Template   // nil for the default
	Marked      *template.Template   // the title with marks around its shortcodes; nil without any
	Targets     []*Target
	Active      *Active // nil for always
	Failures    failures.Shown
	Summary     *RunSummary // nil unless it is an entry of summaries
	Timing
	asks, whenAsks bool     // it reads which tests failed, or its condition does; set by [NewSet]
	whenReads      []string // the variables that its condition reads; set by [NewSet]
	slotsOfMore    bool     // the keys of its slots follow from more than the event; set by [NewSet]
}

// RuleInfo is the description of a rule.
type RuleInfo struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Enabled     bool     `json:"enabled"`
	When        string   `json:"when"`
	Notifiers   []string `json:"notifiers"` // of the targets; set by [Set.Rules]
	Stop        bool     `json:"stop,omitempty"`
	Implicit    bool     `json:"implicit,omitempty"` // made by another key than rules
}

// NewSet makes a set of the given rules, which must not change afterwards. A rule without a condition, whose condition
// is faulty, keeps its place, but the set must not be asked to decide.
func NewSet(o Options, rules []*Rule) *Set {
	s := &Set{rules: rules, settings: o.Settings, people: o.People, usesPrevious: o.UsesPrevious, plainText: o.PlainText, mask: o.Mask,
		refuse: o.Refuse, closes: o.Closes, alerts: o.Alerts, room: o.Room, feeds: o.Feeds, summed: map[project]bool{}}
	indexed := make([]index.Rule, len(rules))
	for i, r := range rules {
		r.whenReads = slices.DeleteFunc(r.Condition.Names(), func(name string) bool { return !slices.Contains(variableNames, name) })
		r.whenAsks = slices.Contains(r.whenReads, "failures")
		usesFailures := r.reads("failures", "trend") || r.unlessReads("failures", "trend")
		s.usesFailures = s.usesFailures || r.Summary != nil || r.Enabled && usesFailures
		r.slotsOfMore = r.Condition.Reads(laterVariables...) || r.byReads(laterVariables...)
		r.asks = r.Title == nil || r.Body == nil || r.reads("failures")
		indexed[i] = index.Rule{Condition: r.Condition, Enabled: r.Enabled, Timed: r.hasTiming(), Asks: r.asks,
			UnlessAsks: r.unlessReads("failures"), Names: s.readsNames(r), UnlessNames: r.unlessReads(named...),
			Summary: r.Summary != nil}
		if r.Summary != nil && r.Enabled {
			s.summed[project{r.Summary.Source, r.Summary.Project}] = true
		}
		if a := r.After; a != nil {
			indexed[i].Waits, indexed[i].Unless, indexed[i].OfEntity = true, a.Unless, len(a.By) == 0
		}
	}
	s.index.Build(indexed)
	return s
}

// Rules describes the rules in file order.
func (s *Set) Rules() []RuleInfo {
	infos := make([]RuleInfo, len(s.rules))
	for i, r := range s.rules {
		infos[i] = r.RuleInfo
		infos[i].Notifiers = []string{}
		for _, t := range r.OwnTargets() {
			infos[i].Notifiers = append(infos[i].Notifiers, t.Notifier)
		}
	}
	return infos
}

// All returns the rules in file order. They must not be changed.
func (s *Set) All() []*Rule { return s.rules }

// Names returns the names of the rules in file order.
func (s *Set) Names() []string {
	names := make([]string, len(s.rules))
	for i, r := range s.rules {
		names[i] = r.Name
	}
	return names
}

// Keys returns the keys of the stored values that Decide reads first for ev.
func (s *Set) Keys(ev *event.Event) []string {
	key := ev.EntityKey()
	if key == "" {
		return nil
	}
	keys := []string{memory.EntityPrefix + key}
	if isRunEnd(ev) && (s.usesFailures || s.Asks(ev)) {
		keys = append(keys, failingKey(ev, ev.EntityID()))
	}
	return keys
}

// EntityKey returns the key under which Decide stores the state of the entity of ev. It is "" if ev has no id or no
// rule can match it, so that nothing need be fetched.
func (s *Set) EntityKey(ev *event.Event) string {
	if key := ev.EntityKey(); key != "" && len(s.index.Candidates(ev)) > 0 {
		return memory.EntityPrefix + key
	}
	return ""
}

// KnowsPerson reports whether the people directory has a member id.
func (s *Set) KnowsPerson(memberID int) bool { return s.people.HasMember(memberID) }

// SlackName returns the name of the person in the directory with a Slack member id, or "".
func (s *Set) SlackName(id string) string { return s.people.NameBySlackID(id) }

// PersonText returns a rendered recipient as rules name the person: by the name in the directory, else as it is.
func (s *Set) PersonText(rendered string) string {
	if all := s.people.Resolve(rendered); len(all) == 1 {
		return all[0].Written()
	}
	return rendered
}

// SamePeople reports whether two lists of texts name the same people.
func (s *Set) SamePeople(a, b []string) bool {
	return s.IncludesPeople(a, b) && len(s.resolve(a)) == len(s.resolve(b))
}

// IncludesPeople reports whether the people of a list of texts include those of another list, which is not without people.
func (s *Set) IncludesPeople(all, some []string) bool {
	these, those := s.resolve(all), s.resolve(some)
	missing := func(one people.Recipient) bool { return !slices.ContainsFunc(these, one.Is) }
	return len(those) > 0 && !slices.ContainsFunc(those, missing) || len(some) == 0
}

func (s *Set) resolve(texts []string) (all []people.Recipient) {
	for _, text := range texts {
		all = append(all, s.people.Resolve(text)...)
	}
	return all
}

// allTargets returns the targets of the messages of a rule, with their fallbacks. A disabled rule has none.
func (r *Rule) allTargets() []*Target {
	if !r.Enabled {
		return nil
	}
	all := r.OwnTargets()
	for _, t := range slices.Clip(all) {
		all = append(all, t.Fallbacks...)
	}
	return all
}

// OwnTargets returns the targets of the messages of a rule, with those of the steps of its wait.
func (r *Rule) OwnTargets() []*Target {
	all := slices.Clone(r.Targets)
	if r.After != nil {
		for i := range r.After.Steps {
			all = append(all, r.After.Steps[i].Targets...)
		}
	}
	return all
}
