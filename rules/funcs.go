package rules

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"strings"
	"text/template"
	"time"

	"github.com/Masterminds/sprig/v3"
)

// sprigNames are the functions taken from sprig: they touch nothing outside, change none of their arguments, and
// their results are no larger than a small multiple of what they are given.
const sprigNames = `trim upper lower title untitle substr trunc trimAll trimSuffix trimPrefix nospace initials
	swapcase snakecase camelcase kebabcase wrap contains hasPrefix hasSuffix quote squote indent nindent replace abbrev
	atoi int int64 float64 toStrings split splitList splitn add add1 sub div mod mul max min ceil floor round
	join sortAlpha default empty coalesce all any compact ternary b64enc b64dec sha256sum
	list dict get hasKey pluck keys pick omit values append prepend first rest last initial reverse uniq without has concat dig chunk
	regexMatch regexFind regexFindAll regexReplaceAll regexReplaceAllLiteral regexSplit kindOf kindIs typeOf deepEqual`

// functions returns all that templates can call. location is the time zone of dates.
func functions(location *time.Location, people *people) template.FuncMap {
	all := sprig.HermeticTxtFuncMap()
	funcs := template.FuncMap{}
	for _, name := range strings.Fields(sprigNames) {
		funcs[name] = forgiving(all[name])
	}
	maps.Copy(funcs, escapers())
	maps.Copy(funcs, comparisons())
	maps.Copy(funcs, template.FuncMap{
		"_get": getField, "_call": callMethod, "_ago": agoText,
		"ago":         func(any) string { return "" }, // the rewriter puts _ago in its place
		"index":       indexInto,
		"len":         length,
		"print":       func(args ...any) (string, error) { return bounded(joinPlain(args, "")) },
		"println":     func(args ...any) (string, error) { return bounded(joinPlain(args, " ") + "\n") },
		"printf":      formatted,
		"toString":    plainText,
		"json":        func(v any) jsonValue { return jsonValue{jsonText(v)} },
		"toJson":      func(v any) jsonValue { return jsonValue{jsonText(v)} },
		"link":        makeLink,
		"plural":      plural,
		"percent":     percent,
		"duration":    durationText,
		"runDuration": runDuration,
		"date":        func(layout string, v any) string { return dateText(layout, v, location) },
		"person":      func(v any) string { return people.nameOf(v) },
		"mention":     people.mention,
	})
	return funcs
}

// forgiving makes a function take nil for anything, and numbers for text; what it cannot do with nil gives nil.
func forgiving(fn any) any {
	f := reflect.ValueOf(fn)
	return func(args ...any) (result any, err error) {
		hasNil := false
		defer func() {
			if p := recover(); p != nil {
				err = fmt.Errorf("%v", p)
			}
			if err != nil && hasNil {
				result, err = nil, nil
			}
		}()
		in := make([]reflect.Value, len(args))
		for i, arg := range args {
			hasNil = hasNil || arg == nil
			in[i] = argument(parameter(f.Type(), i), arg)
		}
		if n := f.Type().NumIn(); len(args) < n-1 || !f.Type().IsVariadic() && len(args) != n {
			return nil, fmt.Errorf("wrong number of arguments: got %d, want %d", len(args), n)
		}
		out := f.Call(in)
		if len(out) == 2 && !out[1].IsNil() {
			return nil, out[1].Interface().(error)
		}
		if s, isText := out[0].Interface().(string); isText {
			return bounded(s)
		}
		return out[0].Interface(), nil
	}
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
		return reflect.ValueOf(plainText(arg))
	case isNumeric(v.Kind()) && isNumeric(t.Kind()):
		return v.Convert(t)
	}
	panic(fmt.Sprintf("got %s where %s is needed", describeValue(arg), t))
}

func isNumeric(k reflect.Kind) bool { return reflect.Int <= k && k <= reflect.Float64 }

