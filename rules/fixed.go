package rules

import (
	"bytes"
	"encoding/json"
	"slices"
)

// FixedOptions returns the message options that rules in force set for a notifier and that are the same for every event, each set of
// them once: where its messages go, as far as that can be known before there is one.
func (s *Set) FixedOptions(notifier string) []json.RawMessage {
	var all []json.RawMessage
	for _, r := range s.All {
		for _, t := range r.allTargets() {
			fixed := t.fixed()
			known := slices.ContainsFunc(all, func(other json.RawMessage) bool { return bytes.Equal(other, fixed) })
			if t.Notifier == notifier && fixed != nil && !known {
				all = append(all, fixed)
			}
		}
	}
	return all
}

// allTargets lists where messages of r may go, those that stand in for others too. A rule that is disabled sends none.
func (r *Rule) allTargets() []*Target {
	if !r.Enabled {
		return nil
	}
	all := slices.Clone(r.Targets)
	for _, t := range r.Targets {
		all = append(all, t.Fallbacks...)
	}
	return all
}

// fixed returns the options without templates, or nil if there are none.
func (t *Target) fixed() json.RawMessage {
	plain := Target{}
	for _, o := range t.Options {
		if IsStatic(o.Value) {
			plain.Options = append(plain.Options, o)
		}
	}
	options, _ := plain.renderOptions(nil) // nothing in it can fail
	return options
}
