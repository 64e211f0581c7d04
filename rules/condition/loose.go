package condition

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"math/big"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/expr-lang/expr/vm/runtime"

	"qaserelay/rules/budget"
	"qaserelay/rules/value"
)

// The operators of conditions do what is plainly meant where expr fails: a text and a number are equal if they are
// written alike, + joins a text with anything, and a date may be text. Each operator is a function that nilSafe puts in
// place of expr's wherever the types are not known beforehand. They take nil as nilSafe says.

// spend takes units out of the budget of the event.
func (e *Env) spend(units int) {
	if err := e.Budget.Spend(units); err != nil {
		panic(err.Error())
	}
}

// weigh is called with a value and a factor. It charges the size of the value so many times, and returns it.
func (e *Env) weigh(args ...any) any {
	factor, _ := args[1].(int)
	e.spend(budget.Product(budget.Weight(args[0], e.Budget.Left()), factor))
	return args[0]
}

// same is a == b. Nothing equals a missing value.
func (e *Env) same(args ...any) any {
	a, b := args[0], args[1]
	if a == nil || b == nil {
		return false
	}
	if text, other, isText := textAnd(a, b); isText {
		e.spend(min(len(text), budget.Weight(other, len(text)+1)))
		plain, hasText := scalarText(other)
		return hasText && plain == text
	}
	x, y, numbers := twoNumbers(a, b)
	if numbers {
		return x == y && exact(a) == exact(b)
	}
	e.spend(min(budget.Weight(a, e.Budget.Left()), budget.Weight(b, e.Budget.Left())))
	return runtime.Equal(a, b)
}

// exact returns a number that a float64 does not hold as text, or "".
func exact(v any) string {
	switch v := v.(type) {
	case *big.Int:
		return v.String()
	case int:
		if v > 1<<53 || v < -1<<53 {
			return value.PlainText(v)
		}
	}
	return ""
}

// textAnd returns the text among two values, and the other one.
func textAnd(a, b any) (text string, other any, isText bool) {
	if text, isText = a.(string); isText {
		return text, b, true
	}
	text, isText = b.(string)
	return text, a, isText
}

// scalarText returns a text, a number, or true or false as text.
func scalarText(v any) (string, bool) {
	switch v.(type) {
	case string, int, float64, *big.Int, bool:
		return value.PlainText(v), true
	}
	return "", false
}

// constants is a list of constants of a condition.
type constants struct {
	texts   map[string]bool
	numbers map[float64]bool
	others  map[any]bool // true, false and nil
}

func newConstants(list []any) *constants {
	c := &constants{map[string]bool{}, map[float64]bool{}, map[any]bool{}}
	for _, v := range list {
		if text, isScalar := scalarText(v); isScalar {
			c.texts[text] = true
		}
		if n, isNumber := value.Float(v); isNumber {
			c.numbers[n] = true
		} else {
			c.others[v] = true
		}
	}
	return c
}

func (c *constants) has(v any) bool {
	switch v := v.(type) {
	case string:
		return c.texts[v]
	case int:
		return c.numbers[float64(v)] || c.texts[value.PlainText(v)]
	case float64:
		return c.numbers[v] || c.texts[value.PlainText(v)]
	case bool:
		return c.others[v] || c.texts[value.PlainText(v)]
	case *big.Int:
		return c.texts[v.String()]
	}
	return false
}

// in is a in b: a is an element of the list, a key of the object, or a part of the text b. A list is in another one if
// one of its elements is.
func (e *Env) in(args ...any) any {
	a, b := args[0], args[1]
	if list, isList := a.([]any); isList {
		for _, element := range list {
			if e.in(element, b) == true {
				return true
			}
		}
	}
	switch b := b.(type) {
	case *constants:
		e.spend(budget.Step)
		return b.has(a)
	case []any:
		e.spend(budget.Step * (1 + len(b)))
		for _, element := range b {
			if e.same(a, element) == true {
				return true
			}
		}
	case []int: // a range
		n, isNumber := likeOther(a, 0).(int)
		return isNumber && slices.Contains(b, n)
	case map[string]any:
		key, isScalar := scalarText(a)
		_, found := b[key]
		return found && isScalar
	case string:
		part, isScalar := scalarText(a)
		e.spend(len(b))
		return isScalar && part != "" && strings.Contains(b, part)
	}
	return false
}

// order is called with an operator such as < and its operands.
func (e *Env) order(args ...any) any {
	operator, _ := args[0].(string)
	a, b := e.plain(args[1], args[2]), e.plain(args[2], args[1])
	if a == nil || b == nil {
		return false
	}
	c, comparable := compareValues(a, b)
	if !comparable {
		panic(fmt.Sprintf("%s cannot be compared with %s", describe(a), describe(b)))
	}
	switch operator {
	case "<":
		return c < 0
	case "<=":
		return c <= 0
	case ">":
		return c > 0
	}
	return c >= 0
}

// compareValues orders two numbers, texts, times or durations. A text counts as the number or the date that it holds,
// and a number beside a duration as milliseconds, in which
// Qase counts.
func compareValues(a, b any) (c int, ok bool) {
	x, isText := a.(string)
	y, bothText := b.(string)
	if isText && bothText {
		return cmp.Compare(x, y), true
	}
	a, b = likeOther(a, b), likeOther(b, a)
	if s, isTime := a.(time.Time); isTime {
		t, bothTimes := b.(time.Time)
		return s.Compare(t), bothTimes
	}
	f, g, numbers := twoNumbers(a, b)
	switch {
	case !numbers:
		return 0, false
	case math.IsNaN(f) || math.IsNaN(g):
		return 0, false
	case f == g && (exact(a) != "" || exact(b) != ""):
		return wholeOf(a).Cmp(wholeOf(b)), true
	}
	return cmp.Compare(f, g), true
}

