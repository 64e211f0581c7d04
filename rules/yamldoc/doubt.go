package yamldoc

import (
	"regexp"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/placeholder"
)

var (
	templateIn = regexp.MustCompile(`\{\{.*\}\}`)
	envCall    = regexp.MustCompile(`\{\{-?\s*(?:env|getenv)\s+["'` + "`" + `](\w+)["'` + "`" + `]|\{\{-?\s*\.?[Ee]nv\.(\w+)`)
	scheme     = regexp.MustCompile(`(?i)^(bearer|token|basic|apikey)[ :=]+\S`)
	header     = regexp.MustCompile(`(?i)^(authorization|x-api-key|token)\s*:`)
)

// doubtSecret warns of a secret that can hardly be one. It does not show it.
func (d *Document) doubtSecret(n *yaml.Node, what, text string) {
	const alone = "write the value alone"
	isToken := slices.Contains([]string{"token", "bearer", "api_token", "routing_key"}, d.secret)
	isURL := strings.HasSuffix(d.secret, "url")
	switch m := envCall.FindStringSubmatch(text); {
	case m != nil:
		d.Report(n, diag.Warning, what+": a template has no effect here", `write "${`+m[1]+m[2]+`}" for an environment variable`)
	case templateIn.MatchString(text):
		d.Report(n, diag.Warning, what+": a template has no effect here",
			`write "${NAME}" for an environment variable; templates are for titles, bodies and message options`)
	case isURL:
	case isToken && header.MatchString(text):
		d.Report(n, diag.Warning, what+": the name of a header is not a part of it", alone)
	case isToken && scheme.MatchString(text):
		d.Report(n, diag.Warning, what+": "+strings.Trim(firstWord(text), ":=")+" is not a part of it, and the relay adds it", alone)
	case isToken && strings.Trim(text, `"'`) != text:
		d.Report(n, diag.Warning, what+": it has quotes within its quotes", alone)
	case placeholder.Is(text):
		d.Report(n, diag.Warning, what+": it is a placeholder, which waits to be replaced",
			`write the real one, or "${NAME}" for an environment variable`)
	}
}
