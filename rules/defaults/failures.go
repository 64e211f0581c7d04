package defaults

import (
	"fmt"
	"strings"
	"sync"
	"time"

	"qaserelay/rules/template"
)

// Failures is the name of the template of the list of failing tests, which rules can use.
const Failures = "failures"

// FailuresTemplate is the text of that template: new failures and others as lists, and what is known beside them.
const FailuresTemplate = `{{- with .failures -}}{{ with .shown -}}
{{- with .note }}*{{ . }}*

{{ end -}}
{{- range .sections }}**{{ .title }}**

{{ range .tests }}- {{ .name }}{{ range .facts }} · {{ . }}{{ end }}
{{ end }}
{{ end -}}
{{- .below }}{{ end }}{{ end -}}`

var failuresTemplate = sync.OnceValue(func() *template.Template {
	t, findings := template.New(nil, template.Options{}).Compile("list of failing tests", FailuresTemplate,
		template.FormMarkdown)
	if findings != nil {
		panic(fmt.Sprintf("rules: the list of failing tests: %v", findings)) // it is part of the program
	}
	return t
})

// WriteFailures returns the list of failing tests as Markdown. failures is the variable of that name.
func WriteFailures(failures map[string]any, now time.Time) string {
	// It fails only if a text is too long.
	text, _ := failuresTemplate().Render(template.Context{Vars: map[string]any{"failures": failures}, Now: now})
	return strings.TrimSpace(text)
}
