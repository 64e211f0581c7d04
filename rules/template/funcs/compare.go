package funcs

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"time"

	"qaserelay/rules/value"
)

// compareFuncs are the comparisons of Go's templates with two differences, as in conditions: numbers of different
// types compare, and a comparison with nil is false (ne is true) in place of an error.
func compareFuncs() map[string]Func {
	return map[string]Func{
		"eq": variadic(equalsAny),
		"ne": binary(func(a, b any) any { return !equal(a, b) }),
		"lt": ordered(func(c int) bool { return c < 0 }),
		"le": ordered(func(c int) bool { return c <= 0 }),
		"gt": ordered(func(c int) bool { return c > 0 }),
		"ge": ordered(func(c int) bool { return c >= 0 }),
	}
}

// ordered makes a comparison that is true if accept says so of the order of its arguments.
func ordered(accept func(int) bool) Func {
	return binaryErr(func(a, b any) (any, error) {
		if a == nil || b == nil {
			return false, nil
		}
		c, err := compare(a, b)
		return err == nil && accept(c), err
	})
}

// equalsAny reports whether the first argument equals any of the others.
func equalsAny(args []any) (any, error) {
	if len(args) < 2 {
		return false, errors.New("eq needs two values to compare")
	}
	for _, b := range args[1:] {
		if equal(args[0], b) {
			return true, nil
		}
	}
	return false, nil
}

func equal(a, b any) bool {
	x, ok1 := value.Float(a)
	y, ok2 := value.Float(b)
	if ok1 && ok2 {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func compare(a, b any) (int, error) {
	x, ok1 := value.Float(a)
	y, ok2 := value.Float(b)
	if ok1 && ok2 {
		return cmp.Compare(x, y), nil
	}
	switch a := a.(type) {
	case string:
		if b, ok := b.(string); ok {
			return cmp.Compare(a, b), nil
		}
	case time.Time:
		if b, ok := b.(time.Time); ok {
			return a.Compare(b), nil
		}
	}
	return 0, fmt.Errorf("cannot compare %s with %s", value.Describe(a), value.Describe(b))
}
