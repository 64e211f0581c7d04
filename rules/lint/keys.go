package lint

import (
	"fmt"
	"slices"
	"strings"

	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
)

// lintAlertKey warns of a key of an alert that is the same for things that have nothing to do with each other. Unlike
// the keys of threads it has no scope: the service sees it as it is written.
func (c *checker) lintAlertKey(t rulefile.TextSource) []diag.Finding {
	if t.Key != "dedup_key" || t.Text == "" {
		return nil
	}
	const write = `write what the alert is about, such as "{{ .project_code }}-run-{{ .payload.id }}", or leave out dedup_key`
	reads := c.readsOf(t.Text)
	switch {
	case t.Static && !c.isAboutOne(t):
		return []diag.Finding{{Message: fmt.Sprintf("dedup_key: the key %q is the same for every event, so all of them are one alert",
			t.Text), Hint: write}}
	case t.Static || len(reads) == 0 || c.hasOneProject(t) || slices.ContainsFunc(reads, namesProject):
		return nil
	}
	return []diag.Finding{{Message: "dedup_key: it has no project, so things of the same number or name in two projects are one alert",
		Hint: `write "{{ .project_code }}-` + t.Text + `"`}}
}

// namesProject reports whether a path leads to a value that differs between projects.
func namesProject(path string) bool {
	return path == "project_code" || path == "url" || strings.HasSuffix(path, ".url")
}

// isAboutOne reports whether the rule of a text is for events about one thing, such as the runs of a plan.
func (c *checker) isAboutOne(t rulefile.TextSource) bool {
	if t.Rule == nil || t.Rule.Condition == nil {
		return false
	}
	return slices.ContainsFunc(c.conditionReads(t.Rule, condition.Facts{}), func(f condition.Field) bool {
		return slices.ContainsFunc([]string{"plan", "title", "environment", "id", "milestone"}, func(name string) bool {
			return f.Path[0] == name
		})
	})
}

// hasOneProject reports whether the events of a text are those of one project.
func (c *checker) hasOneProject(t rulefile.TextSource) bool {
	projects := map[string]bool{}
	for _, s := range c.world.Sources {
		if len(s.Projects) == 0 {
			projects[""], projects["any"] = true, true
		}
		for _, p := range s.Projects {
			projects[p] = true
		}
	}
	if len(projects) == 1 || t.Rule == nil || t.Rule.Condition == nil {
		return len(projects) == 1
	}
	return slices.ContainsFunc(t.Rule.Condition.VariableTests(), func(test condition.VariableTest) bool {
		return test.Variable == "project_code" && test.Operator == "=="
	})
}
