// Package funcs holds the functions that templates can call.
//
// They are the comparisons and formatters of Go's templates, a selection of sprig, and functions of the relay such as
// link, mention and ago. All are pure: a function touches nothing outside, does not change its arguments, and returns a
// result of bounded size. Missing values are normal in events, so functions accept nil and return nil, "" or 0 for it
// in place of an error.
package funcs

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"qaserelay/rules/budget"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// Context is the surroundings of a call.
type Context struct {
	Now    time.Time // of the decision
	Budget *budget.Budget
}

// Func is a function that templates can call. It must not keep args.
type Func func(c *Context, args []any) (any, error)

// All returns the functions by name. location is the time zone of printed dates. The functions and and or are nil: the
// caller evaluates them, since they do not need all of their arguments.
func All(location *time.Location, directory *people.Directory) map[string]Func {
	funcs := sprigFuncs()
	maps.Copy(funcs, basicFuncs())
	maps.Copy(funcs, compareFuncs())
	maps.Copy(funcs, numberFuncs())
	maps.Copy(funcs, textFuncs())
	maps.Copy(funcs, listFuncs())
	maps.Copy(funcs, patternFuncs())
	maps.Copy(funcs, timeFuncs(location))
	maps.Copy(funcs, valueFuncs())
	funcs["person"] = unary(func(v any) any { return directory.NameOf(v) })
	funcs["mention"] = unary(directory.Mention)
	for name, fn := range funcs {
		if fn != nil && !slices.Contains(glances, name) {
			funcs[name] = metered(fn)
		}
	}
	return funcs
}

// glances are the functions that do the same work for a large argument as for a small one.
var glances = []string{"not", "empty", "default", "coalesce", "ternary", "index", "list", "kindOf", "kindIs", "typeOf",
	"first", "last", "get", "hasKey", "dig", "dict", "ago", "duration", "runDuration", "percent"}

// metered makes the arguments of a function count as work: as many bytes as they have. A function whose result can be
// larger than that spends the rest itself.
func metered(fn Func) Func {
	return func(c *Context, args []any) (any, error) {
		for _, arg := range args {
			if err := c.Spend(arg); err != nil {
				return nil, err
			}
		}
		return fn(c, args)
	}
}

// Spend takes the work of reading a value out of the budget.
func (c *Context) Spend(v any) error {
	units := budget.Step
	switch v := v.(type) {
	case string:
		units += len(v)
	case []any, map[string]any:
		units = budget.Weight(v, c.Budget.Left())
	case value.Link:
		units += len(v.Text) + len(v.URL)
	case value.Mention:
		units += len(v.Name)
	case value.RawJSON:
		units += len(v.Text)
	}
	return c.Budget.Spend(units)
}

func basicFuncs() map[string]Func {
	return map[string]Func{
		"and":      nil,
		"or":       nil,
		"not":      unary(func(v any) any { return !Truth(v) }),
		"empty":    unary(func(v any) any { return !Truth(v) }),
		"print":    variadic(func(args []any) (any, error) { return Truncate(join(args, "")), nil }),
		"println":  variadic(func(args []any) (any, error) { return Truncate(join(args, " ")) + "\n", nil }),
		"printf":   printf,
		"urlquery": unary(func(v any) any { return url.QueryEscape(value.PlainText(v)) }),
		"toString": unary(func(v any) any { return value.PlainText(v) }),
		"default":  binary(func(fallback, v any) any { return firstTrue([]any{v, fallback}) }),
		"coalesce": variadic(func(args []any) (any, error) { return firstTrue(args), nil }),
		"ternary":  exactly(3, "ternary needs a value for true, one for false, and a condition", ternary),
		"json":     unary(func(v any) any { return value.RawJSON{Text: value.JSONText(v)} }),
		"toJson":   unary(func(v any) any { return value.RawJSON{Text: value.JSONText(v)} }),
		"link":     binary(link),
		"plural":   variadic(plural),
		"percent":  binary(percent),
	}
}

func variadic(fn func(args []any) (any, error)) Func {
	return func(_ *Context, args []any) (any, error) { return fn(args) }
}

