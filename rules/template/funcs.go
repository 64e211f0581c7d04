package template

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/Masterminds/sprig/v3"

	"qaserelay/rules/people"
	"qaserelay/rules/value"
)

// sprigNames are the functions taken from sprig: they touch nothing outside, change none of their arguments, and
// their results are no larger than a small multiple of what they are given.
const sprigNames = `untitle trimAll trimSuffix trimPrefix nospace swapcase snakecase camelcase kebabcase wrap quote squote
	atoi int int64 float64 toStrings split splitList splitn div mod max min ceil floor round join sortAlpha
	all any compact b64enc b64dec sha256sum dict get hasKey pluck keys pick omit values append prepend first
	rest last initial reverse uniq without concat dig chunk regexMatch regexFind regexFindAll regexReplaceAll
	regexReplaceAllLiteral regexSplit typeOf deepEqual`

// functions returns all that templates can call. location is the time zone of dates.
func functions(location *time.Location, people *people.Directory) map[string]function {
	all := sprig.HermeticTxtFuncMap()
	funcs := map[string]function{}
	for _, name := range strings.Fields(sprigNames) {
		funcs[name] = forgiving(all[name])
	}
	maps.Copy(funcs, comparisons())
	maps.Copy(funcs, timeFunctions(location))
	maps.Copy(funcs, textFunctions())
	maps.Copy(funcs, arithmetic())
	maps.Copy(funcs, basics())
	maps.Copy(funcs, map[string]function{
		"and":   nil, // and and or are the translator's own
		"or":    nil,
		"not":   one(func(v any) any { return !truth(v) }),
		"index": func(_ *Renderer, args []any) (any, error) { return indexInto(args) },
		"len":   one2(length),
		"print": func(_ *Renderer, args []any) (any, error) { return clip(joinPlain(args, ""), maxOutputBytes), nil },
		"println": func(_ *Renderer, args []any) (any, error) {
			return clip(joinPlain(args, " "), maxOutputBytes) + "\n", nil
		},
		"printf":   formatted,
		"urlquery": one(func(v any) any { return url.QueryEscape(value.PlainText(v)) }),
		"toString": one(func(v any) any { return value.PlainText(v) }),
		"default":  two(func(fallback, v any) (any, error) { return firstTrue([]any{v, fallback}), nil }),
		"coalesce": func(_ *Renderer, args []any) (any, error) { return firstTrue(args), nil },
		"json":     one(func(v any) any { return value.RawJSON{Text: value.JSONText(v)} }),
		"toJson":   one(func(v any) any { return value.RawJSON{Text: value.JSONText(v)} }),
		"link":     two(func(text, address any) (any, error) { return makeLink(text, address), nil }),
		"plural":   plural,
		"percent":  two(func(part, whole any) (any, error) { return percent(part, whole), nil }),
		"person":   one(func(v any) any { return people.NameOf(v) }),
		"mention":  one(people.Mention),
	})
	return funcs
}

// FunctionNames returns the names of all that templates can call, sorted.
func FunctionNames() []string {
	return slices.Sorted(maps.Keys(functions(time.UTC, people.New(nil))))
}

// one makes a function of one argument.
func one(fn func(any) any) function {
	return one2(func(v any) (any, error) { return fn(v), nil })
}

func one2(fn func(any) (any, error)) function {
	return func(_ *Renderer, args []any) (any, error) {
		if len(args) != 1 {
			return nil, fmt.Errorf("got %d arguments, want 1", len(args))
		}
		return fn(args[0])
	}
}

// two makes a function of two arguments.
func two(fn func(a, b any) (any, error)) function {
	return func(_ *Renderer, args []any) (any, error) {
		if len(args) != 2 {
			return nil, fmt.Errorf("got %d arguments, want 2", len(args))
		}
		return fn(args[0], args[1])
	}
}

// firstTrue returns the first value that is not empty, or nil.
func firstTrue(args []any) any {
	for _, v := range args {
		if truth(v) {
			return v
		}
	}
	return nil
}

