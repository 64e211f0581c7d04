// Package lint checks a rules file against the catalog of events: names of events, the names and types of fields that
// conditions and templates read in each event that a rule can match, and rules that notify twice. It only warns, since
// Qase adds events and fields.
package lint

import (
	"fmt"
	"slices"
	"time"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/message"
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
	c := &checker{file: file, world: newWorld(file), matching: map[*rules.Rule][]*catalog.Schema{},
		examples: map[string]template.Context{}}
	for _, r := range file.Source.Rules {
		if r.Parsed == nil {
			c.matching[r.Rule] = catalog.Schemas().Events
			continue
		}
		findings, events := c.world.lintCondition(r.Parsed)
		c.matching[r.Rule] = events
		c.warn(r.When, findings...)
	}
	c.checkOverlaps()
	c.checkReach()
	for _, t := range file.Source.Texts {
		c.checkText(t)
	}
	return c.problems
}

// world is what conditions can be compared with beside events: the sources, and the people directory.
type world struct {
	sources              []rules.Source
	names, emails, teams []string
}

func newWorld(file *rulefile.File) *world {
	w := &world{sources: file.Sources}
	for _, p := range file.Source.People {
		w.names, w.emails = append(w.names, p.Name), append(w.emails, p.Email)
		if p.Team != "" && !slices.Contains(w.teams, p.Team) {
			w.teams = append(w.teams, p.Team)
		}
	}
	return w
}

// checker collects the warnings about one file.
type checker struct {
	file     *rulefile.File
	world    *world
	matching map[*rules.Rule][]*catalog.Schema // the events that a rule can match
	examples map[string]template.Context       // the variables of the catalog's examples, by event name
	problems diag.Problems
}

func (c *checker) warn(at yamldoc.Place, findings ...diag.Finding) {
	for _, f := range findings {
		c.problems = append(c.problems, at.Problem(diag.Warning, f))
	}
}

func (c *checker) checkText(t rulefile.TextSource) {
	events := c.matching[t.Rule]
	if t.Rule == nil {
		events = catalog.Schemas().Events
	}
	findings := lintLiteral(t)
	if t.Static {
		c.warn(t.At, findings...)
		return
	}
	findings = append(findings, lintTemplate(c.file.Source.Templates, t.Text, events)...)
	findings = append(findings, c.lintCalls(t)...)
	if len(findings) == 0 && t.Compiled != nil {
		findings = c.renderExamples(t, events)
	}
	c.warn(t.At, findings...)
}

// renderExamples renders a template for the example of each event, and returns the first failure.
func (c *checker) renderExamples(t rulefile.TextSource, events []*catalog.Schema) []diag.Finding {
	plain := c.withPrintf(t)
	for _, e := range events {
		text, err := t.Compiled.Render(c.example(e.Name))
		if found := c.printfFinding(t.Text, plain, e.Name); err == nil && found != nil {
			return found
		}
		switch {
		case err != nil:
			return []diag.Finding{{
				Message: fmt.Sprintf("this fails for the example of %s: %v", e.Name, err),
				Hint:    "the default would be sent instead",
			}}
		case t.Form == template.FormJSON && template.BrokenJSON(text):
			return []diag.Finding{{
				Message: fmt.Sprintf("for the example of %s the result is not valid JSON: %s", e.Name,
					value.Shorten(value.OneLine(text), 120)),
				Hint: `values outside of quotes bring their own: {"title": {{ .entity.title }}}`,
			}}
		}
	}
	return nil
}

// example returns the variables of the catalog's example of an event.
func (c *checker) example(name string) template.Context {
	if vars, made := c.examples[name]; made {
		return vars
	}
	e, _ := catalog.Lookup(name)
	now := time.Unix(1650600000, 0).UTC()
	vars := template.Context{Now: now}
	if ev, err := event.Parse("qase", e.Example, now); err == nil {
		vars = c.file.Rules.Context(ev, rules.State{Now: now})
		(&message.Message{Rule: "example", Level: message.Info}).SetVariables(vars.Vars)
	}
	c.examples[name] = vars
	return vars
}

// checkPath returns a message if a path cannot be read in the given events, or "".
func checkPath(s condition.Field, events []*catalog.Schema) (message, hint string) {
	switch s.Root {
	case "payload":
		return checkPayload(s.Path, events)
	case "entity":
		message, fields := catalog.CheckEntity(s.Path, events)
		return message, catalog.DidYouMean(s.Path[len(s.Path)-1], fields)
	case "actor":
		return checkFixed(s.Path, catalog.Schemas().Actor)
	case "previous":
		if len(events) > 0 && !slices.ContainsFunc(events, (*catalog.Schema).IsRun) {
			return s.String() + " is only there in events of runs", "previous is the finished run before this one"
		}
		return checkFixed(s.Path, catalog.Schemas().Previous)
	}
	return "", ""
}
