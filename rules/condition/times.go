package condition

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/value"
)

// maxDateBytes is the most bytes of a date, and of its layout.
const maxDateBytes = 100

// moreLayouts are layouts of dates beside those of package value.
var moreLayouts = []string{time.RFC822, time.RFC822Z, time.RFC850, time.RFC1123, time.RFC1123Z}

// writtenDate is a date as it is written in a condition. One without a zone is in that of the settings.
type writtenDate struct {
	text  string
	clock time.Time // in UTC if there is no zone
	zoned bool
}

// in returns the date as a time.
func (d writtenDate) in(location *time.Location) time.Time {
	t := d.clock
	if d.zoned {
		return t.In(location)
	}
	return time.Date(t.Year(), t.Month(), t.Day(), t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), location)
}

// readDate reads a date of a condition, by a layout if it is not empty.
func readDate(text, layout string) (writtenDate, bool) {
	clock, ok := parseDate(text, layout, time.UTC)
	if !ok {
		return writtenDate{}, false
	}
	elsewhere, _ := parseDate(text, layout, time.FixedZone("", 3600))
	return writtenDate{text, clock, clock.Equal(elsewhere)}, true
}

// parseDate reads a date without a zone as one of the location.
func parseDate(text, layout string, location *time.Location) (time.Time, bool) {
	if layout != "" {
		t, err := time.ParseInLocation(layout, text, location)
		return t, err == nil
	}
	if t, ok := value.TimeIn(text, location); ok {
		return t, true
	}
	for _, layout := range moreLayouts {
		if t, err := time.ParseInLocation(layout, text, location); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// plain returns a date that is written in the condition as a time beside a time, and else as text.
func (e *Env) plain(v, other any) any {
	written, ok := v.(writtenDate)
	if !ok {
		return v
	}
	if _, isTime := other.(time.Time); isTime {
		return written.in(e.location)
	}
	return written.text
}

// date is date(v) of Unix seconds or milliseconds, or of a text with an optional layout and time zone. A text of an
// event without a zone is in UTC, as Qase writes it.
func (e *Env) date(args ...any) any {
	location := time.UTC
	if zone, isZone := args[0].(*time.Location); isZone {
		location, args = zone, args[1:]
	}
	if written, ok := args[0].(writtenDate); ok {
		return written.in(e.location)
	}
	text, isText := args[0].(string)
	if t, isTime := value.Time(args[0]); isTime && !isText {
		return t
	}
	var more [2]string // the layout and the zone
	for i, arg := range args[1:] {
		more[i], isText = arg.(string)
	}
	if !isText || len(text)+len(more[0]) > 2*maxDateBytes {
		panic("date needs a date, such as \"2026-01-31\", not " + describe(args[0]))
	}
	if more[1] != "" {
		var err error
		if location, err = time.LoadLocation(more[1]); err != nil {
			panic("no time zone " + value.Quote(more[1]))
		}
	}
	t, ok := parseDate(text, more[0], location)
	if !ok {
		panic("not a valid date: " + value.Quote(text))
	}
	return t
}

// duration is duration(v) of a text.
func (e *Env) duration(args ...any) any {
	switch v := args[0].(type) {
	case time.Duration:
		return v
	case string:
		if d, ok := parseDuration(v); ok {
			return d
		}
		panic("not a valid duration: " + value.Quote(value.Shorten(v, maxDateBytes)))
	}
	panic(`duration needs a text such as "24h", not ` + describe(args[0]))
}

// parseDuration reads a duration such as 90s, -1h30m and 7d.
func parseDuration(text string) (time.Duration, bool) {
	if len(text) > maxDateBytes {
		return 0, false
	}
	if d, err := time.ParseDuration(text); err == nil {
		return d, true
	}
	positive, negative := strings.CutPrefix(text, "-")
	d, err := value.ParseDuration(positive)
	if negative {
		d = -d
	}
	return d, err == nil
}

var (
	timeType     = reflect.TypeOf(time.Time{})
	durationType = reflect.TypeOf(time.Duration(0))
)

// date takes numbers and the dates of events too. A date that is written in the condition is read once.
func (v *nilSafe) date(node *ast.Node, n *ast.BuiltinNode) {
	args := make([]ast.Node, len(n.Arguments))
	copy(args, n.Arguments)
	if len(args) > 3 {
		v.refuse(n, "date takes a date, a layout and a time zone", `write date("2026-01-31")`)
		return
	}
	if layout, zone, constant := v.layoutOf(args[1:]); constant {
		args[0] = v.written(args[0], layout, zone)
		if isWritten(args[0]) {
			args = args[:1]
		}
	}
	v.call(node, neverNil, dateFunction, args...)
	v.setType(*node, timeType)
	if v.kindOf(args[0]) == maybeNil {
		call := (*node).(*ast.CallNode)
		v.guard(node, []*ast.Node{&call.Arguments[1]}, nil)
	}
}

// layoutOf returns the layout and the time zone among the arguments of date, if they are constants.
func (v *nilSafe) layoutOf(args []ast.Node) (layout string, zone *time.Location, constant bool) {
	texts := make([]string, 2)
	for i, arg := range args {
		text, isText := arg.(*ast.StringNode)
		if !isText {
			return "", nil, false
		}
		texts[i] = text.Value
	}
	if texts[1] == "" {
		return texts[0], nil, true
	}
	zone, err := time.LoadLocation(texts[1])
	if err != nil {
		v.refuse(args[1], fmt.Sprintf("no time zone %q", texts[1]), `write its name, such as "Europe/Berlin"`)
	}
	return texts[0], zone, err == nil
}

// written replaces the texts that n can be by the dates that they say.
func (v *nilSafe) written(n ast.Node, layout string, zone *time.Location) ast.Node {
	switch n := n.(type) {
	case *ast.StringNode:
		date, ok := readDate(n.Value, layout)
		if !ok {
			message, hint := diagnose.Date(n.Value, layout)
			v.refuse(n, message, hint)
			return n
		}
		if zone != nil && !date.zoned {
			date.clock, date.zoned = date.in(zone), true
		}
		return v.constant(n, date)
	case *ast.ConditionalNode:
		n.Exp1, n.Exp2 = v.written(n.Exp1, layout, zone), v.written(n.Exp2, layout, zone)
	case *ast.BinaryNode:
		if n.Operator == "??" {
			n.Left, n.Right = v.written(n.Left, layout, zone), v.written(n.Right, layout, zone)
		}
	case *ast.CallNode:
		if callee, named := n.Callee.(*ast.IdentifierNode); named && callee.Value == probeFunction {
			n.Arguments[1] = v.written(n.Arguments[1], layout, zone)
		}
	}
	return n
}

func isWritten(n ast.Node) bool {
	constant, isConstant := n.(*ast.ConstantNode)
	if !isConstant {
		return false
	}
	_, written := constant.Value.(writtenDate)
	return written
}

// constant returns a value in place of n.
func (v *nilSafe) constant(n ast.Node, value any) ast.Node {
	out := n
	v.put(&out, &ast.ConstantNode{Value: value}, neverNil)
	return out
}

// duration reads a duration that is written in the condition once.
func (v *nilSafe) duration(node *ast.Node, n *ast.BuiltinNode) {
	if text, isText := n.Arguments[0].(*ast.StringNode); isText {
		d, ok := parseDuration(text.Value)
		if !ok {
			message, hint := diagnose.Duration(text.Value)
			v.refuse(text, message, hint)
			return
		}
		*node = v.constant(n, d)
		v.setType(*node, durationType)
		return
	}
	v.call(node, neverNil, durationFunction, n.Arguments[0])
	v.setType(*node, durationType)
	if v.kindOf(n.Arguments[0]) == maybeNil {
		call := (*node).(*ast.CallNode)
		v.guard(node, []*ast.Node{&call.Arguments[1]}, nil)
	}
}

// setType records the type of a node that nilSafe puts in, for the operators around it.
func (v *nilSafe) setType(n ast.Node, t reflect.Type) {
	if v.typed == nil {
		v.typed = map[ast.Node]bool{}
	}
	n.SetType(t)
	v.typed[n] = true
}

// readTexts makes a text of the condition beside a time the date, and beside a duration the duration, that it says.
func (v *nilSafe) readTexts(n *ast.BinaryNode) {
	for _, sides := range [][2]*ast.Node{{&n.Left, &n.Right}, {&n.Right, &n.Left}} {
		text, isText := (*sides[0]).(*ast.StringNode)
		other := *sides[1]
		if !isText || syntax.IsLiteral(other) {
			continue
		}
		date, isDate := readDate(text.Value, "")
		switch length, isLength := parseDuration(text.Value); {
		case v.isTyped(other) && other.Type() == timeType && isDate:
			args := v.constant(text, date)
			v.call(sides[0], neverNil, dateFunction, args)
			v.setType(*sides[0], timeType)
		case v.isTyped(other) && other.Type() == durationType && isLength:
			*sides[0] = v.constant(text, length)
			v.setType(*sides[0], durationType)
		case !v.isTyped(other) && isDate:
			*sides[0] = v.constant(text, date)
		}
	}
}
