package report

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/admin/desk"
	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/flow"
	"qaserelay/rules/message"
)

// Explanation is an explanation and the way to print it.
type Explanation struct {
	rules.Explanation
	Partial bool                     // some rules are left out
	Draw    func(rules.Notification) // prints a preview of a message; nil prints its fields
}

// Print prints each rule with the trace of its condition and its messages, then a summary.
func (x Explanation) Print(s *terminal.Screen) {
	about := []string{}
	if title, _ := x.Entity["title"].(string); title != "" {
		about = append(about, fmt.Sprintf("%q", title))
	}
	about = append(about, "project "+x.Project, "source "+x.Source, "by "+fmt.Sprint(x.Actor["name"]),
		x.Now.Format(terminal.TimeFormat))
	s.Printf("%s  %s\n", s.Bold(terminal.OneLine(x.Event)), s.Dim(terminal.OneLine(strings.Join(about, " · "))))
	if x.Refused != "" {
		s.Printf("%s %s\n", s.Bad("would be refused with 403:"), terminal.OneLine(x.Refused))
	}
	for _, r := range x.Rules {
		s.Printf("\n%s\n", outcomeLine(s, r.Result, r.Condition))
		printTrace(s, r.Condition)
		printFlow(s, r.Flow)
		for _, note := range r.Notes {
			printNote(s, note)
		}
		for _, n := range r.Notifications {
			x.printMessage(s, n)
		}
	}
	s.Printf("\n")
	sum := summaryLine(x.Rules, x.Partial)
	if x.Refused != "" {
		sum = "The relay would refuse this event, and nothing would be sent. Without that: " + sum
	}
	s.PrintSentences("", sum, s.Bold)
}

func (x Explanation) printMessage(s *terminal.Screen, n rules.Notification) {
	if x.Draw == nil {
		printMessage(s, n)
		printRemarks(s, n)
		return
	}
	s.Printf("    %s %s\n", s.Good("→"), s.Bold(terminal.OneLine(n.Notifier)))
	x.Draw(n)
	printFallbacks(s, n.Fallbacks)
	printRemarks(s, n)
}

// printRemarks prints what the notifier says about a message.
func printRemarks(s *terminal.Screen, n rules.Notification) {
	for _, r := range n.Remarks {
		label := s.Warn("warning:")
		if r.Wrong {
			label = s.Bad("would be refused:")
		}
		s.Printf("      %s %s\n", label, terminal.OneLine(r.String()))
	}
}

// outcomeLine returns the outcome of one rule. condition is nil if only the decision is known.
func outcomeLine(s *terminal.Screen, r rules.Result, condition *condition.Trace) string {
	name := s.Bold(terminal.OneLine(r.Rule))
	suffix := ""
	if condition != nil && string(condition.Value) == "true" {
		suffix = ", though its condition is true"
	}
	switch r.Outcome {
	case rules.Matched:
		return s.Good("✓") + " " + name + "  " + s.Good("matched") + noRecipients(r)
	case rules.NoRecipients:
		return s.Warn("✓") + " " + name + "  " + s.Warn("no_recipients:") + " matched" + noRecipients(r)
	case rules.Silenced:
		return s.Warn("✓") + " " + name + "  " + s.Warn("silenced:") + " matched, but silenced " + terminal.OneLine(r.Reason)
	case rules.NotMatched:
		return s.Dim("·") + " " + name + "  did not match"
	case rules.Failed:
		return s.Bad("✗") + " " + name + "  " + s.Bad("error:") + " " + terminal.OneLine(r.Reason)
	case rules.Disabled:
		return s.Dim("-") + " " + name + "  disabled" + suffix
	case rules.Stopped:
		return s.Dim("-") + " " + name + "  stopped: " + terminal.OneLine(r.Reason) + suffix
	case rules.Awaiting:
		return s.Warn("-") + " " + name + "  " + s.Warn("awaiting:") + " decides once it is known which tests failed"
	}
	if what := timedOutcome(r.Outcome); what != "" {
		return s.Warn("✓") + " " + name + "  " + s.Warn(string(r.Outcome)+":") + " matched, but " + what + noRecipients(r)
	}
	outcome := strings.TrimSuffix(string(r.Outcome)+": "+r.Reason, ": ")
	return s.Warn("-") + " " + name + "  " + terminal.OneLine(outcome)
}

