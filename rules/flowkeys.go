package rules

import (
	"bytes"
	"maps"

	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/memory"
	"qaserelay/rules/target"
)

// HasFlowKeys reports whether Decide may read further keys for ev, which follow from the values of those of Keys: that of
// the previous run, and those of slots.
func (s *Set) HasFlowKeys(ev *event.Event) bool {
	return ev.Type() == "run" && s.readsPrevious(ev) || len(s.index.Timed(ev)) > 0 || s.feedOf(ev) != nil
}

// Seen is what FlowKeys has read of the entity of an event. A State that has it saves Decide the same work, as long as
// the stored entity is the same.
type Seen struct {
	stored []byte
	entity *memory.Entity // never changed
}

// entityOf returns the stored entity, which the caller may change.
func (x *Seen) entityOf(stored []byte) *memory.Entity {
	if x == nil || !bytes.Equal(stored, x.stored) {
		return memory.Decode(stored)
	}
	e := *x.entity
	e.Fields = maps.Clone(e.Fields)
	return &e
}

// FlowKeys returns those keys, given the keys that Keys has returned. The state has their values. A key that follows from
// what only Decide knows, such as a rendered option, is not among them, and read on its own.
func (s *Set) FlowKeys(ev *event.Event, keys []string, st State) (more []string, seen *Seen) {
	if !s.HasFlowKeys(ev) {
		return nil, nil
	}
	if len(keys) > 0 {
		stored := st.get(keys[0]) // the entity
		seen = &Seen{stored, memory.Decode(stored)}
		if key := s.previousKey(ev, stored, seen, st); key != "" {
			more = append(more, key)
			if s.usesFailures || s.Asks(ev) {
				more = append(more, memory.CasesKey(key))
				if isRunEnd(ev) {
					more = append(more, memory.SeriesListKey(ev.Source, ev.Project))
				}
			}
		}
	}
	if (st.Exact || st.IsSign) && s.feedOf(ev) != nil {
		more = append(more, FeedKey(ev.Source, ev.Project, st.Dry))
	}
	timed := s.index.Timed(ev)
	if len(timed) == 0 {
		return more, seen
	}
	st.Seen = seen
	v := s.slotView(ev, st, timed)
	for _, i := range timed {
		p := passage{Set: s, rule: s.rules[i], view: v, state: st}
		more = append(more, p.slotsToRead()...)
	}
	s.release(v)
	return more, seen
}

// slotView returns the view that the keys of the slots of rules follow from.
func (s *Set) slotView(ev *event.Event, st State, timed []int) *view {
	for _, i := range timed {
		if s.rules[i].slotsOfMore {
			return s.view(ev, st)
		}
	}
	return s.eventView(ev, st)
}

// slotsToRead returns the keys of the slots that the rule reads for an event, as far as they are known beforehand.
func (p *passage) slotsToRead() (keys []string) {
	r := p.rule
	if r.After != nil {
		if hash, _, ok := p.waitHash(r.After); ok {
			keys = r.slotKeys(p.state.Dry, flow.Wait, hash)
		}
		return keys
	}
	if matched, err := r.Condition.Match(p.view.variables(r.whenReads)); err != nil || !matched {
		return nil
	}
	if r.Throttle != nil {
		keys = r.slotKeys(p.state.Dry, flow.Throttle, flow.Hash(p.view.by(r.Throttle.By).hashed...))
	}
	if r.Group == nil && r.Active == nil {
		return keys
	}
	var by byValues
	if r.Group != nil {
		by = p.view.by(r.Group.By)
	}
	for i, t := range r.Targets {
		if t.Fixed() == nil {
			continue
		}
		for _, one := range t.Fixed().Messages {
			address, _ := target.SplitContent(one.Options)
			hash := flow.Hash(p.digestParts(&Notification{Notifier: t.Notifier, target: i}, address, by)...)
			keys = append(keys, r.slotKeys(p.state.Dry, flow.Digest, hash)...)
		}
	}
	return keys
}

// previousKey returns the key of the previous run of an event's series, or "" if nothing tells the series. stored is the
// entity.
func (s *Set) previousKey(ev *event.Event, stored []byte, seen *Seen, st State) string {
	if ev.Type() != "run" || !s.readsPrevious(ev) {
		return ""
	}
	if stored == nil && st.Facts.Fields() == nil && ev.Payload["plan"] == nil && ev.Payload["title"] == nil {
		return ""
	}
	return memory.FinishedKeyOf(ev, seen.entity.Fields, st.Facts.Fields())
}

// readsPrevious reports whether the previous run matters for an event about a run: a rule uses it, or the default message
// names it.
func (s *Set) readsPrevious(ev *event.Event) bool {
	return s.usesPrevious || ev.Name == "run.completed" || ev.Name == "run.aborted"
}
