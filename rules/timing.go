package rules

import (
	"slices"
	"time"

	"qaserelay/rules/condition"
	"qaserelay/rules/flow"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
)

// Timing holds a rule's keys of time: what keeps its messages back, and for how long. The zero value keeps none.
type Timing struct {
	Throttle *Throttle
	Group    *Group
	After    *After
	// Was are earlier names of the rule, whose slots it takes over.
	Was []string
}

// Throttle lets so many messages through in a window of time.
type Throttle struct {
	By By
	flow.ThrottleLimit
}

// Group collects messages in a digest.
type Group struct {
	By    By
	Wait  time.Duration // from the first member, at the longest
	Quiet time.Duration // from the newest member; zero is not set
	At    *window.Times // in place of Wait: the times at which digests leave
	// SendEmpty sends a digest at each of these times, also one without members.
	SendEmpty bool
	Max       int // how many members are listed
	// SendFirst sends the first message at once; the digest is of those that follow.
	SendFirst bool
	// Split sends a digest that has Max members, and opens another one.
	Split       bool
	Level       string             // empty for the worst of the members
	Title, Body *template.Template // nil for those of the rule, or of the default digest
}

// defaultMaxListed is how many members a digest lists by default.
const defaultMaxListed = 100

// After sends a message only if a later event does not prevent it.
type After struct {
	By       By             // without any: the entity
	In       *window.Window // only its open time counts; nil for all
	FromLast bool           // a second match postpones the message
	Unless   *condition.Condition
	Steps    []Step // in the order of their times
	Resolved bool   // a message says that Unless has come true after all
}

// Step is one message of a wait.
type Step struct {
	At       time.Duration // since the start
	Reminder int           // the number of the reminder; 0 for the first message and for escalations
	Escalate bool
	Targets  []*Target // nil for those of the rule
	Level    string    // empty for that of the rule
}

// By are the expressions whose values tell the slots of a rule apart. Without any, a rule has one slot.
type By []*condition.Expression

// maxShownValue is how many bytes of a value of by are kept for people.
const maxShownValue = 200

// byValues are the values of by for one event.
type byValues struct {
	hashed []string // as JSON, behind the project of an id
	shown  []string // as "payload.id=7", shortened
	notes  []string // on expressions that failed, which count as null
}

// by evaluates by for the event of the view.
func (v *view) by(by By) (out byValues) {
	for _, x := range by {
		result, err := x.Value(v.all())
		if err != nil {
			result = nil
			out.notes = append(out.notes, "by: "+err.Error())
		}
		text := value.JSONText(result)
		out.hashed = append(out.hashed, x.Scope(v.env)+text)
		out.shown = append(out.shown, value.OneLine(x.Source)+"="+value.Printable(value.ShortName(text, maxShownValue)))
	}
	return out
}

// hasTiming reports whether a rule keeps messages back.
func (r *Rule) hasTiming() bool {
	return r.Throttle != nil || r.Group != nil || r.After != nil || r.Active != nil
}

// owns reports whether slots of this owner are those of the rule.
func (r *Rule) owns(owner string) bool { return r.Name == owner || slices.Contains(r.Was, owner) }

// ruleOf returns the rule that has the slots of an owner, or nil.
func (s *Set) ruleOf(owner string) *Rule {
	i := slices.IndexFunc(s.rules, func(r *Rule) bool { return r.owns(owner) })
	if i < 0 {
		return nil
	}
	return s.rules[i]
}

// CurrentName returns the name of the rule that has the slots of an owner, or the owner if no rule has them.
func (s *Set) CurrentName(owner string) string {
	if r := s.ruleOf(owner); r != nil {
		return r.Name
	}
	return owner
}

// FormerNames returns the earlier names of a rule.
func (s *Set) FormerNames(name string) []string {
	if r := s.ruleOf(name); r != nil {
		return r.Was
	}
	return nil
}

// slotKeys returns the keys under which the slot of a rule may be stored: that of its name, then those of earlier names.
func (r *Rule) slotKeys(dry bool, kind flow.Kind, hash string) []string {
	keys := []string{flow.Name{Dry: dry, Kind: kind, Owner: r.Name, Hash: hash}.Key()}
	for _, name := range r.Was {
		keys = append(keys, flow.Name{Dry: dry, Kind: kind, Owner: name, Hash: hash}.Key())
	}
	return keys
}

// findSlot returns the key and the value of a rule's slot: the first that is stored, else the key of its name.
func (p *passage) findSlot(kind flow.Kind, hash string) (key string, value []byte) {
	keys := p.rule.slotKeys(p.state.Dry, kind, hash)
	for _, key := range keys {
		if value := p.get(key); value != nil {
			return key, value
		}
	}
	return keys[0], nil
}

// get returns the value of a key as this decision leaves it.
func (p *passage) get(key string) []byte {
	for _, changes := range [][]Change{p.decision.Changes, p.view.changes} {
		for i := len(changes) - 1; i >= 0; i-- {
			if changes[i].Key == key {
				return changes[i].Value
			}
		}
	}
	return p.state.get(key)
}

// put adds a change to the decision.
func (p *passage) put(c Change) { p.decision.Changes = append(p.decision.Changes, c) }