// timedOutcome says what a rule's keys of time did with the messages of a rule that matched, or is empty.
func timedOutcome(o rules.Outcome) string {
	switch o {
	case rules.Held:
		return "held back by its throttle"
	case rules.Grouped:
		return "its message goes out in a digest"
	case rules.Deferred:
		return "its message is held until its window of time opens"
	case rules.Muted:
		return "its message was dropped outside of its window of time"
	case rules.Waiting:
		return "it waits for what later events say"
	case rules.Done:
		return "what it would wait for has happened already"
	case rules.Postponed:
		return "postponed by a silence"
	case rules.Dropped:
		return "a person dropped its message"
	}
	return ""
}

// printFlow prints what each stage of time did with the messages of a rule.
func printFlow(s *terminal.Screen, stages []flow.Stage) {
	for _, one := range stages {
		for i, line := range terminal.Sentences(s, one.String(), 8) {
			mark := "  "
			if i == 0 {
				mark = "◷ "
			}
			s.Printf("    %s%s\n", s.Warn(mark), line)
		}
	}
}

// noRecipients names the notifiers that get no message, because no recipient is left.
func noRecipients(r rules.Result) string {
	if len(r.NoRecipients) == 0 {
		return ""
	}
	return terminal.OneLine(", but no recipient is left for " + strings.Join(r.NoRecipients, ", "))
}

func printNote(s *terminal.Screen, note string) {
	for i, line := range terminal.Sentences(s, note, 10) {
		mark := "      "
		if i == 0 {
			mark = "note: "
		}
		s.Printf("    %s%s\n", s.Warn(mark), line)
	}
}

// row is one line of a trace.
type row struct {
	text, value string
	paint       func(string) string
	below       string // the prefix of the lines below the text
	hint        string
}

func printTrace(s *terminal.Screen, t *condition.Trace) {
	limit, wide := 100, 0
	if s.Terminal {
		limit = max(s.Columns-20, 30)
	}
	rows := traceRows(s, t, "", "")
	for i := range rows {
		rows[i].text = terminal.Truncate(terminal.OneLine(rows[i].text), limit)
		wide = max(wide, terminal.Columns(rows[i].text))
	}
	for _, r := range rows {
		s.Printf("    %s%s   %s\n", r.text, strings.Repeat(" ", wide-terminal.Columns(r.text)), r.paint(r.value))
		if r.hint == "" {
			continue
		}
		mark := "↳ "
		for _, line := range terminal.Sentences(s, r.hint, terminal.Columns(r.below)+6) {
			s.Printf("    %s%s\n", r.below, s.Dim(mark+line))
			mark = "  "
		}
	}
}

// traceRows lays a trace out as a tree. first is the prefix of its own line, further that of the lines below.
func traceRows(s *terminal.Screen, t *condition.Trace, first, further string) []row {
	value, paint := traceValue(s, t)
	rows := []row{{text: first + t.Text, value: value, paint: paint, below: further, hint: t.Hint}}
	if t.State == condition.Skipped {
		return rows // its parts were skipped too
	}
	for i, part := range t.Parts {
		if i == len(t.Parts)-1 {
			rows = append(rows, traceRows(s, part, further+"└ ", further+"  ")...)
		} else {
			rows = append(rows, traceRows(s, part, further+"├ ", further+"│ ")...)
		}
	}
	return rows
}

func traceValue(s *terminal.Screen, t *condition.Trace) (string, func(string) string) {
	switch {
	case t.State == condition.Skipped:
		return "(not evaluated)", s.Dim
	case t.Error != "":
		return "error: " + terminal.OneLine(t.Error), s.Bad
	case t.State == condition.Broken:
		return "error", s.Bad
	}
	switch text := string(t.Value); text {
	case "true":
		return text, s.Good
	case "false":
		return text, s.Warn
	case "null":
		return "nil", s.Warn
	default:
		return terminal.Truncate(terminal.OneLine(text), 60), func(text string) string { return text }
	}
}

