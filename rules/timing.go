package rules

import (
	"slices"

	"qaserelay/rules/flow"
	"qaserelay/rules/timing"
	"qaserelay/rules/value"
)

// The keys of time of a rule.
type (
	Timing   = timing.Timing
	Throttle = timing.Throttle
	Group    = timing.Group
	After    = timing.After
	Step     = timing.Step
	By       = timing.By
	Active   = timing.Active
)

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

// owners returns the owners of the rule's slots: its name, then its earlier names.
func (r *Rule) owners() []string { return append([]string{r.Name}, r.Was...) }

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
	keys := r.owners()
	for i, owner := range keys {
		keys[i] = flow.Name{Dry: dry, Kind: kind, Owner: owner, Hash: hash}.Key()
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
