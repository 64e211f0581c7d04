package rules

import (
	"cmp"
	"slices"
	"time"

	"qaserelay/rules/flow"
	"qaserelay/rules/message"
	"qaserelay/rules/target"
)

// summaryRest is how long summaries are sent for a key of by that no message has had since.
const summaryRest = 14 * 24 * time.Hour

// Armed returns the slots that the rules need without any event, each with its value if it does not exist yet: the
// summaries of runs, those that are sent also if nothing has come, and the feeds that are expected from the start.
func (s *Set) Armed(now time.Time, dry bool) (changes []Change) {
	changes = append(s.armedFeeds(now, dry), s.armedSummaries(now, dry)...)
	for _, r := range s.rules {
		g := r.Group
		if !r.Enabled || g == nil || !g.SendEmpty || g.At == nil || len(g.By) > 0 {
			continue
		}
		for i, t := range r.Targets {
			if t.Fixed() == nil {
				continue // it is armed by the first message
			}
			for _, one := range t.Fixed().Messages {
				address, _ := target.SplitContent(one.Options)
				parts := (&passage{}).digestParts(&Notification{Notifier: t.Notifier, target: i}, address, byValues{})
				slot := flow.SummarySlot{Since: now.UnixMilli(), Target: i, Notifier: t.Notifier, Options: address,
					Person: one.To, Due: g.At.Next(now).UnixMilli()}
				name := flow.Name{Dry: dry, Kind: flow.Summary, Owner: r.Name, Hash: flow.Hash(parts...)}
				changes = append(changes, Change{Key: name.Key(), Value: flow.Encode(slot), Due: slot.DueAt()})
			}
		}
	}
	return changes
}

// armSummary keeps the summary of a digest that a message has joined.
func (p *passage) armSummary(digestKey string, d *flow.DigestSlot) {
	g := p.rule.Group
	if g == nil || !g.SendEmpty || g.At == nil || p.state.Replay != "" || d.Hold || d.IsShared() {
		return
	}
	now := p.state.Now
	key, data := p.findSlot(flow.Summary, summaryHash(digestKey, d))
	slot, exists := flow.ReadSummary(data)
	if exists && now.Sub(slot.SeenAt()) < 24*time.Hour {
		return
	}
	if !exists {
		slot = d.Summary(now, g.At.Next(now))
	}
	slot.Seen = now.UnixMilli()
	p.put(Change{Key: key, Value: flow.Encode(slot), Due: slot.DueAt()})
}

// summaryHash returns the hash of the summary that a digest belongs to.
func summaryHash(digestKey string, d *flow.DigestSlot) string {
	name, _ := flow.Parse(digestKey)
	return cmp.Or(d.Behind, name.Hash)
}

// passSummary moves the summary of a digest that is sent to its next time.
func (w *waking) passSummary(d *flow.DigestSlot) {
	if w.rule == nil || w.rule.Group == nil || !w.rule.Group.SendEmpty || w.rule.Group.At == nil {
		return
	}
	for _, key := range w.rule.slotKeys(w.name.Dry, flow.Summary, summaryHash(w.Key, d)) {
		if slot, exists := flow.ReadSummary(w.state.get(key)); exists {
			slot.Since, slot.Due = w.state.Now.UnixMilli(), w.rule.Group.At.Next(w.state.Now).UnixMilli()
			w.decision.Changes = append(w.decision.Changes, Change{Key: key, Value: flow.Encode(slot), Due: slot.DueAt()})
		}
	}
}

// summary sends a summary without messages, or that of an entry of summaries.
func (w *waking) summary() {
	if w.rule != nil && w.rule.Summary != nil {
		w.runSummary()
		return
	}
	slot, ok := flow.ReadSummary(w.state.get(w.Key))
	r := w.rule
	if !ok || r == nil || !r.Enabled || r.Group == nil || !r.Group.SendEmpty || r.Group.At == nil || w.isOld(&slot) {
		w.end()
		return
	}
	if slot.DueAt().After(w.Due) { // a digest was sent in its place
		w.move(slot, slot.DueAt(), time.Time{})
		return
	}
	since := slot.SinceAt()
	slot.Since, slot.Due = w.state.Now.UnixMilli(), r.Group.At.Next(w.state.Now).UnixMilli()
	w.move(slot, slot.DueAt(), time.Time{})
	if r.Active != nil && !r.Active.Window.Open(w.state.Now) {
		return
	}
	digest := flow.DigestSlot{ID: flow.Hash(w.Key, w.Due.String())[:16], Opened: since.UnixMilli(), By: slot.By,
		Target: slot.Target, Step: slot.Step, Notifier: slot.Notifier, Options: slot.Options, Person: slot.Person, Level: message.Info,
		Source: slot.Source, Project: slot.Project, Several: true}
	result := Result{Rule: r.Name, Outcome: Matched}
	level := cmp.Or(r.Group.Level, digest.Level)
	if found := w.silenceOf(&digest, &listed{member: member{Level: level}}, w.eventOr(nil, &digest)); found != nil {
		result.Outcome, result.Reason = Silenced, w.silenceText(found)
		result.Silenced = []SilencedMessage{{slot.Notifier, found.ID}}
		w.decision.record(result)
		return
	}
	result.Flow = []flow.Stage{{Stage: "group", Text: "nothing has come since the summary before", Slot: digest.ID}}
	w.decision.Notifications = []Notification{w.composeDigest(&digest, nil, &result)}
	w.decision.Row = w.digestRow(&digest, nil)
	w.decision.record(result)
}

// isOld reports whether a summary is not sent any more: its rule was renamed and has one of the new name, its target or
// place is gone, or no message has come for it for long. One that is sent whether or not a message ever came goes on.
func (w *waking) isOld(slot *flow.SummarySlot) bool {
	if w.name.Owner != w.rule.Name {
		name := w.name
		name.Owner = w.rule.Name
		if w.state.get(name.Key()) != nil {
			return true
		}
	}
	isRecent := slot.Seen != 0 && w.state.Now.Sub(slot.SeenAt()) <= summaryRest
	step := w.stepOf(&flow.DigestSlot{Step: slot.Step})
	for _, t := range w.rule.ofStep(step).Targets {
		switch {
		case t.Notifier != slot.Notifier:
		case t.Fixed() == nil:
			if isRecent {
				return false
			}
		case slices.ContainsFunc(t.Fixed().Messages, func(one target.Outgoing) bool {
			address, _ := target.SplitContent(one.Options)
			return string(address) == string(slot.Options)
		}):
			return !isRecent && (len(w.rule.Group.By) > 0 || step != nil)
		}
	}
	return true
}
