package funcs

import (
	"fmt"
	"strings"

	"qaserelay/rules/budget"
	"qaserelay/rules/value"
)

// patternFuncs are the functions of sprig on regular expressions. The work of each is known before it begins.
func patternFuncs() map[string]Func {
	return map[string]Func{
		"regexMatch": matcher(2, func(m *match) (any, error) { return m.MatchString(m.text), nil }),
		"regexFind":  matcher(2, func(m *match) (any, error) { return m.FindString(m.text), nil }),
		"regexFindAll": matcher(3, func(m *match) (any, error) {
			n := int(toNumber(m.args[0]))
			return m.list(n, m.FindAllString)
		}),
		"regexSplit": matcher(3, func(m *match) (any, error) {
			n := int(toNumber(m.args[0]))
			return m.list(n, m.Split)
		}),
		"regexReplaceAll":        matcher(3, (*match).replace),
		"regexReplaceAllLiteral": matcher(3, (*match).replaceLiteral),
	}
}

// TakesPattern reports whether the first argument of a function is a pattern. The caller compiles one that is constant
// with [budget.Compile] and passes it on in its place.
func TakesPattern(name string) bool { _, takes := patternFuncs()[name]; return takes }

// match is one call of a function with a pattern.
type match struct {
	*budget.Pattern
	budget *budget.Budget
	text   string
	args   []any // behind the text
}

// matcher makes a function of n arguments, of which the first is the pattern and the second the text.
func matcher(n int, fn func(*match) (any, error)) Func {
	return func(c *Context, args []any) (any, error) {
		if len(args) != n {
			return nil, fmt.Errorf("got %d arguments, want %d", len(args), n)
		}
		m := &match{budget: c.Budget, text: value.PlainText(args[1]), args: args[2:]}
		var err error
		m.Pattern, err = patternOf(c.Budget, args[0])
		if err == nil {
			err = c.Budget.Spend(m.Cost(len(m.text)))
		}
		if err != nil {
			return nil, err
		}
		return fn(m)
	}
}

func patternOf(b *budget.Budget, v any) (*budget.Pattern, error) {
	if p, compiled := v.(*budget.Pattern); compiled {
		return p, nil
	}
	return b.CompileFromEvent(value.PlainText(v))
}

// list returns at most n texts that find returns; a negative n means all.
func (m *match) list(n int, find func(string, int) []string) (any, error) {
	most := len(m.text) + 1
	if n >= 0 {
		most = min(most, n)
	}
	if err := m.budget.Spend(budget.Product(most, 3*budget.Step)); err != nil {
		return nil, err
	}
	return anyList(find(m.text, n)), nil
}

func (m *match) replaceLiteral() (any, error) { return m.each(value.PlainText(m.args[0])) }

// replace replaces the matches by a text with $1 and ${name}.
func (m *match) replace() (any, error) {
	by := value.PlainText(m.args[0])
	if !strings.Contains(by, "$") {
		return m.each(by)
	}
	most, groups := len(m.text)+1, m.NumSubexp()+1
	if err := m.budget.Spend(budget.Product(most, budget.Step*(groups+2))); err != nil {
		return nil, err
	}
	var out []byte
	end := 0
	for _, at := range m.FindAllStringSubmatchIndex(m.text, -1) {
		grown := len(by) + budget.Product(strings.Count(by, "$"), at[1]-at[0])
		if err := m.budget.Spend(grown); err != nil {
			return nil, err
		}
		out = append(out, m.text[end:at[0]]...)
		out = m.ExpandString(out, by, m.text, at)
		if end = at[1]; len(out) > MaxBytes {
			return nil, errTooLong
		}
	}
	return bounded(string(append(out, m.text[end:]...)))
}

// each replaces the matches by the same text.
func (m *match) each(by string) (any, error) {
	size := 0
	replaced := m.ReplaceAllStringFunc(m.text, func(string) string {
		if size += len(by); size > MaxBytes {
			return ""
		}
		return by
	})
	if size > MaxBytes {
		return nil, errTooLong
	}
	return bounded(replaced)
}
