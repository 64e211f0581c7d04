package rulefile

import (
	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
)

// Advise reports findings as warnings at their places.
func (f *OpenFile) Advise(n *yaml.Node, findings []diag.Finding) {
	for _, one := range findings {
		if one.At.Line == 0 {
			f.Report(n, diag.Warning, one.Message, one.Hint)
			continue
		}
		f.ReportInside(n, diag.Warning, one)
	}
}

// lintLater keeps a template for lint.
func (b *Builder) lintLater(item LintItem) {
	if item.C != nil {
		if _, static := item.C.Static(); static {
			return
		}
	}
	item.Rule = b.current
	b.LintItems = append(b.LintItems, item)
}
