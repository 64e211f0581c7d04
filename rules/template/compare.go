package template

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"time"

	"qaserelay/rules/value"
)

// comparisons are text/template's own, but numbers of different types compare, and a comparison with nil is false
// (ne is true) and no error, as in conditions.
func comparisons() map[string]function {
	order := func(accept func(int) bool) function {
		return two(func(a, b any) (any, error) {
			if a == nil || b == nil {
				return false, nil
			}
			c, err := compareValues(a, b)
			return err == nil && accept(c), err
		})
	}
	return map[string]function{
		"eq": equalsAny,
		"ne": two(func(a, b any) (any, error) { return !equalValues(a, b), nil }),
		"lt": order(func(c int) bool { return c < 0 }),
		"le": order(func(c int) bool { return c <= 0 }),
		"gt": order(func(c int) bool { return c > 0 }),
		"ge": order(func(c int) bool { return c >= 0 }),
	}
}

func equalsAny(_ *Renderer, args []any) (any, error) {
	if len(args) < 2 {
		return false, errors.New("eq needs two values to compare")
	}
	for _, b := range args[1:] {
		if equalValues(args[0], b) {
			return true, nil
		}
	}
	return false, nil
}

func equalValues(a, b any) bool {
	x, ok1 := value.Float(a)
	y, ok2 := value.Float(b)
	if ok1 && ok2 {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func compareValues(a, b any) (int, error) {
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
