// Package calls checks the calls of functions in templates: the number, types and order of their arguments, layouts of
// dates, and comparisons, which are judged as in conditions.
package calls

import (
	"fmt"
	"regexp"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/lint/layout"
	"qaserelay/rules/template"
)

// World is what is known of the values that a template reads.
type World struct {
	// Type returns the type of a field, in the words of the catalog, or "" if it is not known.
	Type func(path []string) string
	// Judge returns the findings about a condition, whose positions do not count.
	Judge func(condition string) []diag.Finding
	// Values are all values that a variable has, for those that conditions do not see.
	Values map[string][]string
	// Field returns the fault of a field that a template reads, and Person that of the name of a person, each with a hint,
	// or "".
	Field  func(path []string) (message, hint string)
	Person func(name string) (message, hint string)
}

// Check returns the findings about the calls of a template, at most one for each call.
func (w *World) Check(calls []template.Call) (all []diag.Finding) {
	for _, call := range calls {
		for _, check := range []func(template.Call) diag.Finding{checks[call.Name], w.arguments, w.comparison, w.names} {
			if check == nil {
				continue
			}
			if f := check(call); f.Message != "" {
				all = append(all, f)
				break
			}
		}
	}
	return all
}

// checks are the checks of functions by name.
var checks = map[string]func(template.Call) diag.Finding{
	"date": checkFormat, "Format": checkFormat, "duration": checkDuration, "link": checkLink, "div": checkDiv, "runDuration": checkRunDuration,
	"trunc": checkLength, "abbrev": checkLength, "wrap": checkLength,
	"percent": checkPercent, "index": checkIndex, "dig": checkDig, "sub": checkPiped, "mod": checkPiped,
}

// checkFormat checks the layout of date and of .time.Format.
func checkFormat(call template.Call) diag.Finding {
	if len(call.Args) == 0 || !call.Args[0].IsText {
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
func checkLayout(arg template.Arg) diag.Finding {
	message, hint := layout.Explain(arg.Text)
	if message == "" {
		return diag.Finding{}
	}
	return diag.Finding{At: arg.At, Message: message, Hint: hint}
}

var (
	address = regexp.MustCompile(`^(?:https?://|mailto:)`)
	domain  = regexp.MustCompile(`^[a-z0-9-]+(?:\.[a-z0-9-]+)+(?:[/:?#]|$)`)
)

// checkLink checks an address without its scheme.
func checkLink(call template.Call) diag.Finding {
	if len(call.Args) != 2 || !call.Args[1].IsText || address.MatchString(call.Args[1].Text) {
		return diag.Finding{}
	}
	to := call.Args[1]
	if !domain.MatchString(to.Text) {
		return diag.Finding{}
	}
	return diag.Finding{At: to.At, Message: fmt.Sprintf("%q is not an address, so there is no link", to.Text),
		Hint: "write https://" + to.Text}
}

// checkDiv checks a division of two counts, which is nearly always 0.
func checkDiv(call template.Call) diag.Finding {
	if f := checkPiped(call); f.Message != "" {
		return f
	}
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

// checkPercent checks that the part stands before the whole.
func checkPercent(call template.Call) diag.Finding {
	if len(call.Args) != 2 || !strings.HasSuffix(strings.Join(call.Args[0].Path, "."), ".cases") ||
		len(call.Args[1].Path) == 0 {
		return diag.Finding{}
	}
	return diag.Finding{At: call.At, Message: "percent takes the part first, then the whole",
		Hint: "write " + written("percent", []template.Arg{call.Args[1], call.Args[0]})}
}

// checkPiped checks a subtraction or division whose last value comes by a pipe: .payload.duration | div 1000 divides
// 1000.
func checkPiped(call template.Call) diag.Finding {
	if len(call.Args) != 2 || !call.Args[1].Piped || call.Args[0].Literal == nil {
		return diag.Finding{}
	}
	sign := map[string]string{"sub": "-", "div": "/", "mod": "%"}[call.Name]
	first, last := call.Args[0], unpiped(call.Args[1])
	return diag.Finding{At: call.At,
		Message: fmt.Sprintf("the value before | is the last one, so this is %s %s %s", first.Source, sign, last.Source),
		Hint:    fmt.Sprintf("write %s %s %s", call.Name, last.Source, first.Source)}
}

// checkIndex checks that the parts of split, which are an object, are not read by number.
func checkIndex(call template.Call) diag.Finding {
	if len(call.Args) != 2 || call.Args[0].Call == nil || call.Args[0].Call.Name != "split" {
		return diag.Finding{}
	}
	n, isNumber := call.Args[1].Literal.(int)
	if !isNumber {
		return diag.Finding{}
	}
	return diag.Finding{At: call.Args[1].At, Message: "split gives an object with ._0, ._1 and so on, not a list",
		Hint: fmt.Sprintf("write %s._%d, or splitList in place of split", unpiped(call.Args[0]).Source, n)}
}

// checkDig checks that the object of dig is its last argument, behind the fallback.
func checkDig(call template.Call) diag.Finding {
	n := len(call.Args)
	switch {
	case n < 3:
		return diag.Finding{At: call.At, Message: "dig takes the keys first, then a fallback, then an object",
			Hint: `write such as dig "plan" "title" "none" .entity`}
	case call.Args[n-1].Literal == nil || call.Args[0].Literal != nil:
		return diag.Finding{}
	}
	var keys []string
	for _, a := range call.Args[1:] {
		keys = append(keys, a.Source)
	}
	return diag.Finding{At: call.Args[0].At, Message: "dig takes the keys first, then a fallback, then an object",
		Hint: fmt.Sprintf(`write dig %s "none" %s`, strings.Join(keys, " "), call.Args[0].Source)}
}
