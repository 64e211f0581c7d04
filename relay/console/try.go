package console

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"qaserelay/notifiers/preview"
	"qaserelay/relay/admin/access"
	"qaserelay/relay/admin/desk"
	"qaserelay/relay/console/frame"
	"qaserelay/relay/store"
	"qaserelay/relay/trial"
	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
)

// tryPage is the form in which an event is tried, with the result of the last try.
type tryPage struct {
	Event  string // the id of a stored event, or the name of an example
	Body   string // of the event, as JSON; empty is as it is stored, or the example
	Given  string // events that come before, one a line
	Alone  bool   // no events come before
	At     string
	Source string
	Rule   string // the name of the rule that the draft replaces
	Whole  bool   // the draft is the whole file
	File   string // its name
	Draft  string

	Examples, Rules, Files, Sources []string
	Wrong                           string // a request that cannot be tried
	Result                          *tryResult
	Test                            string // a test of the event, in YAML
	Since                           string // how far a backtest goes back
	Spans                           []string
	Backtest                        backtestPage
}

// tryResult is the result of a try, as the page shows it.
type tryResult struct {
	trial.Result
	Problems []tryProblem
	Matched  []ruleLine
	Near     []ruleLine
	Far      int
	Pictures []tryMessage
}

// tryProblem is a problem of a draft, with the place of its fault in the line.
type tryProblem struct {
	Line                           int
	Place, Severity, Message, Hint string
	Before, At                     string // the line, up to the fault and from it on
}

// tryMessage is a message with its picture.
type tryMessage struct {
	trial.Message
	Layout *preview.Layout
}

// tryForm shows the form, filled with the event and the rule that a person came from. With an event it also shows what the
// current rules do with it.
func (c *Console) tryForm(r *http.Request) (*frame.View, error) {
	q := r.URL.Query()
	p := &tryPage{Event: q.Get("event"), Rule: q.Get("rule"), Whole: q.Get("file") != "", File: q.Get("file"),
		Source: q.Get("source"), At: q.Get("at"), Given: q.Get("given"), Alone: q.Get("alone") != ""}
	if err := c.fillDraft(p); err != nil {
		return nil, err
	}
	if p.Event == "" {
		p.Event = "run.completed"
		return c.tryView(p), nil
	}
	err := c.tryIt(r, p, trial.Draft{})
	return c.tryView(p), err
}

// fillDraft fills the draft with what is written now.
func (c *Console) fillDraft(p *tryPage) error {
	switch {
	case p.Whole:
		text, found := c.o.Desk.RulesFile(p.File)
		if !found {
			return &frame.Problem{Status: http.StatusNotFound, Title: "No such file", Text: "The current rules have no file of this name."}
		}
		p.Draft = text
	case p.Rule != "":
		rule, err := c.o.Desk.Rule(p.Rule)
		if errors.Is(err, desk.ErrNoRule) {
			return noRule(p.Rule)
		}
		p.Draft = strings.Join(rule.Source, "\n")
	}
	return nil
}

// try tries what the form holds, or makes a test of its event.
func (c *Console) try(r *http.Request) (string, *frame.View, error) {
	p := readTry(r)
	switch r.PostFormValue("do") {
	case "load":
		if p.Body == "" {
			return "try" + p.query(), nil, nil
		}
		err := c.fillDraft(p)
		return "", c.tryView(p), err
	case "test":
		err := c.testOf(r, p)
		return "", c.tryView(p), err
	}
	d := p.draft()
	if a := access.From(r.Context()); !d.IsEmpty() && !a.MayOperate() {
		return "", nil, &frame.Problem{Status: http.StatusForbidden, Title: "Not allowed",
			Text: a.Name + " may try the current rules only: a draft needs the role operate."}
	}
	err := c.tryIt(r, p, d)
	return "", c.tryView(p), err
}

