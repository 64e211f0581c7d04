package rules

import (
	"bytes"
	"cmp"
	"encoding/json"
	"slices"
	"time"

	"qaserelay/rules/condition"
	"qaserelay/rules/event"
	"qaserelay/rules/hints"
)

// Explanation is the decision on one event with its reasons: the value of each part of each condition. As JSON it holds
// no secrets, so it can be shown.
type Explanation struct {
	Event   string    `json:"event"` // event_name
	Project string    `json:"project"`
	Source  string    `json:"source"`
	Now     time.Time `json:"now"` // the moment of the decision
	// Refused says why a relay would not take the event, and is empty if it would. Explain does not set it.
	Refused string `json:"refused,omitempty"`
	// EntityKey is source/project/type/id of the entity of the event, or empty.
	EntityKey string `json:"entity_key,omitempty"`
	// Entity, Actor and Previous are the variables of conditions and templates beside the event. Previous is nil if no
	// rule uses it.
	Entity   map[string]any `json:"entity"`
	Actor    map[string]any `json:"actor"`
	Previous any            `json:"previous"`
	// Rules are in file order, all of them.
	Rules []ExplainedRule `json:"rules"`
}

// ExplainedRule is the outcome of one rule with its reasons.
type ExplainedRule struct {
	Result
	// Condition is traced for every rule, also for those that were disabled or stopped.
	Condition *condition.Trace `json:"condition"`
	// Notifications are the messages of the rule, with the remarks of their notifiers, and with the secrets in their
	// options masked.
	Notifications []Notification `json:"notifications,omitempty"`
	// Unmasked are the same messages with their secrets, for previews, which hide them.
	Unmasked []Notification `json:"-"`
}

// Explain decides on ev as Decide does, and returns the reasons. It is much slower than Decide.
func (s *Set) Explain(ev *event.Event, st State) Explanation {
	d := s.Decide(ev, st)
	results := make(map[string]Result, len(d.Results))
	for _, r := range d.Results {
		results[r.Rule] = r
	}
	v := s.view(ev, st)
	x := Explanation{
		Event: ev.Name, Project: ev.Project, Source: ev.Source, Now: st.Now, EntityKey: v.entityKey,
		Entity: v.entityMap(), Actor: v.actorMap(),
		Previous: v.variable("previous"), Rules: make([]ExplainedRule, len(s.rules)),
	}
	why := hints.View{Event: ev, Vars: v.all().Vars, Title: v.title}
	for i, r := range s.rules {
		result, recorded := results[r.Name]
		if !recorded {
			result = Result{Rule: r.Name, Outcome: NotMatched}
		}
		trace := r.Condition.Trace(v.all())
		why.Add(trace)
		x.Rules[i] = ExplainedRule{Result: result, Condition: trace}
		s.addNotifications(&x.Rules[i], &d)
	}
	return x
}

// Nearest returns the rules that did not match, those whose conditions are nearest to true first. Rules that are equally
// near stay in file order.
func (x Explanation) Nearest() []ExplainedRule {
	var all []ExplainedRule
	for _, r := range x.Rules {
		if r.Outcome == NotMatched && r.Condition != nil {
			all = append(all, r)
		}
	}
	slices.SortStableFunc(all, func(a, b ExplainedRule) int {
		return cmp.Compare(b.Condition.Nearness(), a.Condition.Nearness())
	})
	return all
}

// addNotifications adds the notifications of a rule.
func (s *Set) addNotifications(x *ExplainedRule, d *Decision) {
	for _, n := range d.Notifications {
		if n.Rule == x.Rule {
			n.Remarks = s.Remarks(n)
			x.Unmasked = append(x.Unmasked, n)
			x.Notifications = append(x.Notifications, s.Masked(n))
		}
	}
}

// StaticOptions returns the message options that the current rules set for a notifier and that no event changes, each
// distinct object once: the destinations of its messages that are known beforehand.
func (s *Set) StaticOptions(notifier string) []json.RawMessage {
	var all []json.RawMessage
	for _, r := range s.rules {
		for _, t := range r.allTargets() {
			options := t.StaticOptions()
			known := slices.ContainsFunc(all, func(other json.RawMessage) bool { return bytes.Equal(other, options) })
			if t.Notifier == notifier && options != nil && !known {
				all = append(all, options)
			}
		}
	}
	return all
}
