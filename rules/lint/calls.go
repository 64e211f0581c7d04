package lint

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"qaserelay/rules/condition"
	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/template"
)

// lintCalls returns the findings about the functions that a text calls: layouts, links, divisions and the like.
func (c *checker) lintCalls(t rulefile.TextSource) []diag.Finding {
	calls, withoutDot := c.file.Source.Templates.Calls(t.Text, condition.Roots)
	var all []diag.Finding
	for _, p := range withoutDot {
		all = append(all, diag.Finding{At: p.At,
			Message: fmt.Sprintf("the template %q reads fields, and gets none", p.Name),
			Hint:    fmt.Sprintf("write {{ template %q . }}", p.Name)})
	}
	for _, call := range calls {
		if check := callChecks[call.Name]; check != nil {
			if f := check(call); f.Message != "" {
				all = append(all, f)
			}
		}
	}
	return all
}

// callChecks are the checks of functions by name.
var callChecks = map[string]func(template.Call) diag.Finding{
	"date": checkDate, "Format": checkFormat, "duration": checkDuration, "link": checkLink, "div": checkDiv, "runDuration": checkRunDuration,
}

func checkDate(call template.Call) diag.Finding {
	if len(call.Args) != 2 {
		return diag.Finding{}
	}
	layout := call.Args[0]
	switch {
	case !layout.IsText && call.Args[1].IsText && !call.Args[1].Piped:
		return diag.Finding{At: call.Args[1].At, Message: "date takes the layout first, then the time",
			Hint: fmt.Sprintf("write date %s %s", call.Args[1].Source, layout.Source)}
	case !layout.IsText:
		return diag.Finding{}
	}
	return checkLayout(layout)
}

// checkFormat checks the layout of .time.Format.
func checkFormat(call template.Call) diag.Finding {
	if !call.Args[0].IsText {
		return diag.Finding{}
	}
	return checkLayout(call.Args[0])
}

func checkDuration(call template.Call) diag.Finding {
	if len(call.Args) != 1 || strings.Join(call.Args[0].Path, ".") != "payload.duration" {
		return diag.Finding{}
	}
	return diag.Finding{At: call.At, Message: "duration takes seconds, and payload.duration counts milliseconds",
		Hint: "write duration (runDuration .)"}
}

// checkLayout checks the layout of a date.
func checkLayout(layout template.Arg) diag.Finding {
	message, meant := layoutHint(layout.Text)
	switch {
	case message == "":
		return diag.Finding{}
	case strings.HasPrefix(message, "is printed"):
		message = fmt.Sprintf("%q %s: a layout is the date 2 January 2006, 15:04:05", layout.Text, message)
	}
	return diag.Finding{At: layout.At, Message: message, Hint: fmt.Sprintf("write %q", meant)}
}

var (
	address = regexp.MustCompile(`^(?:https?://|mailto:)`)
	domain  = regexp.MustCompile(`^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:[/:?#]|$)`)
)

func checkLink(call template.Call) diag.Finding {
	if len(call.Args) == 2 && isAddressField(call.Args[0]) && !call.Args[1].Piped && len(call.Args[1].Path) > 0 &&
		!isAddressField(call.Args[1]) {
		return diag.Finding{At: call.Args[1].At, Message: "link takes the text first, then the address",
			Hint: fmt.Sprintf("write link %s %s", call.Args[1].Source, call.Args[0].Source)}
	}
	if len(call.Args) != 2 || !call.Args[1].IsText || address.MatchString(call.Args[1].Text) {
		return diag.Finding{}
	}
	text, to := call.Args[0], call.Args[1]
	if domain.MatchString(to.Text) {
		return diag.Finding{At: to.At, Message: fmt.Sprintf("%q is not an address, so there is no link", to.Text),
			Hint: "write https://" + to.Text}
	}
	f := diag.Finding{At: to.At, Message: "link takes the text first, then the address",
		Hint: fmt.Sprintf("write link %s %s", to.Source, text.Source)}
	if to.Piped {
		f.At, f.Hint = call.At, fmt.Sprintf("write %s | link %s", text.Source, to.Source)
	}
	return f
}

// isAddressField reports whether an argument is a field that holds a URL.
func isAddressField(a template.Arg) bool { return len(a.Path) > 0 && a.Path[len(a.Path)-1] == "url" }

// checkDiv checks a division of two counts, which is nearly always 0.
func checkDiv(call template.Call) diag.Finding {
	if len(call.Args) != 2 || len(call.Args[0].Path) == 0 || len(call.Args[1].Path) == 0 {
		return diag.Finding{}
	}
	return diag.Finding{At: call.At, Message: "div gives a whole number, so 0 for a part of a whole",
		Hint: fmt.Sprintf("for a percentage write percent %s %s", call.Args[0].Source, call.Args[1].Source)}
}

func checkRunDuration(call template.Call) diag.Finding {
	if len(call.Args) != 1 || call.Args[0].IsDot || call.Args[0].Piped && call.Args[0].Path == nil {
		return diag.Finding{}
	}
	return diag.Finding{At: call.At, Message: "runDuration takes the dot, which has the start and the end of the run",
		Hint: "write runDuration ."}
}

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
	calls, _ := c.file.Source.Templates.Calls(source, condition.Roots)
	for _, call := range calls {
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
