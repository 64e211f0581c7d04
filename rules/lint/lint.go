// Package lint checks a rules file against the catalog of events: names of events, the names and types of fields that
// conditions and templates read in each event that a rule can match, and rules that notify twice. It only warns, since
// Qase adds events and fields.
package lint

import (
	"fmt"
	"regexp"
	"slices"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/lint/judge"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Parse parses rules files and checks them. The file is nil if any of the problems is an error.
func Parse(files []yamldoc.File, o rulefile.Options) (*rulefile.File, diag.Problems) {
	file, problems := rulefile.Parse(files, o)
	problems = append(problems, Check(file)...).WithoutRepeated()
	problems.Sort()
	if problems.Err() != nil {
		return nil, problems
	}
	return file, problems
}

// Check returns warnings about everything in the file that could be compiled.
func Check(file *rulefile.File) diag.Problems {
	c := &checker{file: file, world: worldOf(file), matching: map[*rules.Rule][]*catalog.Schema{},
		tried:    map[family]map[string][]trial{},
		reported: map[string]bool{}, remarks: map[string][]rules.Remark{},
		impossible: map[*rules.Rule]bool{}, left: maxTrials}
	for _, r := range file.Source.Rules {
		c.ruleNames = append(c.ruleNames, r.Name)
	}
	for _, r := range file.Source.Rules {
		if r.Parsed == nil {
			c.matching[r.Rule] = catalog.Schemas().ForRules
			continue
		}
		findings, events := c.world.Check(r.Parsed, r.Summary != nil)
		c.matching[r.Rule] = events
		findings = append(findings, checkParts(r.Parsed, events)...)
		if findings = append(findings, checkGrouping(r.Parsed)...); len(findings) == 0 {
			findings = c.checkAbsent(&r)
		}
		c.warn(r.When, findings...)
	}
	c.checkTiming()
	c.checkFailing()
	c.checkOverlaps()
	c.checkReach()
	for _, t := range file.Source.Texts {
		c.checkText(t)
	}
	c.checkPartials()
	c.checkRecipients()
	c.checkRemarks()
	return c.problems
}

// worldOf returns what conditions can be compared with beside events.
func worldOf(file *rulefile.File) *judge.World {
	w := &judge.World{Sources: file.Sources, People: file.Source.People}
	for _, p := range file.Source.People {
		w.Names, w.Emails = append(w.Names, p.Name), append(w.Emails, p.Email)
		if p.Team != "" && !slices.Contains(w.Teams, p.Team) {
			w.Teams = append(w.Teams, p.Team)
		}
	}
	return w
}

// checker collects the warnings about one file.
type checker struct {
	file       *rulefile.File
	ruleNames  []string
	world      *judge.World
	matching   map[*rules.Rule][]*catalog.Schema // the events that a rule can match
	tried      map[family]map[string][]trial     // by event name
	remarks    map[string][]rules.Remark         // by notifier and options
	reported   map[string]bool                   // the places of options that have a remark
	impossible map[*rules.Rule]bool              // the rules that no event of the catalog can match, as far as known
	left       int                               // trials beside the examples
	problems   diag.Problems
}

func (c *checker) warn(at yamldoc.Place, findings ...diag.Finding) {
	for _, f := range findings {
		c.problems = append(c.problems, at.Problem(diag.Warning, f))
	}
}

// canMatch reports whether an event of the catalog can match a rule. A rule that none can match has a problem of its own.
func (c *checker) canMatch(r *rulefile.RuleSource) bool {
	impossible, known := c.impossible[r.Rule]
	if !known {
		impossible = !c.world.CanMatch(r.Parsed, c.matching[r.Rule])
		c.impossible[r.Rule] = impossible
	}
	return !impossible
}

func (c *checker) checkText(t rulefile.TextSource) {
	events := c.matching[t.Rule]
	if t.Rule == nil {
		events = catalog.Schemas().Events
	}
	findings := slices.Concat(lintLiteral(t), c.lintShortcode(t), c.lintAlertKey(t))
	if t.Static {
		c.warn(t.At, findings...)
		return
	}
	findings = append(findings, c.lintTemplate(t, events)...)
	findings = append(findings, c.lintTimingNames(t)...)
	findings = append(findings, c.lintCalls(t, events)...)
	if len(findings) == 0 && t.Compiled != nil {
		if findings = c.renderTrials(t, events); len(findings) == 0 && t.People != nil && t.People.Way != "" {
			findings = c.lintPeople(t, events)
		}
	}
	if findings = append(findings, c.lintJoiningKey(t)...); len(findings) == 0 {
		findings = c.lintSharedKey(t, events)
	}
	c.warn(t.At, findings...)
}

// renderTrials renders a template for the examples of the events and for events built to break it, and returns the
// first fault.
func (c *checker) renderTrials(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	reads, plain := c.readsOf(t.Text), c.withPrintf(t)
	for _, e := range events {
		facts := condition.KnownFacts(e.Name)
		for i, one := range c.trials(e.Name) {
			if i > 0 && (!one.concerns(reads) || c.left <= 0 || !c.countsFor(t.Rule, one, facts)) {
				continue
			}
			c.left--
			if found := c.printfFinding(t.Text, plain, one); found != nil {
				return found
			}
			if f := renderTrial(t, one, reads); f != nil {
				return []diag.Finding{*f}
			}
		}
	}
	return nil
}

// renderTrial returns the fault of a template for one event, or nil.
func renderTrial(t rulefile.TextSource, one trial, reads []string) *diag.Finding {
	text, err := t.Compiled.Render(contextOf(t, one))
	switch {
	case err != nil:
		return &diag.Finding{
			Message: fmt.Sprintf("this fails for %s: %v", one.name, err),
			Hint:    failureHint(err),
		}
	case t.Form == template.FormJSON && template.BrokenJSON(text):
		return &diag.Finding{
			Message: fmt.Sprintf("for %s the result is not valid JSON: %s", one.name,
				value.Shorten(value.OneLine(text), 120)),
			Hint: `values outside of quotes bring their own: {"title": {{ .entity.title }}}`,
		}
	}
	return findGarbage(t, text, one, reads)
}

// listField matches the failure of a field that is read from a list.
var listField = regexp.MustCompile(`\{\{ *(\S+)\.(\w+) *\}\}: a list has no field`)

// failureHint says how to fix a template that fails, if that is known.
func failureHint(err error) string {
	if m := listField.FindStringSubmatch(err.Error()); m != nil {
		return fmt.Sprintf("for each item write {{ range %s }}{{ .%s }} {{ end }}", m[1], m[2])
	}
	return "the default would be sent instead"
}
