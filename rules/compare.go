package rules

import (
	"cmp"
	"errors"
	"fmt"
	"reflect"
	"text/template"
	"time"
)

// comparisons are text/template's own, but numbers of different types compare, and a comparison with nil is false
// (ne is true) and no error, as in conditions.
func comparisons() template.FuncMap {
	order := func(accept func(int) bool) func(a, b any) (bool, error) {
		return func(a, b any) (bool, error) {
			if a == nil || b == nil {
				return false, nil
			}
			c, err := compareValues(a, b)
			return err == nil && accept(c), err
		}
	}
	return template.FuncMap{
		"eq": equalsAny,
		"ne": func(a, b any) bool { return !equalValues(a, b) },
		"lt": order(func(c int) bool { return c < 0 }),
		"le": order(func(c int) bool { return c <= 0 }),
		"gt": order(func(c int) bool { return c > 0 }),
		"ge": order(func(c int) bool { return c >= 0 }),
	}
}

func equalsAny(a any, others ...any) (bool, error) {
	if len(others) == 0 {
		return false, errors.New("eq needs something to compare with")
	}
	for _, b := range others {
		if equalValues(a, b) {
			return true, nil
		}
	}
	return false, nil
}

func equalValues(a, b any) bool {
	x, ok1 := toFloat(a)
	y, ok2 := toFloat(b)
	if ok1 && ok2 {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

func compareValues(a, b any) (int, error) {
	x, ok1 := toFloat(a)
	y, ok2 := toFloat(b)
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
	return 0, fmt.Errorf("cannot compare %s with %s", describeValue(a), describeValue(b))
}