// forgiving makes a function of any signature callable: it takes nil for anything, and numbers for text; what it cannot do with
// nil gives nil.
func forgiving(fn any) function {
	f := reflect.ValueOf(fn)
	return func(_ *Renderer, args []any) (result any, err error) {
		hasNil := slices.Contains(args, nil)
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
			if err != nil && hasNil {
				result, err = nil, nil
			}
		}()
		if n := f.Type().NumIn(); len(args) < n-1 || !f.Type().IsVariadic() && len(args) != n {
			return nil, fmt.Errorf("got %d arguments, want %d", len(args), n)
		}
		in := make([]reflect.Value, len(args))
		for i, arg := range args {
			in[i] = argument(parameter(f.Type(), i), arg)
		}
		out := f.Call(in)
		if len(out) == 2 && !out[1].IsNil() {
			return nil, out[1].Interface().(error)
		}
		return plainValue(out[0])
	}
}

// plainValue turns what a function returned into the types that templates work with.
func plainValue(v reflect.Value) (any, error) {
	if v.Kind() == reflect.Interface {
		v = v.Elem()
	}
	switch v.Kind() {
	case reflect.Invalid:
		return nil, nil
	case reflect.String:
		return bounded(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32:
		return int(v.Int()), nil
	case reflect.Int64:
		if d, isDuration := v.Interface().(time.Duration); isDuration {
			return d, nil
		}
		return int(v.Int()), nil
	case reflect.Slice:
		if list, plain := v.Interface().([]any); plain {
			return list, nil
		}
		list := make([]any, v.Len())
		for i := range list {
			list[i] = v.Index(i).Interface()
		}
		return list, nil
	}
	return v.Interface(), nil
}

func parameter(f reflect.Type, i int) reflect.Type {
	last := f.NumIn() - 1
	switch {
	case f.IsVariadic() && i >= last:
		return f.In(last).Elem()
	case i <= last:
		return f.In(i)
	}
	return reflect.TypeFor[any]()
}

// argument turns arg into something that a parameter of type t takes.
func argument(t reflect.Type, arg any) reflect.Value {
	v := reflect.ValueOf(arg)
	switch {
	case !v.IsValid():
		return reflect.Zero(t)
	case v.Type().AssignableTo(t):
		return v
	case t.Kind() == reflect.String:
		return reflect.ValueOf(value.PlainText(arg))
	case isNumeric(v.Kind()) && isNumeric(t.Kind()):
		return v.Convert(t)
	}
	panic(fmt.Sprintf("got %s where %s is needed", value.Describe(arg), t))
}

func isNumeric(k reflect.Kind) bool { return reflect.Int <= k && k <= reflect.Float64 }

// bounded refuses texts that are too long to go on with.
func bounded(s string) (string, error) {
	if len(s) > maxOutputBytes {
		return "", fmt.Errorf("the text has more than %d bytes", maxOutputBytes)
	}
	return s, nil
}

func joinPlain(args []any, separator string) string {
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = value.PlainText(arg)
	}
	return strings.Join(parts, separator)
}

func formatted(_ *Renderer, args []any) (any, error) {
	format, isText := firstOf(args).(string)
	if !isText {
		return nil, errors.New("printf needs a format")
	}
	values := slices.Clone(args[1:])
	for i, v := range values {
		switch v.(type) {
		case nil, value.Link, value.Mention, value.RawJSON:
			values[i] = value.PlainText(v)
		}
	}
	return bounded(fmt.Sprintf(format, values...))
}

func firstOf(args []any) any {
	if len(args) == 0 {
		return nil
	}
	return args[0]
}

func makeLink(text, address any) any {
	u := strings.TrimSpace(value.PlainText(address))
	if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "mailto:") {
		return value.PlainText(text)
	}
	return value.Link{Text: value.PlainText(text), URL: u}
}

// plural gives "1 case" and "3 cases". Without a plural it adds an s.
func plural(_ *Renderer, args []any) (any, error) {
	if len(args) < 2 || len(args) > 3 {
		return nil, errors.New(`plural needs a number and a word, and may have the word's plural: plural 3 "case" "cases"`)
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

// percent gives "21 %", or "" where there is no whole.
func percent(part, whole any) string {
	p, ok1 := value.Float(part)
	w, ok2 := value.Float(whole)
	if !ok1 || !ok2 || w <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", int(math.Max(-999, math.Min(999, p/w*100))))
}
