package template

import (
	"errors"
	"reflect"
	"slices"
	"strings"

	"qaserelay/rules/value"
)

// basics are sprig's functions that messages use most, without reflection.
func basics() map[string]function {
	return map[string]function{
		"hasPrefix": textTest(strings.HasPrefix),
		"hasSuffix": textTest(strings.HasSuffix),
		"contains":  textTest(strings.Contains),
		"empty":     one(func(v any) any { return !truth(v) }),
		"list":      func(_ *Renderer, args []any) (any, error) { return slices.Clone(args), nil },
		"has":       two(func(needle, list any) (any, error) { return hasElement(list, needle), nil }),
		"kindOf":    one(func(v any) any { return kindName(v) }),
		"kindIs":    two(func(name, v any) (any, error) { return kindName(v) == name, nil }),
		"ternary":   ternary,
	}
}

// textTest makes a function that looks for its first argument in its second.
func textTest(test func(s, part string) bool) function {
	return two(func(part, s any) (any, error) { return test(value.PlainText(s), value.PlainText(part)), nil })
}

func hasElement(list, needle any) bool {
	elements, _ := list.([]any)
	return slices.ContainsFunc(elements, func(v any) bool { return equalValues(v, needle) })
}

func ternary(_ *Renderer, args []any) (any, error) {
	if len(args) != 3 {
		return nil, errors.New("ternary needs a value for true, one for false, and a condition")
	}
	if truth(args[2]) {
		return args[0], nil
	}
	return args[1], nil
}

// kindName is the kind of a value as Go calls it: int, float64, string, bool, slice, map, or invalid for null.
func kindName(v any) string {
	switch v.(type) {
	case nil:
		return "invalid"
	case string:
		return "string"
	case int:
		return "int"
	case map[string]any:
		return "map"
	case []any:
		return "slice"
	}
	return reflect.TypeOf(v).Kind().String()
}
