package judge

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
)

// sort is the type of a value of a condition, in the words of the catalog where it has one.
type sort string

// The sorts. A value of an unknown sort may be anything.
const (
	unknown  sort = ""
	number   sort = "number"
	integer  sort = "integer"
	text     sort = "string"
	boolean  sort = "boolean"
	list     sort = "array"
	object   sort = "object"
	moment   sort = catalog.TypeTime
	span     sort = catalog.TypeSpan
	nothing  sort = "nil"
	calendar sort = "calendar" // a weekday or month
)

// shape is the knowledge of a value of a condition before any event is read: its type and the values it can have.
type shape struct {
	sort    sort
	source  string          // as it is written
	field   condition.Field // the zero Field for anything but a field
	where   string          // the event whose field it is: " in run.completed", or ""
	literal any             // the value of a literal, or nil
	isConst bool            // it is a literal, or a list of literals

	low, high float64 // of a number
	share     *share  // of a number that is part of another
	whole     *share  // of a number that others are part of: the number itself

	values  []string // all values of a text; nil if it may have others
	names   string   // of the values, such as "Monday" to "Sunday"
	letters string   // lower or upper, if a text has no others
	trimmed bool     // a text has no space at its ends
	never   string   // the reason why it is never nil or empty; "" if it can be

	element *shape   // of a list
	fields  []string // of an object that are known, such as email, name and title
}

// share is a number that is at most factor times the field of.
type share struct {
	of     string
	parts  []string // the fields that are counted
	factor float64
}

// numeric makes the shape of a number from low to high.
func numeric(s sort, low, high float64) shape { return shape{sort: s, low: low, high: high} }

func anyNumber() shape { return numeric(number, math.Inf(-1), math.Inf(1)) }

// isNumber reports whether a value is a number.
func (s shape) isNumber() bool { return s.sort == number || s.sort == integer }

// bounded reports whether a number has a limit.
func (s shape) bounded() bool {
	return s.isNumber() && !s.isConst && (!math.IsInf(s.low, -1) || !math.IsInf(s.high, 1))
}

// isField reports whether the value is a field of a payload, entity or the like.
func (s shape) isField() bool { return s.field.Root != "" }

// kindName names the type of a value for people, with its article.
func (s shape) kindName() string {
	if s.isField() && s.sort != moment {
		return withArticle(string(s.sort))
	}
	switch s.sort {
	case text:
		return "text"
	case boolean:
		return "true or false"
	case calendar:
		return "a day or month"
	case moment:
		return "a time"
	case nothing:
		return "nil"
	}
	if s.isNumber() {
		return "a number"
	}
	return withArticle(string(s.sort))
}

// is begins a sentence about the type of the value: payload.failed is an integer in run.completed.
func (s shape) is() string {
	source := s.source
	if s.isField() && strings.HasPrefix(source, ".") {
		source = s.field.String()
	}
	return source + " is " + s.kindName() + s.where
}

// listOfObjects reports whether the value is a list whose items are objects.
func (s shape) listOfObjects() bool {
	return s.sort == list && s.element != nil && s.element.sort == object
}

// has reports whether an object is known to have a field.
func (s shape) has(field string) bool { return slices.Contains(s.fields, field) }

// best returns the field of an object that a text most likely means.
func (s shape) best(literal any) string {
	written, isText := literal.(string)
	candidates := []string{"title", "name", "email"}
	switch {
	case !isText:
		candidates = []string{"id", "member_id"}
	case strings.Contains(written, "@"):
		candidates = []string{"email", "name", "title"}
	case s.has("email"):
		candidates = []string{"name", "email"}
	}
	for _, c := range candidates {
		if s.has(c) {
			return c
		}
	}
	return ""
}

// withArticle returns a word with a or an.
func withArticle(kind string) string {
	if strings.ContainsRune("aeiou", rune(kind[0])) {
		return "an " + kind
	}
	return "a " + kind
}

// limits describes the values of a bounded number.
func (s shape) limits() string {
	switch {
	case math.IsInf(s.high, 1):
		return fmt.Sprintf("%s is never below %s", s.source, plainNumber(s.low))
	case math.IsInf(s.low, -1):
		return fmt.Sprintf("%s is never above %s", s.source, plainNumber(s.high))
	}
	return fmt.Sprintf("%s is %s to %s", s.source, plainNumber(s.low), plainNumber(s.high))
}

func plainNumber(x float64) string { return strings.TrimSuffix(fmt.Sprintf("%.4g", x), ".0") }
