package rulefile

import (
	"qaserelay/rules"
	"qaserelay/rules/template"
	"qaserelay/rules/yamldoc"
)

// LintItem is a template to be held against the catalogue, once all is read.
type LintItem struct {
	File *OpenFile
	Text yamldoc.Text
	As   template.Form
	C    *template.Template // nil for a faulty one, whose fields can be judged all the same
	Rule *rules.Rule        // nil for templates of notifiers
}
