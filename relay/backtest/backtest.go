// Package backtest runs stored events through other rules, and reports the messages and the differences.
package backtest

import (
	"context"
	"fmt"
	"iter"
	"slices"

	"qaserelay/relay/admin/desk"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/ruletest"
)

// History yields stored events, the oldest first, until one cannot be read.
type History = iter.Seq2[desk.Exported, error]

// Options are the rules to run and what to compare them with.
type Options struct {
	Rules     *rules.Set
	RulesFile string // names Rules in the report
	Source    string // of events that name none
	// AgainstRules decide for the comparison; nil compares with the recorded decisions.
	AgainstRules *rules.Set
	Against      string // names AgainstRules in the report
	Examples     int    // the number of examples of each kind
	// Progress is called with the number of events after each one; nil is not called.
	Progress func(events int)
}

// Run decides on one event after the other, so that memory does not grow with their number, and returns the report.
func Run(ctx context.Context, events History, o Options) (*Report, error) {
	b := &backtest{report: newReport(o), now: &decider{rules: o.Rules}, source: o.Source}
	if o.AgainstRules != nil {
		b.before = &decider{rules: o.AgainstRules}
	}
	for e, err := range events {
		if err != nil {
			return nil, err
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		b.add(e)
		if o.Progress != nil {
			o.Progress(b.report.Events)
		}
	}
	b.report.Forgot, b.report.Open = b.now.memory.Dropped, map[string]int{}
	for kind, n := range b.now.memory.Open() {
		b.report.Open[kind.Text()] = n
	}
	b.report.finish()
	return b.report, nil
}

// backtest is a run.
type backtest struct {
	report *Report
	now    *decider
	before *decider // nil: the recorded decisions
	source string
}

// add decides on one event. A replay is left out: the event that it repeats is in the history. So is an event that the
// relay has made, since the events that it is about are.
func (b *backtest) add(e desk.Exported) {
	if e.Kind != "" { // what the rules would make at that time comes from the events that it is about
		if before := recorded(e.Decided); before != nil && b.before == nil {
			b.report.countLate(before.messages, false)
		}
		return
	}
	if e.ReplayOf != "" {
		b.report.Replays++
		return
	}
	source := e.Source
	if source == "" {
		source = b.source
	}
	ev, err := event.ParseStored(source, e.Body, e.Facts, e.ReceivedAt)
	if err != nil {
		b.report.Unreadable++
		return
	}
	decision, late := b.now.decide(ev)
	b.report.countLate(late, true)
	now, before := outcomeOf(decision), recorded(e.Decided)
	if b.before != nil {
		decision, late = b.before.decide(ev)
		b.report.countLate(late, false)
		before = outcomeOf(decision)
	}
	b.report.add(e, now, before)
	if facts := failures.ReadFacts(ev.Facts); b.now.rules.Asks(ev) && event.Int(ev.Payload["failed"]) > 0 &&
		(facts == nil || facts.Run == nil) {
		b.report.Unnamed++
	}
}

// decider decides by one set of rules, with the values that earlier events stored.
type decider struct {
	rules  *rules.Set
	memory ruletest.Memory
	armed  bool
}

// decide returns the decision on an event, and the messages that were due until then: digests, reminders and the like.
func (d *decider) decide(ev *event.Event) (decision rules.Decision, late []message) {
	if !d.armed {
		d.memory.Arm(d.rules, ev.ReceivedAt)
		d.armed = true
	}
	decision, wakes := d.memory.Decide(d.rules, ev, ev.ReceivedAt)
	for _, w := range wakes {
		for _, n := range w.Decision.Notifications {
			if n.Cancelled == "" {
				late = append(late, message{n.Rule, n.Notifier, n.Title})
			}
		}
	}
	return decision, late
}

// outcome is a decision in short. A nil one is not known.
type outcome struct {
	matched  []string
	failed   map[string]string // the error of each rule whose condition failed
	messages []message
}

// message is a message that would be sent, or was.
type message struct{ rule, notifier, title string }

func outcomeOf(d rules.Decision) *outcome {
	o := &outcome{failed: map[string]string{}}
	for _, r := range d.Results {
		switch {
		case r.Outcome == rules.Failed:
			o.failed[r.Rule] = r.Reason
		case r.Outcome.IsMatch():
			o.matched = append(o.matched, r.Rule)
		}
	}
	for _, n := range d.Notifications {
		o.messages = append(o.messages, message{n.Rule, n.Notifier, n.Title})
	}
	return o
}

func recorded(d *desk.Decided) *outcome {
	if d == nil {
		return nil
	}
	o := &outcome{matched: d.Matched}
	for _, m := range d.Messages {
		o.messages = append(o.messages, message{m.Rule, m.Notifier, m.Title})
	}
	return o
}

// add counts the outcome of one event, and the differences from the one before.
func (r *Report) add(e desk.Exported, now, before *outcome) {
	r.seen(e.ReceivedAt)
	for _, name := range now.matched {
		r.rule(name).Events++
	}
	for name, why := range now.failed {
		rule := r.rule(name)
		if rule.Errors++; rule.FirstError == "" {
			rule.FirstError = fmt.Sprintf("event %s: %s", e.ID, why)
		}
	}
	for _, m := range now.messages {
		r.Messages++
		r.notifier(m.notifier).Messages++
		r.example(m)
	}
	if before != nil {
		r.Compared++
		r.compareRules(e, now, before)
		r.compareMessages(e, now, before)
	}
}

func (r *Report) compareRules(e desk.Exported, now, before *outcome) {
	for _, name := range before.matched {
		rule := r.rule(name)
		if rule.Before++; !slices.Contains(now.matched, name) {
			rule.Lost++
			r.change(Lost, e, message{rule: name, title: before.titleOf(name)})
		}
	}
	for _, name := range now.matched {
		if !slices.Contains(before.matched, name) {
			r.rule(name).Gained++
			r.change(Gained, e, message{rule: name, title: now.titleOf(name)})
		}
	}
}

// titleOf returns the title of the first message of a rule.
func (o *outcome) titleOf(rule string) string {
	for _, m := range o.messages {
		if m.rule == rule {
			return m.title
		}
	}
	return ""
}

// compareMessages matches messages by rule and notifier: titles may differ by the state of the time. The change of a
// message counts only if its rule matches both now and before; otherwise the change of the rule says it.
func (r *Report) compareMessages(e desk.Exported, now, before *outcome) {
	had := map[message]int{}
	for _, m := range before.messages {
		had[message{rule: m.rule, notifier: m.notifier}]++
		r.notifier(m.notifier).Before++
	}
	for _, m := range now.messages {
		key := message{rule: m.rule, notifier: m.notifier}
		if had[key]--; had[key] < 0 {
			r.notifier(m.notifier).Added++
			r.Added++
			if slices.Contains(before.matched, m.rule) {
				r.change(Added, e, m)
			}
		}
	}
	for _, m := range before.messages {
		key := message{rule: m.rule, notifier: m.notifier}
		if had[key] > 0 {
			had[key]--
			r.notifier(m.notifier).Removed++
			r.Removed++
			if slices.Contains(now.matched, m.rule) {
				r.change(Removed, e, m)
			}
		}
	}
}