// readTry reads the form.
func readTry(r *http.Request) *tryPage {
	text := func(name string) string { return strings.ReplaceAll(r.PostFormValue(name), "\r\n", "\n") }
	return &tryPage{Event: strings.TrimSpace(text("event")), Body: text("body"), Given: text("given"), Alone: text("alone") != "",
		At: strings.TrimSpace(text("at")), Source: text("source"), Rule: text("rule"), Whole: text("kind") == "file", File: text("file"),
		Draft: text("draft"), Since: text("since")}
}

// query returns the query of the form, which has all but the payload of an event and the draft.
func (p *tryPage) query() string {
	v, file, rule := url.Values{}, "", p.Rule
	if p.Whole {
		file, rule = p.File, ""
	}
	alone := ""
	if p.Alone {
		alone = "on"
	}
	for name, text := range map[string]string{"event": p.Event, "rule": rule, "file": file, "source": p.Source, "at": p.At,
		"given": p.Given, "alone": alone} {
		if text != "" {
			v.Set(name, text)
		}
	}
	if len(v) == 0 {
		return ""
	}
	return "?" + v.Encode()
}

// draft returns the draft of the form.
func (p *tryPage) draft() (d trial.Draft) {
	switch {
	case strings.TrimSpace(p.Draft) == "":
	case p.Whole:
		d.File, d.FileName = p.Draft, p.File
	default:
		d.Rule = p.Draft
	}
	return d
}

// testOf makes a test of the event of the form.
func (c *Console) testOf(r *http.Request, p *tryPage) error {
	asked, err := p.request(trial.Draft{})
	if err == nil {
		p.Test, err = c.o.Trial.TestOf(r.Context(), asked)
	}
	var input *trial.InputError
	if errors.As(err, &input) {
		p.Wrong, err = err.Error(), nil
	}
	return err
}

// tryIt tries the event of a form with a draft.
func (c *Console) tryIt(r *http.Request, p *tryPage, d trial.Draft) error {
	asked, err := p.request(d)
	var result trial.Result
	if err == nil {
		result, err = c.o.Trial.Try(r.Context(), asked)
	}
	var input *trial.InputError
	var busy *trial.BusyError
	switch {
	case err == nil:
		p.Result = resultOf(result)
	case errors.As(err, &input), errors.As(err, &busy), errors.Is(err, trial.ErrTime), errors.Is(err, trial.ErrMemory),
		errors.Is(err, trial.ErrSize):
		p.Wrong, err = err.Error(), nil
	}
	return err
}

// request returns what a form asks for.
func (p *tryPage) request(d trial.Draft) (r trial.Request, err error) {
	r = trial.Request{From: p.Source, Draft: d}
	switch body := strings.TrimSpace(p.Body); {
	case body != "":
		if !json.Valid([]byte(body)) {
			return r, &trial.InputError{Message: "event: its text is not valid JSON"}
		}
		r.Event.Body = json.RawMessage(body)
	default:
		r.Event = eventNamed(p.Event)
	}
	if p.At != "" {
		at, err := time.Parse(time.RFC3339, p.At)
		if err != nil {
			return r, &trial.InputError{Message: "at: write a time like 2026-01-05T09:00:00Z"}
		}
		r.At = &at
	}
	given := []trial.Event{}
	for line := range strings.Lines(p.Given) {
		if line = strings.TrimSpace(line); line != "" {
			given = append(given, eventNamed(line))
		}
	}
	if p.Alone || len(given) > 0 {
		r.Given = &given
	}
	return r, nil
}

// eventNamed returns the event that a text means: a stored one by its id, or an example.
func eventNamed(text string) trial.Event {
	if _, err := store.ParseID(text); err == nil {
		return trial.Event{ID: text}
	}
	return trial.Event{Name: text}
}

