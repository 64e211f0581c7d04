package rules

import (
	"encoding/json"
	"time"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/people"
	"qaserelay/rules/template"
)

// maxRecorded is up to how many rules a decision names each one that did not match.
const maxRecorded = 100

// Set is a compiled set of rules. It is not changed after it was made, and may be used from many goroutines.
type Set struct {
	All          []*Rule
	Index        index
	Settings     Settings
	People       *people.Directory
	Defaults     map[string]*defaultMessage
	UsesPrevious bool // some rule asks for the previous run
	Machines     condition.Machines
}

// Rule is one compiled rule.
type Rule struct {
	Name        string
	Description string
	Enabled     bool
	When        *condition.Condition
	Level       string             // empty for the default
	Title, Body *template.Template // nil for the default
	Targets     []*Target
	Stop        bool
}

// Target is one notifier that a rule sends to, with the options of the message.
type Target struct {
	Notifier string
	Options  []Option
	Static   json.RawMessage // the rendered options, if no event changes them
	// fallbacks are where the message goes when it dies, one after another.
	Fallbacks []*Target
}

// RuleInfo describes a rule for people.
type RuleInfo struct {
	Name        string   `json:"name"`
	Description string   `json:"description,omitempty"`
	Enabled     bool     `json:"enabled"`
	When        string   `json:"when"`
	Notifiers   []string `json:"notifiers"`
	Stop        bool     `json:"stop,omitempty"`
}

// Rules describes the rules in file order.
func (s *Set) Rules() []RuleInfo {
	infos := make([]RuleInfo, len(s.All))
	for i, r := range s.All {
		infos[i] = RuleInfo{Name: r.Name, Description: r.Description, Enabled: r.Enabled, When: r.When.Source, Stop: r.Stop, Notifiers: []string{}}
		for _, t := range r.Targets {
			infos[i].Notifiers = append(infos[i].Notifiers, t.Notifier)
		}
	}
	return infos
}

// Names returns the names of the rules in file order.
func (s *Set) Names() []string {
	names := make([]string, len(s.All))
	for i, r := range s.All {
		names[i] = r.Name
	}
	return names
}

// Keys returns the keys whose values Decide will ask for first when it is given ev.
func (s *Set) Keys(ev *event.Event) []string {
	if key := ev.EntityKey(); key != "" {
		return []string{entityPrefix + key}
	}
	return nil
}

// EntityKey returns the key under which Decide keeps what it knows of the thing that ev is about, or "" if ev has no
// id or no rule can match it, so that nothing need be found out.
func (s *Set) EntityKey(ev *event.Event) string {
	if key := ev.EntityKey(); key != "" && len(s.Index.candidates(ev)) > 0 {
		return entityPrefix + key
	}
	return ""
}

// KnowsPerson reports whether the people directory has somebody with this member id.
func (s *Set) KnowsPerson(memberID int) bool { return s.People.HasMember(memberID) }

// SlackName returns the name of the person in the directory with this member id of Slack, or "".
func (s *Set) SlackName(id string) string {
	return s.People.NameBySlackID(id)
}

// Knows reports whether what is kept under the key of EntityKey has a title.
func Knows(kept []byte) bool {
	title, _ := recall(kept).Fields["title"].(string)
	return title != ""
}

// Decide says what follows from ev: what each rule did and why, the notifications, and what to remember. It is pure: the same
// event and state give the same decision. Where State.Get fails, nothing counts as known; whoever handed it in knows of the failure
// and drops the decision.
func (s *Set) Decide(ev *event.Event, st State) Decision {
	v := s.View(ev, st)
	v.candidates = s.Index.candidates(ev)
	d := Decision{Changes: v.changes}
	numbers := s.Index.All
	if len(s.All) > maxRecorded {
		numbers = v.candidates
		d.NotMatched = len(s.All) - len(numbers)
	}
	d.Results = make([]Result, 0, min(len(numbers), maxRecorded))
	stopped := ""
	for _, i := range numbers {
		r := s.All[i]
		result := s.result(r, stopped, v.isCandidate(i), v)
		if result.Outcome == Matched {
			result.Notes = s.notify(r, v, &d)
			if r.Stop {
				stopped = r.Name
			}
		}
		d.record(result)
	}
	return d
}

// result says what one rule does. candidate is false for rules that cannot match this kind of event.
func (s *Set) result(r *Rule, stopped string, candidate bool, v *view) Result {
	result := Result{Rule: r.Name, Outcome: NotMatched}
	switch {
	case !r.Enabled:
		result.Outcome = Disabled
	case stopped != "":
		result.Outcome, result.Reason = Stopped, "the rule "+stopped+" stops here"
	case candidate:
		s.evaluate(r, v, &result)
	}
	return result
}

