package lint

import (
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// badVerb is a mistake that printf writes into its result: %!d(string=…), %!d(MISSING), %!(EXTRA …), %!(NOVERB).
var badVerb = regexp.MustCompile(`%!(?:(\S)\((\w+|<nil>)|\((EXTRA|NOVERB))`)

// printfFinding explains the first mistake of printf in a text for an event, at the call that makes it.
func (c *checker) printfFinding(source string, plain *template.Template, one trial) []diag.Finding {
	if plain == nil {
		return nil
	}
	rendered, err := plain.Render(one.Context())
	if err != nil {
		return nil
	}
	m := badVerb.FindStringSubmatch(rendered)
	if m == nil {
		return nil
	}
	for _, call := range c.file.Source.Templates.Outline(source, condition.Roots).Calls {
		if call.Name != "printf" || len(call.Args) == 0 || !call.Args[0].IsText {
			continue
		}
		if verb := writtenVerb(call.Args[0].Text, m[1]); verb != "" || m[1] == "" {
			message, hint := explainVerb(verb, m[1], m[2]+m[3])
			return []diag.Finding{{At: call.At, Message: message, Hint: hint}}
		}
	}
	return nil
}

// anyVerb matches a verb with its flags, width and argument.
var anyVerb = regexp.MustCompile(`%[-+# 0]*[\d.*]*(?:\[\d+\])?\S`)

// writtenVerb returns a verb with its flags as a format has it, or "".
func writtenVerb(format, letter string) string {
	for _, verb := range anyVerb.FindAllString(strings.ReplaceAll(format, "%%", ""), -1) {
		if strings.HasSuffix(verb, letter) {
			return verb
		}
	}
	return ""
}

// explainVerb explains a verb that does not fit its value of a type of Go.
func explainVerb(verb, letter, goType string) (message, hint string) {
	kinds := map[string]string{"string": "text", "int": "a number", "int64": "a number", "float64": "a fraction",
		"bool": "true or false", "map": "an object", "": "a list", "<nil>": "nothing", "time": "a time"}
	got := kinds[goType]
	if got == "" {
		got = "another value"
	}
	switch {
	case goType == "MISSING" && strings.Contains(verb, " "):
		return "printf takes % and what follows for a verb", "write %% for a percent sign"
	case goType == "MISSING":
		return "printf has more verbs than values", "add the missing value behind the format"
	case goType == "EXTRA":
		return "printf has more values than verbs", "add a verb for each, such as %v"
	case goType == "NOVERB":
		return "printf takes % for the beginning of a verb", "write %% for a percent sign"
	case !slices.Contains(strings.Split("vTtbcdoOqxXUeEfFgGsp", ""), letter):
		return verb + " is not a verb of printf", "write %d for a number, %s for text, %v for any value"
	case strings.Contains("eEfFgG", letter) && got == "a number":
		return verb + " takes a fraction, but gets a whole number", "write %d"
	case strings.Contains("sq", letter) && got == "a number":
		return verb + " takes text, but gets a number", "write %d"
	case strings.Contains("sq", letter):
		return verb + " takes text, but gets " + got, "write %v"
	}
	return verb + " takes a number, but gets " + got, "write %s, or %v for any value"
}

// withPrintf returns the template as plain text, without escaping, if it calls printf, or nil.
func (c *checker) withPrintf(t rulefile.TextSource) *template.Template {
	if !strings.Contains(t.Text, "printf") {
		return nil
	}
	plain, _ := c.file.Source.Templates.Compile("plain", t.Text, template.FormPlain)
	return plain
}
