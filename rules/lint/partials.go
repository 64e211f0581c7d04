package lint

import (
	"regexp"
	"slices"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
)

// checkPartials warns of the calls in the partials of templates:, and of the fields of those that no text uses. The
// fields of the others are reported where they are used.
func (c *checker) checkPartials() {
	used := c.usedPartials()
	for _, t := range c.file.Source.Partials {
		findings := append(lintLiteral(t), c.lintCalls(t, catalog.Schemas().Events)...)
		if !used[t.Key] {
			findings = append(findings, c.lintUnused(t)...)
		}
		slices.SortStableFunc(findings, func(a, b diag.Finding) int { return a.At.Line - b.At.Line })
		c.warn(t.At, findings...)
	}
}

// lintUnused returns the findings about the fields of the event that a partial reads. Its dot may be any value, so other
// names are not known.
func (c *checker) lintUnused(t rulefile.TextSource) (all []diag.Finding) {
	for _, use := range c.file.Source.Templates.Fields(t.Text, condition.Roots) {
		if !slices.Contains(condition.Roots, use.Path[0]) || len(use.Path) == 1 {
			continue
		}
		if message, hint := checkField(use, catalog.Schemas().Events); message != "" {
			all = append(all, diag.Finding{At: use.At, Message: message, Hint: hint})
		}
	}
	return all
}

// templateCall matches the call of a partial.
var templateCall = regexp.MustCompile("\\{\\{-?\\s*template\\s+[\"`]([^\"`]+)[\"`]")

// usedPartials returns the names of the partials that texts call, also by way of others.
func (c *checker) usedPartials() map[string]bool {
	texts := map[string]string{}
	for _, t := range c.file.Source.Partials {
		texts[t.Key] = t.Text
	}
	used := map[string]bool{}
	var follow func(text string)
	follow = func(text string) {
		for _, m := range templateCall.FindAllStringSubmatch(text, -1) {
			if !used[m[1]] {
				used[m[1]] = true
				follow(texts[m[1]])
			}
		}
	}
	for _, t := range c.file.Source.Texts {
		follow(t.Text)
	}
	return used
}