func (c *Console) tryView(p *tryPage) *frame.View {
	for _, e := range catalog.All() {
		p.Examples = append(p.Examples, e.Name)
	}
	for _, r := range c.o.Desk.Rules() {
		if !r.Implicit {
			p.Rules = append(p.Rules, r.Name)
		}
	}
	p.Files, p.Sources = c.o.Desk.RulesFiles(), c.o.Desk.Sources()
	if p.Spans = []string{"1h", "24h", "7d", "30d"}; p.Since == "" {
		p.Since = "7d"
	}
	return &frame.View{Template: "try", Title: "Try", Data: p}
}

// traced is the explanation of one rule, as JSON has it.
type traced struct {
	rules.Result
	Condition *tracedPart
}

// tracedPart is a part of a condition, as JSON has it.
type tracedPart struct {
	Text, Error, Hint string
	State             condition.TraceState
	Value             json.RawMessage
	Parts             []*tracedPart
}

// resultOf prepares a result for the page.
func resultOf(r trial.Result) *tryResult {
	out := &tryResult{Result: r}
	if r.Check != nil {
		out.Problems = problemsOf(r.Check.Problems)
	}
	for _, m := range r.Messages {
		shown := tryMessage{Message: m}
		if m.Picture != nil {
			shown.Layout = m.Picture.Layout()
		}
		out.Pictures = append(out.Pictures, shown)
	}
	out.addRules(r)
	return out
}

// problemsOf prepares the problems of a draft for a page.
func problemsOf(problems diag.Problems) (all []tryProblem) {
	for _, p := range problems {
		line := []rune(p.Source)
		at := min(max(p.Col-1, 0), len(line))
		all = append(all, tryProblem{Line: p.Line, Place: p.Place(), Severity: string(p.Severity), Message: p.Message, Hint: p.Hint,
			Before: string(line[:at]), At: string(line[at:])})
	}
	return all
}

// addRules adds the rules with the values of their parts: those that matched, and the nearest others.
func (out *tryResult) addRules(r trial.Result) {
	var x struct{ Rules []traced }
	_ = json.NewDecoder(bytes.NewReader(r.Explanation)).Decode(&x) // one that cannot be read has no rules
	byName := map[string]ruleLine{}
	for _, rule := range x.Rules {
		line := lineOf(rule.Result)
		if rule.Condition != nil {
			line.Parts = tracedParts(nil, rule.Condition, 0)
		}
		if byName[rule.Rule] = line; rule.Outcome != rules.NotMatched {
			out.Matched = append(out.Matched, line)
		}
	}
	for i, near := range r.Nearest {
		if i >= nearest {
			out.Far = len(r.Nearest) - i
			break
		}
		line := byName[near.Rule]
		if at := slices.IndexFunc(line.Parts, func(p part) bool { return p.Text == near.Part }); at >= 0 {
			first := line.Parts[at]
			first.Value = valuesBelow(line.Parts[at+1:], first.Depth)
			line.First = &first
		}
		out.Near = append(out.Near, line)
	}
}

// valuesBelow names the fields that a part reads, with their values: those among the parts behind it that are deeper.
func valuesBelow(parts []part, depth int) string {
	var all []string
	for _, p := range parts {
		if p.Depth <= depth {
			break
		}
		if p.State == "" {
			all = append(all, p.Text+" = "+p.Value)
		}
	}
	return strings.Join(all, ", ")
}

// tracedParts is partsOf for parts that come as JSON.
func tracedParts(parts []part, t *tracedPart, depth int) []part {
	p := part{Depth: min(depth, 4), Text: t.Text, Hint: t.Hint, Value: string(t.Value)}
	switch {
	case t.State == condition.Skipped:
		p.State, p.Value = "skipped", "not evaluated"
	case t.State == condition.Broken:
		p.State, p.Value = "failed", t.Error
	case p.Value == "true" || p.Value == "false":
		p.State = p.Value
	}
	parts = append(parts, p)
	for _, inner := range t.Parts {
		parts = tracedParts(parts, inner, depth+1)
	}
	return parts
}