func wholeOf(v any) *big.Int {
	switch v := v.(type) {
	case *big.Int:
		return v
	case int:
		return big.NewInt(int64(v))
	}
	f, _ := value.Float(v)
	n, _ := big.NewFloat(f).Int(nil)
	return n
}

// likeOther returns v as a value of the kind of other, if it can be one.
func likeOther(v, other any) any {
	switch other.(type) {
	case time.Time:
		if t, isTime := value.Time(v); isTime {
			return t
		}
	case time.Duration:
		if text, isText := v.(string); isText {
			if d, isLength := parseDuration(text); isLength {
				return d
			}
		} else if n, isNumber := value.Float(v); isNumber {
			if _, already := v.(time.Duration); !already {
				return time.Duration(n * float64(time.Millisecond))
			}
		}
	case int, float64, *big.Int:
		text, isText := v.(string)
		if !isText {
			return v
		}
		if n, isNumber := value.ParseNumber(strings.TrimSpace(text)); isNumber {
			return n
		}
		if t, isTime := value.Time(text); isTime {
			return int(t.Unix())
		}
		if d, isLength := parseDuration(text); isLength {
			return int(d.Milliseconds())
		}
	}
	return v
}

// arithmetic is called with an operator and its operands.
func (e *Env) arithmetic(args ...any) any {
	operator, _ := args[0].(string)
	a, b := e.plain(args[1], args[2]), e.plain(args[2], args[1])
	if a == nil || b == nil {
		return nil
	}
	if operator == "+" {
		if _, _, isText := textAnd(a, b); isText {
			return value.PlainText(e.weigh(a, 2)) + value.PlainText(e.weigh(b, 2))
		}
	}
	result, err := calculate(operator, likeOther(a, b), likeOther(b, a))
	if err != nil {
		panic(err.Error())
	}
	return result
}

func calculate(operator string, a, b any) (any, error) {
	if result, ok := calculateTime(operator, a, b); ok {
		return result, nil
	}
	x, y, numbers := twoNumbers(a, b)
	if !numbers {
		return nil, fmt.Errorf("%s %s %s cannot be calculated", describe(a), operator, describe(b))
	}
	m, n := wholeOf(a), wholeOf(b)
	exactly := isWhole(a) && isWhole(b)
	switch operator {
	case "+":
		if exactly {
			return value.Whole(new(big.Int).Add(m, n)), nil
		}
		return x + y, nil
	case "-":
		if exactly {
			return value.Whole(new(big.Int).Sub(m, n)), nil
		}
		return x - y, nil
	case "*":
		if exactly {
			return value.Whole(new(big.Int).Mul(m, n)), nil
		}
		return x * y, nil
	case "/":
		return x / y, nil
	case "%":
		if n.Sign() == 0 {
			return nil, errors.New("% 0 cannot be calculated")
		}
		return value.Whole(new(big.Int).Rem(m, n)), nil
	}
	return math.Pow(x, y), nil
}

func isWhole(v any) bool {
	switch v.(type) {
	case int, *big.Int:
		return true
	}
	return false
}

// calculateTime adds and subtracts times and durations.
func calculateTime(operator string, a, b any) (any, bool) {
	if s, isTime := a.(time.Time); isTime {
		t, bothTimes := b.(time.Time)
		d, isDuration := b.(time.Duration)
		switch {
		case operator == "-" && bothTimes:
			return s.Sub(t), true
		case operator == "-" && isDuration:
			return s.Add(-d), true
		case operator == "+" && isDuration:
			return s.Add(d), true
		}
		return nil, false
	}
	d, isDuration := a.(time.Duration)
	switch b := b.(type) {
	case time.Time:
		if isDuration && operator == "+" {
			return b.Add(d), true
		}
	case time.Duration:
		switch {
		case isDuration && operator == "+":
			return d + b, true
		case isDuration && operator == "-":
			return d - b, true
		}
	}
	return nil, false
}

// uniq is uniq(list).
func (e *Env) uniq(args ...any) any {
	list, isList := args[0].([]any)
	if !isList {
		panic("uniq needs a list, not " + describe(args[0]))
	}
	e.weigh(list, 2)
	return value.Uniq(list)
}

// match is a matches b, with a pattern that is not written in the condition.
func (e *Env) match(args ...any) any {
	text, isText := scalarText(args[0])
	pattern, alsoText := args[1].(string)
	if !isText || !alsoText {
		return false
	}
	p, err := e.Budget.CompileFromEvent(pattern)
	if err != nil {
		panic(err.Error())
	}
	e.spend(p.Cost(len(text)))
	return p.MatchString(text)
}

// describe names a value of an event in an error.
func describe(v any) string {
	switch v := v.(type) {
	case string:
		return "the text " + value.Quote(v)
	case int, float64, *big.Int:
		return "the number " + value.PlainText(v)
	case bool:
		return value.PlainText(v)
	case time.Time:
		return "a time"
	case time.Duration:
		return "a duration"
	}
	if v != nil && reflect.TypeOf(v).Kind() == reflect.Slice {
		return "a list"
	}
	return value.Describe(v)
}
