package template

import (
	"errors"
	"fmt"
	"reflect"
	"time"
	"unicode/utf8"

	"qaserelay/rules/value"
)

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
			return nil, fmt.Errorf("%s has no field %q", value.Describe(v), name)
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
		return nil, fmt.Errorf("%s has no method %q", value.Describe(v), name)
	}
	m := reflect.ValueOf(v).MethodByName(name)
	if !m.IsValid() || m.Type().NumOut() != 1 || m.Type().NumIn() != len(args) {
		return nil, fmt.Errorf("a %T has no %q with %d arguments", v, name, len(args))
	}
	return forgiving(m.Interface())(nil, args)
}

// indexInto is the index of text/template that gives nil for what is not there.
func indexInto(args []any) (any, error) {
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