// exactly makes a function of n arguments; other calls fail with the given usage.
func exactly(n int, usage string, fn func(args []any) any) Func {
	return func(_ *Context, args []any) (any, error) {
		if len(args) != n {
			return nil, errors.New(usage)
		}
		return fn(args), nil
	}
}

func unary(fn func(any) any) Func {
	return unaryErr(func(v any) (any, error) { return fn(v), nil })
}

func unaryErr(fn func(any) (any, error)) Func {
	return func(_ *Context, args []any) (any, error) {
		if len(args) != 1 {
			return nil, fmt.Errorf("got %d arguments, want 1", len(args))
		}
		return fn(args[0])
	}
}

func binary(fn func(a, b any) any) Func {
	return binaryErr(func(a, b any) (any, error) { return fn(a, b), nil })
}

func binaryErr(fn func(a, b any) (any, error)) Func {
	return func(_ *Context, args []any) (any, error) {
		if len(args) != 2 {
			return nil, fmt.Errorf("got %d arguments, want 2", len(args))
		}
		return fn(args[0], args[1])
	}
}

// firstTrue returns the first value that is not empty, or nil.
func firstTrue(args []any) any {
	for _, v := range args {
		if Truth(v) {
			return v
		}
	}
	return nil
}

func ternary(args []any) any {
	if Truth(args[2]) {
		return args[0]
	}
	return args[1]
}

func join(args []any, separator string) string {
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = value.PlainText(arg)
	}
	return strings.Join(parts, separator)
}

// printf formats like Go's, with a bound for the widths.
func printf(c *Context, args []any) (any, error) {
	if len(args) == 0 {
		return nil, errNoFormat
	}
	format, isText := args[0].(string)
	if !isText {
		return nil, errNoFormat
	}
	if wide.MatchString(strings.ReplaceAll(format, "%%", "")) {
		return nil, errors.New("printf takes widths and precisions up to 999, written in the format")
	}
	largest, values := 1000, slices.Clone(args[1:])
	for i, v := range values {
		switch v.(type) {
		case nil, value.Link, value.Mention, value.RawJSON:
			values[i] = value.PlainText(v)
		case []any, map[string]any:
			values[i] = value.Readable(v)
		}
		largest = max(largest, budget.Weight(v, c.Budget.Left()))
	}
	if verbs := strings.Count(format, "%"); verbs > maxVerbs {
		return nil, fmt.Errorf("printf takes at most %d verbs", maxVerbs)
	} else if err := c.Budget.Spend(budget.Product(verbs, largest)); err != nil {
		return nil, err
	}
	return bounded(fmt.Sprintf(format, values...))
}

// maxVerbs is the most verbs of a format.
const maxVerbs = 100

// wide matches a width or precision of more than three digits, and one that is an argument.
var wide = regexp.MustCompile(`%[^a-zA-Z%]*(\d{4}|\*)`)

var errNoFormat = errors.New("printf needs a format")

// link returns a link, or the text alone if the address cannot be one.
func link(text, address any) any {
	u := strings.TrimSpace(value.PlainText(address))
	if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "mailto:") {
		return value.PlainText(text)
	}
	return value.Link{Text: value.PlainText(text), URL: u}
}

// plural returns "1 case" or "3 cases". The plural of a word is its third argument, or the word with an s.
func plural(args []any) (any, error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, errors.New("plural needs a number and a word, and may have the word's plural: " +
			`plural 3 "case" "cases"`)
	}
	number, word := value.PlainText(args[0]), value.PlainText(args[1])
	switch {
	case number == "1":
		return "1 " + word, nil
	case number == "":
		number = "0"
	}
	if len(args) == 3 {
		return number + " " + value.PlainText(args[2]), nil
	}
	return number + " " + word + "s", nil
}

// percent returns "21%", or "" if whole is not a positive number.
func percent(part, whole any) any {
	p, ok1 := value.Float(part)
	w, ok2 := value.Float(whole)
	if !ok1 || !ok2 || w <= 0 {
		return ""
	}
	return fmt.Sprintf("%d%%", int(math.Max(-999, math.Min(999, p*100/w))))
}
