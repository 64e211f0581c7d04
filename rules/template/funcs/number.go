package funcs

import (
	"math"
	"strconv"

	"qaserelay/rules/value"
)

// numberFuncs are the operations of sprig that messages use most. Whole numbers stay whole, a text that holds a number
// counts as that number, and anything else as 0.
func numberFuncs() map[string]Func {
	return map[string]Func{
		"add":  fold(func(a, b float64) float64 { return a + b }),
		"sub":  fold(func(a, b float64) float64 { return a - b }),
		"mul":  fold(func(a, b float64) float64 { return a * b }),
		"add1": unary(func(v any) any { return whole(toNumber(v) + 1) }),
	}
}

// fold makes a function that combines its arguments from the left.
func fold(op func(a, b float64) float64) Func {
	return variadic(func(args []any) (any, error) {
		var total float64
		for i, arg := range args {
			if n := toNumber(arg); i == 0 {
				total = n
			} else {
				total = op(total, n)
			}
		}
		return whole(total), nil
	})
}

// whole returns n as an int if it is one.
func whole(n float64) any {
	if n == math.Trunc(n) && math.Abs(n) < 1<<53 {
		return int(n)
	}
	return n
}

// toNumber converts a value to a number as sprig does.
func toNumber(v any) float64 {
	switch v := v.(type) {
	case string:
		n, err := strconv.ParseFloat(v, 64)
		if err != nil || math.IsNaN(n) || math.IsInf(n, 0) {
			return 0
		}
		return n
	case bool:
		if v {
			return 1
		}
		return 0
	}
	n, _ := value.Float(v)
	return n
}