// record keeps a result, but of rules that did not match only the first maxRecorded.
func (d *Decision) record(r Result) {
	if r.Outcome == NotMatched {
		if d.NotMatched++; d.NotMatched > maxRecorded {
			return
		}
	}
	d.Results = append(d.Results, r)
}

func (s *Set) evaluate(r *Rule, v *view, result *Result) {
	v.steps.Done = 0
	matched, err := s.Machines.Run(r.When, v.Dot)
	switch {
	case err != nil:
		result.Outcome, result.Reason = Failed, err.Error()
	case matched:
		result.Outcome = Matched
	}
}

// notify adds the notifications of a rule that matched, and returns what went wrong on the way.
func (s *Set) notify(r *Rule, v *view, d *Decision) []string {
	if len(r.Targets) == 0 {
		return nil
	}
	m, notes := s.render(r, v)
	for _, t := range r.Targets {
		options, failed := t.renderOptions(v.Dot)
		fallbacks, alsoFailed := t.renderFallbacks(v.Dot)
		notes = append(append(notes, failed...), alsoFailed...)
		d.Notifications = append(d.Notifications, Notification{
			Rule: r.Name, Notifier: t.Notifier, Level: m.level, Title: m.title, Body: m.body, Fields: m.fields,
			URL: v.url, Options: options, Fallbacks: fallbacks, EntityKey: v.entityKey, Series: v.series,
		})
	}
	return notes
}

// view is an event as conditions and templates see it.
type view struct {
	event     *event.Event
	Dot       map[string]any
	steps     condition.Steps
	entityKey string
	series    string
	url       string
	changes   []Change
	// candidates are the numbers of the rules that can match and have not been passed yet.
	candidates []int
}

// isCandidate reports whether the i-th rule can match. It is asked in the order of the rules.
func (v *view) isCandidate(i int) bool {
	for len(v.candidates) > 0 && v.candidates[0] < i {
		v.candidates = v.candidates[1:]
	}
	return len(v.candidates) > 0 && v.candidates[0] == i
}

// View gathers all that is known about ev, and what is to be remembered of it.
func (s *Set) View(ev *event.Event, st State) *view {
	v := &view{event: ev, entityKey: ev.EntityKey()}
	actor := s.People.Actor(ev, st.Member)
	entity := s.entity(v, st, actor)
	v.url, _ = entity["url"].(string)
	v.series = seriesKey(ev, entity)
	v.Dot = map[string]any{
		"event_name": ev.Name, "event_type": ev.Type(), "event_action": ev.Action(),
		"timestamp": int(ev.Timestamp), "time": ev.Time().In(s.Settings.Location),
		"payload": ev.Payload, "team_member_id": ev.MemberID, "project_code": ev.Project, "source": ev.Source,
		"entity": entity, "actor": actor, "previous": nil,
		template.NowKey: st.Now, "now": func() time.Time { return st.Now },
		condition.StepFunction: v.steps.Count, condition.BoundFunction: condition.Bound, condition.TextFunction: v.steps.Text,
	}
	s.history(v, st, entity)
	return v
}

// entity recalls and updates what is known of the thing the event is about.
func (s *Set) entity(v *view, st State, actor map[string]any) map[string]any {
	if v.entityKey == "" {
		return (&memory{Fields: v.event.Payload}).entity(v.event, &s.Settings)
	}
	key := entityPrefix + v.entityKey
	m := recall(st.get(key))
	adopted := m.adopt(st.Fetched)
	if m.learn(v.event, actor) || adopted {
		if data := m.encode(); data != nil {
			v.changes = append(v.changes, Change{key, data, st.Now.Add(s.Settings.Retention.Entities)})
		}
	}
	return m.entity(v.event, &s.Settings)
}

// history looks up the previous run where a rule asks for it, and keeps a finished run for the next one.
func (s *Set) history(v *view, st State, entity map[string]any) {
	if v.event.Type() != "run" || v.entityKey == "" {
		return
	}
	key := finishedKey(v.event, entity)
	if s.UsesPrevious || v.event.Name == "run.completed" { // whose default message compares
		v.Dot["previous"] = previousRun(st.get(key), s.Settings.Location)
	}
	if v.event.Name == "run.completed" {
		v.changes = append(v.changes, Change{key, finished(v.event, entity), st.Now.Add(s.Settings.Retention.Entities)})
	}
}

func (st State) get(key string) []byte {
	if st.Get == nil {
		return nil
	}
	data, err := st.Get(key)
	if err != nil {
		return nil
	}
	return data
}