// printMessage prints the fields and options of a message.
func printMessage(s *terminal.Screen, n rules.Notification) {
	s.Printf("    %s %s\n", s.Good("→"), s.Bold(terminal.OneLine(n.Notifier)))
	field := func(name, text string) {
		if text == "" {
			return
		}
		for _, line := range terminal.Wrap(terminal.Printable(text), s.Columns-15) {
			s.Printf("%s\n", strings.TrimRight("      "+s.Dim(fmt.Sprintf("%-8s", name))+" "+line, " "))
			name = ""
		}
	}
	for _, k := range message.Keys() {
		if k.Expected {
			field(k.Name, k.Get(&n.Message))
		}
	}
	field("options", strings.Join(optionLines(n.Options), "\n"))
	printFallbacks(s, n.Fallbacks)
}

// printFallbacks prints the notifiers that get a message, one after another, when it fails permanently.
func printFallbacks(s *terminal.Screen, all []rules.Fallback) {
	if len(all) == 0 {
		return
	}
	var names []string
	for _, f := range all {
		if !f.Beside {
			names = append(names, f.Notifier)
		}
	}
	s.Printf("      %s %s\n", s.Dim("fallback:"), terminal.OneLine(strings.Join(names, ", then ")))
}

// optionLines returns each option as key: value. Texts are plain, other values are JSON.
func optionLines(options json.RawMessage) []string {
	var values map[string]any
	if json.Unmarshal(options, &values) != nil {
		return nil
	}
	var lines []string
	for _, key := range slices.Sorted(maps.Keys(values)) {
		text, ok := values[key].(string)
		if !ok {
			text = terminal.JSON(values[key])
		}
		lines = append(lines, key+": "+text)
	}
	return lines
}

// summaryLine returns the messages that would be sent, and those that their notifiers would refuse, or the reason why
// there are none. partial means that some rules are left out.
func summaryLine(all []rules.ExplainedRule, partial bool) string {
	var sent, refused []string
	for _, r := range all {
		for _, n := range r.Notifications {
			if name := r.Rule + " → " + n.Notifier; n.IsRefused() {
				refused = append(refused, name)
			} else {
				sent = append(sent, name)
			}
		}
	}
	would := func(list []string, verb string) string {
		if len(list) == 0 {
			return ""
		}
		return fmt.Sprintf("%s would be %s: %s.", terminal.Plural(len(list), "message"), verb, strings.Join(list, ", "))
	}
	if len(sent)+len(refused) > 0 {
		return strings.TrimSpace(would(sent, "sent") + " " + would(refused, "refused"))
	}
	return "Nothing would be sent" + map[bool]string{true: " by what is shown"}[partial] + ": " + noMessageReason(all) +
		"."
}

func noMessageReason(all []rules.ExplainedRule) string {
	if len(all) == 0 {
		return "there are no rules"
	}
	by, anyMatch := map[rules.Outcome][]string{}, false
	for _, r := range all {
		isTrue := r.Condition != nil && string(r.Condition.Value) == "true"
		if isTrue || r.Outcome == rules.Failed || r.Outcome.IsMatch() {
			by[r.Outcome], anyMatch = append(by[r.Outcome], r.Rule), anyMatch || r.Outcome.IsMatch()
		}
	}
	var reasons []string
	add := func(o rules.Outcome, one, many string) {
		names, verb := by[o], many
		if len(names) == 1 {
			verb = one
		}
		if len(names) > 0 {
			reasons = append(reasons, strings.Join(names, ", ")+" "+verb)
		}
	}
	add(rules.Matched, "matches but sends nothing", "match but send nothing")
	add(rules.NoRecipients, "matches but has no recipient left", "match but have no recipient left")
	add(rules.Silenced, "matches but is silenced", "match but are silenced")
	add(rules.Held, "is held back by its throttle", "are held back by their throttles")
	add(rules.Grouped, "waits in a digest", "wait in digests")
	add(rules.Deferred, "is held until its window of time opens", "are held until their windows of time open")
	add(rules.Muted, "is dropped outside of its window of time", "are dropped outside of their windows of time")
	add(rules.Waiting, "waits for what later events say", "wait for what later events say")
	add(rules.Done, "has nothing to wait for any more", "have nothing to wait for any more")
	add(rules.Postponed, "is postponed by a silence", "are postponed by a silence")
	add(rules.Stopped, "is stopped by an earlier rule", "are stopped by an earlier rule")
	add(rules.Disabled, "is disabled", "are disabled")
	add(rules.Failed, "cannot be evaluated", "cannot be evaluated")
	if !anyMatch && len(reasons) > 0 {
		return "no other condition is true, and " + strings.Join(reasons, ", ")
	}
	if len(reasons) == 0 {
		return "no condition is true for this event"
	}
	return strings.Join(reasons, ", ")
}

