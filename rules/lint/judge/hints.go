package judge

import (
	"cmp"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/value"
)

// hint says how to write a comparison whose types do not fit.
func (c *comparison) hint() string {
	switch c.subject.sort {
	case integer, number:
		return c.numberHint()
	case text:
		return c.textHint()
	case boolean:
		return c.booleanHint()
	case object:
		return c.objectHint()
	case list:
		return c.listHint()
	case moment:
		return c.momentHint()
	case span:
		if c.other.isNumber() && c.other.isConst {
			return fmt.Sprintf("write %s %s duration(%q)", c.subject.source, c.operator, spanText(c.other.low))
		}
		if written, isText := c.other.literal.(string); isText {
			return diagnose.LengthWords(written)
		}
		return `write duration("24h") for a length of time`
	}
	return "both sides must be of the same type"
}

// source returns the comparison with another right side.
func (c *comparison) with(other string) string {
	return fmt.Sprintf("write %s %s %s", c.subject.source, c.operator, other)
}

// percentage matches a percentage in quotes.
var percentage = regexp.MustCompile(`^"\d+(?:\.\d+)?\s*%"$`)

// isRange reports whether a list has a range as its only item, as in [1..5].
func isRange(s shape) bool { return s.sort == list && s.element != nil && s.element.sort == list }

func (c *comparison) numberHint() string {
	b, s := c.other, c.subject
	switch {
	case percentage.MatchString(b.source):
		return c.shareHint()
	case isRange(b):
		return "write " + s.source + " in " + strings.Trim(b.source, "[]")
	case isNumeric(b.literal):
		return fmt.Sprintf("write %s without quotes", cmp.Or(strings.TrimLeft(b.literal.(string), "0"), "0"))
	case b.sort == text && b.isConst && strings.HasSuffix(s.source, ".duration"):
		return diagnose.LengthWords(b.literal.(string))
	case b.literal == true:
		return "write " + s.source + " > 0"
	case b.literal == false:
		return "write " + s.source + " == 0"
	case b.sort == span:
		return millisecondsHint(s)
	case b.sort == list && c.operator != "in":
		return c.inHint()
	case b.sort == object && b.best(nil) != "":
		return c.with(b.source + "." + b.best(nil))
	}
	return "compare it with " + withArticle(string(cmp.Or(s.sort, number)))
}

// shareHint says how to write a percentage.
func (c *comparison) shareHint() string {
	s := c.subject
	percent, _ := strconv.ParseFloat(strings.Trim(c.other.source, `"% `), 64)
	switch {
	case strings.Contains(s.source, "100"):
		return c.with(value.PlainText(percent))
	case strings.Contains(s.source, "/"):
		return c.with(value.PlainText(percent / 100))
	case s.isField() && s.share != nil:
		return fmt.Sprintf("a share is written as %s / %s %s %v", s.source, s.share.of, c.operator, percent/100)
	}
	return fmt.Sprintf("a share is written as payload.failed / payload.cases %s %v", c.operator, percent/100)
}

// millisecondsHint says how to write a length of time beside a number.
func millisecondsHint(s shape) string {
	if strings.HasSuffix(s.source, ".duration") {
		return "it counts milliseconds: write " + s.source + ` > duration("20m")`
	}
	return "a length of time is duration(\"24h\"), and this is a number"
}

func (c *comparison) textHint() string {
	b, s := c.other, c.subject
	switch {
	case isDate(s) && b.sort == span:
		return "write now() - " + s.source
	case b.sort == list && c.operator != "in":
		return c.inHint()
	case b.sort == object && b.has("email"):
		last := "email"
		if n := len(s.field.Path); n > 0 && b.has(s.field.Path[n-1]) {
			last = s.field.Path[n-1]
		}
		return c.with(b.source + "." + last)
	case b.sort == object && b.best("") != "":
		return c.with(b.source + "." + b.best(""))
	case b.isConst && (b.isNumber() || b.sort == boolean):
		return fmt.Sprintf("compare it with a string: write %q", fmt.Sprint(b.literal))
	}
	return "compare it with a string"
}

func (c *comparison) booleanHint() string {
	switch c.other.literal {
	case "true", "false":
		return fmt.Sprintf("write %s without quotes", c.other.literal)
	case "yes", "True", 1:
		return "write true, or only " + c.subject.source
	case "no", "False", 0:
		return "write false, or not " + c.subject.source
	}
	return "compare it with true or false"
}

