package desk

import (
	"context"
	"slices"
	"time"

	"qaserelay/relay/admin/desk/rulebook"
	"qaserelay/relay/store"
	"qaserelay/rules"
	"qaserelay/rules/diag"
)

// RulesInUse lists the current rules in their order, each with how often it matched.
func (d *Desk) RulesInUse(ctx context.Context) ([]Rule, error) {
	uses, err := d.uses(ctx, "")
	if err != nil {
		return nil, failed("counting the matches of rules", err)
	}
	all := slices.Clone(d.book.Rules())
	for i := range all {
		all[i].Use = uses[store.RuleInText(all[i].Name)]
	}
	return all, nil
}

// RuleInUse returns one of the current rules with its lines of the file, and how often it matched. For an unknown name it
// returns ErrNoRule.
func (d *Desk) RuleInUse(ctx context.Context, name string) (Rule, error) {
	r, err := d.Rule(name)
	if err != nil {
		return r, err
	}
	uses, err := d.uses(ctx, store.RuleInText(name))
	r.Use = uses[store.RuleInText(name)]
	return r, failed("counting the matches of a rule", err)
}

// RulesFile returns the text of a rules file as it was loaded, with its secrets masked. An empty name is the first one.
func (d *Desk) RulesFile(name string) (text string, found bool) { return d.book.Files().Text(name) }

// RulesFiles returns the names of the rules files.
func (d *Desk) RulesFiles() []string { return d.book.Files().Names() }

// Sources returns the names of the configured sources.
func (d *Desk) Sources() (names []string) {
	for _, s := range d.o.Config().Sources {
		names = append(names, s.Name)
	}
	return names
}

// Problem is an error of the rules files that did not load.
type Problem struct {
	diag.Problem
	Line []string // the line of the file up to the fault, and from it on, with secrets masked; nil if it cannot be shown
}

// maxProblems is how many errors of a load are listed.
const maxProblems = 50

// LoadProblems lists the first errors of the last load, if it failed, and says how many more there are.
func (d *Desk) LoadProblems() (all []Problem, left int) {
	if d.o.Problems == nil {
		return nil, 0
	}
	var lines rulebook.Masker
	for i, p := range d.o.Problems() {
		if i >= maxProblems {
			left++
			continue
		}
		all = append(all, Problem{p, lines.Line(p)})
	}
	return all, left
}

const day = 24 * time.Hour

// uses counts what rules did in the last week, by name: one rule, or all.
func (d *Desk) uses(ctx context.Context, name string) (map[string]*rulebook.Use, error) {
	now := d.o.Store.Now()
	all, err := d.o.Store.Tallies(ctx, store.TallyFilter{Kind: store.TallyRule, A: name, From: now.Add(-7 * day)})
	if err != nil {
		return nil, err
	}
	uses := map[string]*rulebook.Use{}
	of := func(rule string) *rulebook.Use {
		if uses[rule] == nil {
			uses[rule] = &rulebook.Use{}
		}
		return uses[rule]
	}
	for _, t := range all {
		use, n := of(t.A), int(t.N)
		switch outcome := rules.Outcome(t.B); {
		case outcome == rules.Failed:
			use.Errors += n
		case outcome.IsMatch():
			if use.Week += n; t.At.After(now.Add(-day - time.Hour)) {
				use.Day += n
			}
			if i := rulebook.UseSteps - 1 - int(now.Sub(t.At)/(6*time.Hour)); i >= 0 && i < rulebook.UseSteps {
				use.Steps[i] += n
			}
			if outcome != rules.Matched {
				use.Held += n
			}
		}
	}
	seen, err := d.o.Store.Seen(ctx, store.SeenRule)
	for _, s := range seen {
		if name == "" || s.Name == name {
			at := s.ID.Time()
			of(s.Name).LastEvent, of(s.Name).LastAt = s.ID.String(), &at
		}
	}
	return uses, err
}