// Stored is an event that a relay has stored, and the way to print it.
type Stored struct {
	*desk.Event
	Only []string            // names of the rules to print; empty for all
	Draw func(desk.Delivery) // prints a preview of a message; may be nil
}

// Print prints the recorded decision, with the state of each delivery.
func (x Stored) Print(s *terminal.Screen) error {
	ev, only := x.Event, x.Only
	var d rules.Decision
	if err := json.Unmarshal(ev.Decisions, &d); err != nil {
		return fmt.Errorf("reading the decision: %w", err)
	}
	s.Printf("%s  %s\n", s.Bold(terminal.OneLine(ev.Event)),
		s.Dim(terminal.OneLine(fmt.Sprintf("event %s · project %s · source %s · received %s",
			ev.ID, ev.Project, ev.Source, ev.ReceivedAt.Format(terminal.TimeFormat)))))
	printFacts(s, ev, time.Now())
	slices.Reverse(ev.Deliveries) // they are listed newest first
	listed := 0
	for _, r := range d.Results {
		if r.Outcome == rules.NotMatched && len(r.Flow)+len(r.Notes) == 0 { // as NotMatched counts
			listed++
		}
		if len(only) > 0 && !slices.Contains(only, r.Rule) {
			continue
		}
		s.Printf("\n%s\n", outcomeLine(s, r, nil))
		printFlow(s, r.Flow)
		for _, stage := range r.Flow {
			if sent := ev.Digests[stage.Slot]; sent != "" {
				s.Printf("    %s%s\n", s.Dim("  "), terminal.OneLine("sent with event "+sent))
			}
		}
		for _, note := range r.Notes {
			printNote(s, note)
		}
		for _, delivery := range ev.Deliveries {
			if delivery.Rule == r.Rule {
				printSummary(s, delivery)
				if x.Draw != nil {
					x.Draw(delivery)
				}
			}
		}
	}
	if more := d.NotMatched - listed; more > 0 && len(only) == 0 {
		s.Printf("\n%s and %s more that did not match\n", s.Dim("·"), terminal.Plural(more, "rule"))
	}
	printFootnotes(s, ev)
	return nil
}

func printSummary(s *terminal.Screen, d desk.Delivery) {
	state := stateOf(s, d)
	s.Printf("    %s %s  %s after %s  %s\n", s.Good("→"), s.Bold(terminal.OneLine(d.Notifier)),
		state.Paint(state.Text), terminal.Plural(d.Attempts, "attempt"), s.Dim("delivery "+d.ID))
	s.PrintSentences("      ", d.Title, nil)
	if d.Error != "" && !isDryRun(d) {
		s.PrintSentences("      ", d.Error, s.Bad)
	}
	if d.NextAt != nil {
		s.Printf("      next attempt at %s\n", s.In(*d.NextAt).Format(terminal.TimeFormat))
	}
}

func printFootnotes(s *terminal.Screen, ev *desk.Event) {
	sum := "Nothing to send"
	if ev.State == stateWaiting {
		sum = "Nothing to send yet"
	}
	if n := len(ev.Deliveries); n > 0 {
		sum = terminal.Plural(n, "delivery")
	}
	s.Printf("\n%s\n", s.Bold(sum+"."))
	s.PrintSentences("", "The same body within 24 hours is a duplicate: it gets this id too, sends nothing, and is "+
		"not recorded.", s.Dim)
}
