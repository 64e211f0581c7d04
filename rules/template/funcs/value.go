package funcs

import (
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"slices"
	"time"
	"unicode/utf8"

	"qaserelay/rules/value"
)

// valueFuncs are the functions on values of any type, lists and objects.
func valueFuncs() map[string]Func {
	return map[string]Func{
		"index":  variadic(index),
		"dig":    variadic(dig),
		"len":    unaryErr(length),
		"list":   variadic(func(args []any) (any, error) { return slices.Clone(args), nil }),
		"kindOf": unary(func(v any) any { return kindOf(v) }),
		"kindIs": binary(func(name, v any) any { return kindOf(v) == name }),
	}
}

// Truth reports whether a value is true for if, with, and, or and not: anything but null, false, zero and the empty
// text, list or object.
func Truth(v any) bool {
	switch v := v.(type) {
	case nil:
		return false
	case bool:
		return v
	case string:
		return v != ""
	case int:
		return v != 0
	case float64:
		return v != 0
	case []any:
		return len(v) > 0
	case map[string]any:
		return len(v) > 0
	}
	x := reflect.ValueOf(v)
	return x.Kind() == reflect.Struct || !x.IsZero()
}

// Field returns the named field of a value. A field of nil is nil. Times and durations have their methods as fields.
func Field(v any, name string) (any, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case map[string]any:
		return v[name], nil
	case time.Time, time.Duration:
		return Method(v, name)
	}
	return nil, fmt.Errorf("%s has no field %q", value.Describe(v), name)
}

// Method calls a method of a time or a duration. A method of nil returns nil.
func Method(v any, name string, args ...any) (any, error) {
	switch v.(type) {
	case nil:
		return nil, nil
	case time.Time, time.Duration:
	default:
		return nil, fmt.Errorf("%s has no method %q", value.Describe(v), name)
	}
	m := reflect.ValueOf(v).MethodByName(name)
	if !m.IsValid() || m.Type().NumOut() != 1 || m.Type().NumIn() != len(args) {
		return nil, fmt.Errorf("a %T has no %q with %d arguments", v, name, len(args))
	}
	return adapt(m.Interface())(&Context{}, args)
}

// index is the index of Go's templates, but returns nil for anything that does not exist.
func index(args []any) (any, error) {
	if len(args) == 0 {
		return nil, errors.New("index needs something to look into")
	}
	v := args[0]
	for _, key := range args[1:] {
		switch x := v.(type) {
		case map[string]any:
			v = x[value.PlainText(key)]
		case []any:
			i, ok := key.(int)
			if n, named := value.NamedNumber(key); named {
				i, ok = n, true
			}
			if !ok || i < 0 || i >= len(x) {
				return nil, nil
			}
			v = x[i]
		default:
			return nil, nil
		}
	}
	return v, nil
}

// dig is dig KEY [KEY…] FALLBACK OBJECT: what is at the end of the keys, or the fallback if there is nothing.
func dig(args []any) (any, error) {
	last := len(args) - 1
	if last < 2 {
		return nil, errors.New(`dig takes the keys first, then a fallback, then an object: dig "plan" "title" "none" .entity`)
	}
	v := args[last]
	if _, isObject := v.(map[string]any); v != nil && !isObject {
		return nil, fmt.Errorf("dig takes an object at its end, not %s", value.Describe(v))
	}
	for _, key := range args[:last-1] {
		object, _ := v.(map[string]any)
		v = object[value.PlainText(key)]
	}
	if v == nil {
		return args[last-1], nil
	}
	return v, nil
}

func length(v any) (any, error) {
	switch v := v.(type) {
	case nil:
		return 0, nil
	case string:
		return utf8.RuneCountInString(v), nil
	case []any:
		return len(v), nil
	case map[string]any:
		return len(v), nil
	}
	return 0, fmt.Errorf("%s has no length", value.Describe(v))
}

// kindOf returns the kind of a value in Go: int, float64, string, bool, slice, map, or invalid for null.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "invalid"
	case string:
		return "string"
	case int, *big.Int:
		return "int"
	case map[string]any:
		return "map"
	case []any:
		return "slice"
	}
	return reflect.TypeOf(v).Kind().String()
}
