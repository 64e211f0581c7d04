package rules

import (
	"time"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
)

// Explanation says what follows from one event, and why: what Decide says of it, and behind that the value of each part of each
// condition. It holds no secrets, so it can be shown.
type Explanation struct {
	Event   string    `json:"event"` // event_name
	Project string    `json:"project"`
	Source  string    `json:"source"`
	Now     time.Time `json:"now"` // the moment of the decision
	// EntityKey is source/project/type/id of what the event is about, or empty.
	EntityKey string `json:"entity_key,omitempty"`
	// Entity, Actor and Previous are what conditions and templates see beside the event. Previous is nil where no rule asks for it.
	Entity   map[string]any `json:"entity"`
	Actor    map[string]any `json:"actor"`
	Previous any            `json:"previous"`
	// Rules are in file order, all of them.
	Rules []ExplainedRule `json:"rules"`
}

// ExplainedRule is what one rule did, and why.
type ExplainedRule struct {
	Result
	// Condition is taken apart for every rule, also for those that were disabled or stopped.
	Condition *condition.Trace `json:"condition"`
	// Notifications are what the rule sends, with what may be secret in their options hidden.
	Notifications []Notification `json:"notifications,omitempty"`
}

// Explain says what Decide says of ev, with the reasons. It is for people who ask, and much slower than Decide.
func (s *Set) Explain(ev *event.Event, st State) Explanation {
	d := s.Decide(ev, st)
	results := make(map[string]Result, len(d.Results))
	for _, r := range d.Results {
		results[r.Rule] = r
	}
	v := s.view(ev, st)
	x := Explanation{
		Event: ev.Name, Project: ev.Project, Source: ev.Source, Now: st.Now, EntityKey: v.entityKey,
		Entity: v.vars["entity"].(map[string]any), Actor: v.vars["actor"].(map[string]any), Previous: v.vars["previous"],
		Rules: make([]ExplainedRule, len(s.rules)),
	}
	for i, r := range s.rules {
		result, recorded := results[r.Name]
		if !recorded {
			result = Result{Rule: r.Name, Outcome: NotMatched}
		}
		trace := r.Condition.Trace(v.env)
		(&hinter{view: v}).add(trace, nil)
		x.Rules[i] = ExplainedRule{Result: result, Condition: trace, Notifications: s.maskedOf(&d, r.Name)}
	}
	return x
}

// maskedOf returns the masked notifications of one rule.
func (s *Set) maskedOf(d *Decision, rule string) []Notification {
	var shown []Notification
	for _, n := range d.Notifications {
		if n.Rule == rule {
			shown = append(shown, s.Masked(n))
		}
	}
	return shown
}