func (c *comparison) objectHint() string {
	s, b := c.subject, c.other
	literal := b.literal
	if items, isList := literal.([]any); isList && len(items) > 0 {
		literal = items[0]
	}
	best := s.best(literal)
	if !b.isConst && len(b.field.Path) > 0 && s.has(b.field.Path[len(b.field.Path)-1]) {
		best = b.field.Path[len(b.field.Path)-1]
	}
	if best == "" {
		return cmp.Or(catalog.Available(s.fields), "compare one of its fields")
	}
	field := s.source + "." + best
	if ordered := c.operator[0] == '<' || c.operator[0] == '>'; ordered && b.sort == text {
		return fmt.Sprintf("texts are ordered by letters: write %s in [%s, …]", field, b.source)
	}
	if c.subject.source == c.node.Right.String() && c.operator == c.node.Operator {
		return fmt.Sprintf("write %s %s %s", b.source, c.operator, field)
	}
	return fmt.Sprintf("write %s %s %s", field, c.operator, b.source)
}

func (c *comparison) listHint() string {
	s, b := c.subject, c.other
	items, several := b.literal.([]any)
	switch {
	case b.isNumber():
		return fmt.Sprintf("write %s %s %s", Length(s.source), c.operator, b.source)
	case s.listOfObjects() && several && c.operator != "in":
		return fmt.Sprintf("write any(%s, .%s in %s)", s.source, s.element.bestFor(*b.element), b.source)
	case s.listOfObjects():
		return fmt.Sprintf("write any(%s, .%s %s %s)", s.source, s.element.bestFor(b), c.eachOperator(), b.source)
	case several:
		parts := make([]string, len(items))
		for i, item := range items {
			parts[i] = fmt.Sprintf("%s in %s", value.JSONText(item), s.source)
		}
		return "write " + strings.Join(parts, " or ")
	case c.operator == "!=":
		return fmt.Sprintf("write %s not in %s", b.source, s.source)
	}
	return fmt.Sprintf("write %s in %s", b.source, s.source)
}

// eachOperator is the operator for one item of a list.
func (c *comparison) eachOperator() string {
	if c.operator == "contains" {
		return "=="
	}
	return c.operator
}

func (c *comparison) momentHint() string {
	b := c.other
	switch {
	case b.sort == text && b.isConst && strings.ContainsAny(b.source, "-./"):
		return diagnose.DateWords(b.literal.(string))
	case b.sort == text && b.isConst:
		return `write date("2026-01-31") for a date, or compare now() - ` + c.subject.source + ` with duration("24h")`
	case b.isNumber():
		return `a date is date("2026-01-31"); a length of time is now() - ` + c.subject.source
	case b.sort == span:
		return "write now() - " + c.subject.source + " " + mirror(c.operator) + " " + b.source
	}
	return `write date("2026-01-31") for a date`
}

// Length returns an expression for the length of a list. Lists of failing tests have counts of their own, which are also
// right while their names are not known.
func Length(list string) string {
	switch list {
	case "failures.list":
		return "failures.total"
	case "failures.new", "failures.fixed", "failures.flaky":
		return list + "_total"
	}
	return "len(" + list + ")"
}

// inHint says how to compare a value with several.
func (c *comparison) inHint() string {
	operator := "in"
	if c.operator == "!=" {
		operator = "not in"
	}
	return fmt.Sprintf("write %s %s %s", c.subject.source, operator, c.other.source)
}

// truthHint returns a hint at an expression that is true or false.
func truthHint(source string, s shape) string {
	switch {
	case s.isNumber():
		return "write " + source + " > 0"
	case s.sort == text:
		return "write " + source + ` != ""`
	case s.sort == list:
		return "write " + Length(source) + " > 0"
	case s.sort == span:
		return "write " + source + ` > duration("1h")`
	case source == "failures":
		return "write failures.total > 0"
	}
	return "write " + source + " != nil"
}

// contradictionHint says what two parts that exclude each other, or leave nothing over, were probably to say.
func contradictionHint(a, b condition.Claim, always bool) string {
	if always {
		return "each is true where the other is not: write and in place of or"
	}
	x, one := a.Equals()
	y, other := b.Equals()
	if one && other && x != nil && y != nil {
		return fmt.Sprintf("for one or the other write %s in [%s, %s]", a.Subject(), value.JSONText(x), value.JSONText(y))
	}
	above, _ := a.Bounds()
	_, below := b.Bounds()
	if above && below && strings.HasSuffix(a.Subject(), ".Hour()") {
		return "for a time around midnight write or in place of and"
	}
	return fmt.Sprintf("%s and %s exclude each other", a, b)
}