func describeValue(v any) string {
	switch v.(type) {
	case nil:
		return "nothing"
	case string, linkValue, mentionValue, jsonValue:
		return "text"
	case int, int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any:
		return "an object"
	}
	return fmt.Sprintf("a %T", v)
}

// bounded refuses texts that are too long to go on with.
func bounded(s string) (string, error) {
	if len(s) > maxOutputBytes {
		return "", fmt.Errorf("the text has more than %d bytes", maxOutputBytes)
	}
	return s, nil
}

// getField reads v.a.b.c; through nil it gives nil.
func getField(v any, path ...string) (any, error) {
	for _, name := range path {
		switch x := v.(type) {
		case nil:
			return nil, nil
		case map[string]any:
			v = x[name]
		case time.Time, time.Duration:
			got, err := callMethod(x, name)
			if err != nil {
				return nil, err
			}
			v = got
		default:
			return nil, fmt.Errorf("%s has no field %q", describeValue(v), name)
		}
	}
	return v, nil
}

// callMethod calls a method of a time or a duration.
func callMethod(v any, name string, args ...any) (any, error) {
	switch v.(type) {
	case nil:
		return nil, nil
	case time.Time, time.Duration:
	default:
		return nil, fmt.Errorf("%s has no method %q", describeValue(v), name)
	}
	m := reflect.ValueOf(v).MethodByName(name)
	if !m.IsValid() || m.Type().NumOut() != 1 || m.Type().NumIn() != len(args) {
		return nil, fmt.Errorf("a %T has no %q with %d arguments", v, name, len(args))
	}
	return forgiving(m.Interface()).(func(...any) (any, error))(args...)
}

// indexInto is the index of text/template that gives nil for what is not there.
func indexInto(v any, keys ...any) any {
	for _, key := range keys {
		switch x := v.(type) {
		case map[string]any:
			v = x[plainText(key)]
		case []any:
			i, ok := key.(int)
			if !ok || i < 0 || i >= len(x) {
				return nil
			}
			v = x[i]
		default:
			return nil
		}
	}
	return v
}

func length(v any) (int, error) {
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Invalid:
		return 0, nil
	case reflect.String:
		return len([]rune(r.String())), nil
	case reflect.Slice, reflect.Map:
		return r.Len(), nil
	}
	return 0, fmt.Errorf("%s has no length", describeValue(v))
}

func joinPlain(args []any, separator string) string {
	parts := make([]string, len(args))
	for i, arg := range args {
		parts[i] = plainText(arg)
	}
	return strings.Join(parts, separator)
}

func formatted(format string, args ...any) (string, error) {
	for i, arg := range args {
		switch arg.(type) {
		case nil, linkValue, mentionValue, jsonValue:
			args[i] = plainText(arg)
		}
	}
	return bounded(fmt.Sprintf(format, args...))
}

func makeLink(text, address any) any {
	u := strings.TrimSpace(plainText(address))
	if !strings.HasPrefix(u, "https://") && !strings.HasPrefix(u, "http://") && !strings.HasPrefix(u, "mailto:") {
		return plainText(text)
	}
	return linkValue{plainText(text), u}
}

// plural gives "1 case" and "3 cases". Without a plural it adds an s.
func plural(n any, one string, many ...string) string {
	word := one + "s"
	if len(many) > 0 {
		word = many[0]
	}
	if number := plainText(n); number != "1" {
		if number == "" {
			number = "0"
		}
		return number + " " + word
	}
	return "1 " + one
}

// percent gives "21 %", or "" where there is no whole.
func percent(part, whole any) string {
	p, ok1 := toFloat(part)
	w, ok2 := toFloat(whole)
	if !ok1 || !ok2 || w <= 0 {
		return ""
	}
	return fmt.Sprintf("%d %%", int(math.Max(-999, math.Min(999, p/w*100))))
}

func toFloat(v any) (float64, bool) {
	switch v := v.(type) {
	case int:
		return float64(v), true
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case time.Duration:
		return v.Seconds(), true
	}
	return 0, false
}
