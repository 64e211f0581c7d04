package rules

import (
	"cmp"
	"fmt"
	"strings"

	"qaserelay/rules/event"
	"qaserelay/rules/flow"
	"qaserelay/rules/value"
)

// asked returns who has asked for a message now, for the text of a stage; empty if it was due.
func (w *waking) asked() string {
	if !w.Flush {
		return ""
	}
	return ", since " + w.author() + " asked for it"
}

// author returns the person who has asked.
func (w *waking) author() string { return cmp.Or(w.Author, "a person") }

// drop ends a slot without its messages, and records what was dropped.
func (w *waking) drop() {
	w.end()
	result := Result{Rule: w.ruleName(), Outcome: Dropped}
	stage := flow.Stage{Stage: "after", Text: "dropped by " + w.author(), Slot: flow.ID(w.Key)}
	switch w.name.Kind {
	case flow.Digest:
		slot, _ := flow.ReadDigest(w.Value)
		w.uncountDigest(&slot)
		w.passSummary(&slot)
		w.decision.Row = w.digestRow(&slot, w.members())
		stage.Stage, stage.Slot, stage.Key = "group", slot.ID, strings.Join(slot.By, ", ")
		stage.Text = fmt.Sprintf("digest %s of %s was %s", slot.ID, value.Counted(slot.Count, "message", "messages"), stage.Text)
	case flow.Wait:
		slot, _ := flow.ReadWait(w.Value)
		ev := w.event()
		if ev == nil { // it is gone, so only its name is left
			ev = &event.Event{Source: "relay", Name: DigestEvent, Body: []byte("{}")}
		}
		w.decision.Row, stage.Key = rowOf(RowDropped, ev), strings.Join(slot.By, ", ")
	default:
		return
	}
	w.decision.Row.Kind, result.Flow = RowDropped, []flow.Stage{stage}
	w.decision.record(result)
}
