package funcs

import (
	"cmp"
	"errors"
	"fmt"
	"math/big"
	"reflect"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/value"
)

// compareFuncs are the comparisons of Go's templates with two differences, as in conditions: numbers of different
// types, and texts that hold numbers compare, and a comparison with nil is false (ne is true) in place of an error.
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

// equal reports whether two values are equal. A text equals a number, or true or false, that is written like it.
func equal(a, b any) bool {
	if s, isText := a.(string); isText {
		return equalsText(b, s)
	}
	if s, isText := b.(string); isText {
		return equalsText(a, s)
	}
	x, ok1 := value.Float(a)
	y, ok2 := value.Float(b)
	if ok1 && ok2 {
		return x == y
	}
	return reflect.DeepEqual(a, b)
}

// equalsText reports whether a value is written like a text. A weekday or month is written by its name or its number.
func equalsText(v any, text string) bool {
	if n, named := value.NamedNumber(v); named {
		return value.PlainText(v) == text || strconv.Itoa(n) == text
	}
	return isScalar(v) && value.PlainText(v) == text
}

// isScalar reports whether a value is text, a number, or true or false.
func isScalar(v any) bool {
	switch v.(type) {
	case string, int, float64, *big.Int, bool:
		return true
	}
	return false
}

// compare orders two values. A text counts as the number that it holds beside a number.
func compare(a, b any) (int, error) {
	x, ok1 := value.Float(numberLike(a, b))
	y, ok2 := value.Float(numberLike(b, a))
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

// numberLike returns the number that a text beside a number holds, or else the value itself.
func numberLike(v, other any) any {
	text, isText := v.(string)
	if _, isNumber := value.Float(other); isText && isNumber {
		if n, holds := value.ParseNumber(strings.TrimSpace(text)); holds {
			return n
		}
	}
	return v
}
