package backtest

import (
	"context"
	"fmt"
	"slices"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin"
	"qaserelay/rules"
	"qaserelay/rules/event"
)

// TrialRun takes events through the candidate, and through what it is compared with.
type TrialRun struct {
	Report *report
	Now    *Bench
	Before *Bench // nil: what was decided when the events came
	Source string // of events that do not say theirs
}

// Run takes one event after the other, so that memory does not grow with their number.
func (t *TrialRun) Run(ctx context.Context, progress *terminal.Screen, events History) error {
	for e, err := range events {
		if err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
		t.take(e)
		if n := t.Report.Events; progress.Terminal && n%1000 == 0 {
			progress.Printf("\r%d events", n)
		}
	}
	if progress.Terminal {
		progress.Printf("\r\x1b[K")
	}
	t.Report.Forgot = t.Now.Memory.Forgot
	return nil
}

// take lets one event happen. A replay is none: what it repeats is there already.
func (t *TrialRun) take(e admin.Exported) {
	if e.ReplayOf != "" {
		t.Report.Replays++
		return
	}
	source := e.Source
	if source == "" {
		source = t.Source
	}
	ev, err := event.Parse(source, e.Body, e.ReceivedAt)
	if err != nil {
		t.Report.Unreadable++
		return
	}
	now := outcomeOf(t.Now.decide(ev))
	before := recorded(e.Decided)
	if t.Before != nil {
		before = outcomeOf(t.Before.decide(ev))
	}
	t.Report.add(e, now, before)
}

// outcome is what rules made of an event. A nil one is not known.
type outcome struct {
	matched  []string
	failed   map[string]string // rule → why its condition failed
	messages []message
}

// message is one that would be sent, or was.
type message struct{ rule, notifier, title string }

func outcomeOf(d rules.Decision) *outcome {
	o := &outcome{}
	for _, r := range d.Results {
		switch r.Outcome {
		case rules.Matched:
			o.matched = append(o.matched, r.Rule)
		case rules.Failed:
			if o.failed == nil {
				o.failed = map[string]string{}
			}
			o.failed[r.Rule] = r.Reason
		case rules.NotMatched, rules.Disabled, rules.Stopped:
		}
	}
	for _, n := range d.Notifications {
		o.messages = append(o.messages, message{n.Rule, n.Notifier, n.Title})
	}
	return o
}

func recorded(d *admin.Decided) *outcome {
	if d == nil {
		return nil
	}
	o := &outcome{matched: d.Matched}
	for _, m := range d.Messages {
		o.messages = append(o.messages, message{m.Rule, m.Notifier, m.Title})
	}
	return o
}

// add counts what the candidate made of one event, and how that differs from before.
func (r *report) add(e admin.Exported, now, before *outcome) {
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

func (r *report) compareRules(e admin.Exported, now, before *outcome) {
	for _, name := range before.matched {
		rule := r.rule(name)
		if rule.Before++; !slices.Contains(now.matched, name) {
			rule.Lost++
			r.change(changeOf(lost, e, message{rule: name, title: titleOf(before, name)}))
		}
	}
	for _, name := range now.matched {
		if !slices.Contains(before.matched, name) {
			r.rule(name).Gained++
			r.change(changeOf(gained, e, message{rule: name, title: titleOf(now, name)}))
		}
	}
}

func titleOf(o *outcome, rule string) string {
	for _, m := range o.messages {
		if m.rule == rule {
			return m.title
		}
	}
	return ""
}

// compareMessages matches messages by rule and notifier. Titles may differ by what was known at the time.
func (r *report) compareMessages(e admin.Exported, now, before *outcome) {
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
			r.changeWhere(before.matched, changeOf(added, e, m))
		}
	}
	for _, m := range before.messages {
		key := message{rule: m.rule, notifier: m.notifier}
		if had[key] > 0 {
			had[key]--
			r.notifier(m.notifier).Removed++
			r.Removed++
			r.changeWhere(now.matched, changeOf(removed, e, m))
		}
	}
}
