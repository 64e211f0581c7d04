package funcs

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"qaserelay/rules/value"
)

// numberFuncs are the operations of sprig on numbers. Whole numbers stay whole and exact, however large; a text that
// holds a number counts as that number, and anything else as 0.
func numberFuncs() map[string]Func {
	return map[string]Func{
		"add":  fold(func(a, b float64) float64 { return a + b }, (*big.Int).Add),
		"sub":  fold(func(a, b float64) float64 { return a - b }, (*big.Int).Sub),
		"mul":  fold(func(a, b float64) float64 { return a * b }, (*big.Int).Mul),
		"add1": unary(func(v any) any { return sum(v, 1) }),
		"max":  extreme(1),
		"min":  extreme(-1),
		"div":  divider("div", (*big.Int).Quo),
		"mod":  divider("mod", (*big.Int).Rem),

		"int":     unary(wholePart),
		"int64":   unary(wholePart),
		"atoi":    unary(wholePart),
		"float64": unary(func(v any) any { return toNumber(v) }),
		"ceil":    unary(func(v any) any { return math.Ceil(toNumber(v)) }),
		"floor":   unary(func(v any) any { return math.Floor(toNumber(v)) }),
		"round":   variadic(round),
	}
}

// fold makes a function that combines its arguments from the left, exactly if all of them are whole.
func fold(op func(a, b float64) float64, exact func(z, a, b *big.Int) *big.Int) Func {
	return variadic(func(args []any) (any, error) {
		if len(args) == 0 {
			return 0, nil
		}
		if total, small := foldSmall(args, op); small {
			return total, nil
		}
		if total, allWhole := foldExact(args, exact); allWhole {
			return total, nil
		}
		total := toNumber(args[0])
		for _, arg := range args[1:] {
			total = op(total, toNumber(arg))
		}
		return whole(total), nil
	})
}

// foldSmall combines numbers whose results a float64 holds exactly, which nearly all are.
func foldSmall(args []any, op func(a, b float64) float64) (any, bool) {
	total, isInt := args[0].(int)
	result := float64(total)
	for _, arg := range args[1:] {
		n, alsoInt := arg.(int)
		isInt = isInt && alsoInt && n < 1<<53 && n > -1<<53
		result = op(result, float64(n))
	}
	if !isInt || math.Abs(result) >= 1<<53 || total >= 1<<53 || total <= -1<<53 {
		return nil, false
	}
	return int(result), true
}

func foldExact(args []any, exact func(z, a, b *big.Int) *big.Int) (any, bool) {
	total, isWhole := bigOf(args[0])
	for i := 1; i < len(args) && isWhole; i++ {
		var n *big.Int
		if n, isWhole = bigOf(args[i]); isWhole {
			total = exact(new(big.Int), total, n)
		}
	}
	if !isWhole || total.BitLen() > maxBits {
		return nil, false
	}
	return value.Whole(total), true
}

// maxBits bounds exact results: about 300 digits, as many as a float64 has.
const maxBits = 1024

func sum(v any, n int) any {
	if w, isWhole := bigOf(v); isWhole {
		return value.Whole(new(big.Int).Add(w, big.NewInt(int64(n))))
	}
	return whole(toNumber(v) + float64(n))
}

// extreme makes a function that returns the largest (sign is 1) or least (-1) of its arguments, without fractions.
func extreme(sign int) Func {
	return variadic(func(args []any) (any, error) {
		if len(args) == 0 {
			return nil, errors.New("got no arguments, want 1 or more")
		}
		best := bigPart(args[0])
		for _, arg := range args[1:] {
			if n := bigPart(arg); n.Cmp(best) == sign {
				best = n
			}
		}
		return value.Whole(best), nil
	})
}

// divider makes a function that divides whole numbers. Fractions are cut off before.
func divider(name string, op func(z, a, b *big.Int) *big.Int) Func {
	return binaryErr(func(a, b any) (any, error) {
		x, y := bigPart(a), bigPart(b)
		if y.Sign() == 0 {
			return nil, fmt.Errorf("%s by 0: check it first, with {{ if … }}", name)
		}
		return value.Whole(op(new(big.Int), x, y)), nil
	})
}

func wholePart(v any) any { return value.Whole(bigPart(v)) }

// bigPart returns a number without its fraction.
func bigPart(v any) *big.Int {
	if n, isWhole := bigOf(v); isWhole {
		return n
	}
	n, _ := big.NewFloat(toNumber(v)).Int(nil)
	return n
}

// bigOf returns a number that is whole.
func bigOf(v any) (*big.Int, bool) {
	switch v := v.(type) {
	case nil:
		return new(big.Int), true
	case int:
		return big.NewInt(int64(v)), true
	case *big.Int:
		return v, true
	case string:
		if text := strings.TrimSpace(v); text != "" && len(text) <= value.MaxDigits {
			return new(big.Int).SetString(text, 10)
		}
		return nil, false
	}
	if f := toNumber(v); f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		return big.NewInt(int64(f)), true
	}
	return nil, false
}

// round is round NUMBER PLACES.
func round(args []any) (any, error) {
	if len(args) < 2 {
		return nil, errors.New("round needs a number and how many places it keeps: round 3.14159 2")
	}
	scale := math.Pow(10, max(0, min(math.Trunc(toNumber(args[1])), 15)))
	if n := toNumber(args[0]); math.Abs(n) < 1<<53 {
		return math.Round(n*scale) / scale, nil
	}
	return toNumber(args[0]), nil
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
		n, err := strconv.ParseFloat(strings.TrimSpace(v), 64)
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
