package console

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"qaserelay/relay/admin/desk"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/condition"
)

const (
	// maxExplained is the number of rules up to which the page of an event explains them without being asked.
	maxExplained = 200
	// nearest is the number of rules that did not match which are shown at once.
	nearest = 5
)

// explained is how the current rules would decide about an event, beside what was decided.
type explained struct {
	Current bool   // the current rules were asked
	Why     string // why they were not
	Ask     bool   // a link asks them
	Matched []ruleLine
	Near    []ruleLine // those that did not match, the nearest first
	Far     []ruleLine
}

// ruleLine is a rule with its outcome.
type ruleLine struct {
	Name, File string
	Line       int
	Then       string // its outcome when the event came
	Now        string // by the current rules; empty if they were not asked
	Reason     string
	Stages     []string // what the stages of time did
	Notes      []string
	Parts      []part
	First      *part // the first part that is not true
}

// Icon is that of the outcome.
func (l ruleLine) Icon() string {
	outcome := l.Now
	if outcome == "" {
		outcome = l.Then
	}
	switch rules.Outcome(outcome) {
	case rules.Matched:
		return "ok"
	case rules.Failed, rules.NoRecipients:
		return "warn"
	case rules.Disabled, rules.Stopped, rules.NotMatched, rules.Muted, rules.Dropped, rules.Done:
		return "off"
	}
	return "wait"
}

// IsOpen reports whether the page shows the parts of the condition at once.
func (l ruleLine) IsOpen() bool {
	return l.Now != "" && l.Now != string(rules.NotMatched) && l.Now != string(rules.Disabled)
}

// Differs reports whether the current rules decide otherwise than those of that time.
func (l ruleLine) Differs() bool { return l.Now != "" && l.Then != "" && l.Now != l.Then }

// part is a part of a condition with its value.
type part struct {
	Depth int
	Text  string
	State string // true, false, failed, skipped, or empty for another value
	Value string
	Hint  string
}

// explain returns what the rules say. Many rules are explained on demand only.
func (c *Console) explain(r *http.Request, id store.ID, p *eventPage) explained {
	list := c.o.Desk.Rules()
	asked := r.URL.Query().Get("rules") == "current"
	if p.Event.State == "waiting" {
		return explained{Why: "The event is not decided yet."}
	}
	if !asked && len(list) > maxExplained {
		x := storedRules(p.Decision)
		x.Ask, x.Why = true, "These are the decisions of that time."
		return x
	}
	now, err := c.o.Desk.Explain(r.Context(), id)
	if err != nil {
		x := storedRules(p.Decision)
		x.Why = "These are the decisions of that time."
		var state *desk.StateError
		if errors.As(err, &state) {
			x.Why = strings.ToUpper(state.Message[:1]) + state.Message[1:] + "."
		}
		return x
	}
	return currentRules(now, p.Decision, list)
}

// storedRules shows the decisions of the time when the event came.
func storedRules(d decision) (x explained) {
	for _, r := range d.Results {
		line := lineOf(r)
		line.Then, line.Now = string(r.Outcome), ""
		if r.Outcome == rules.NotMatched {
			x.Far = append(x.Far, line)
		} else {
			x.Matched = append(x.Matched, line)
		}
	}
	return x
}

// currentRules shows what the current rules decide, with the values of the parts of their conditions.
func currentRules(now rules.Explanation, then decision, list []desk.Rule) explained {
	x := explained{Current: true}
	known := map[string]desk.Rule{}
	for _, r := range list {
		known[r.Name] = r
	}
	line := func(r rules.ExplainedRule) ruleLine {
		l := lineOf(r.Result)
		l.File, l.Line, l.Then = known[r.Rule].File, known[r.Rule].Line, then.of(r.Rule)
		if r.Condition != nil {
			l.Parts = partsOf(nil, r.Condition, 0)
			if first := r.Condition.FirstFalse(); first != nil && r.Outcome == rules.NotMatched {
				l.First = &partsOf(nil, first, 0)[0]
				l.First.Value = valuesOf(first)
			}
		}
		return l
	}
	for _, r := range now.Rules {
		if r.Outcome != rules.NotMatched {
			x.Matched = append(x.Matched, line(r))
		}
	}
	for i, r := range now.Nearest() {
		if i < nearest {
			x.Near = append(x.Near, line(r))
		} else {
			x.Far = append(x.Far, line(r))
		}
	}
	return x
}

// of returns the outcome of a rule when the event came. Of a rule that is not named only the number is known.
func (d *decision) of(rule string) string {
	for _, r := range d.Results {
		if r.Rule == rule {
			return string(r.Outcome)
		}
	}
	if d.NotMatched > 0 {
		return string(rules.NotMatched)
	}
	return ""
}

func lineOf(r rules.Result) ruleLine {
	l := ruleLine{Name: r.Rule, Now: string(r.Outcome), Reason: r.Reason, Notes: slices.Clone(r.Notes)}
	for _, s := range r.Flow {
		l.Stages = append(l.Stages, s.String())
	}
	return l
}

// partsOf adds the parts of a condition, outer ones first. A part that is only joined of others has no value of its own
// worth a line but true or false.
func partsOf(parts []part, t *condition.Trace, depth int) []part {
	p := part{Depth: min(depth, 4), Text: t.Text, Hint: t.Hint, Value: string(t.Value)}
	switch {
	case t.State == condition.Skipped:
		p.State, p.Value = "skipped", "not evaluated"
	case t.State == condition.Broken:
		p.State, p.Value = "failed", t.Error
	case t.Raw == true:
		p.State = "true"
	case t.Raw == false:
		p.State = "false"
	}
	parts = append(parts, p)
	for _, inner := range t.Parts {
		parts = partsOf(parts, inner, depth+1)
	}
	return parts
}

// valuesOf names the fields that a part reads, with their values.
func valuesOf(t *condition.Trace) string {
	var all []string
	for _, inner := range t.Parts {
		if inner.State == condition.Evaluated && len(inner.Parts) == 0 {
			all = append(all, inner.Text+" = "+string(inner.Value))
		}
	}
	if t.State == condition.Broken {
		all = append(all, t.Error)
	}
	return strings.Join(all, ", ")
}
