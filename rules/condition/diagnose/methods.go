package diagnose

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Weekdays returns the names of the days of the week, from Sunday.
func Weekdays() []string {
	var all []string
	for d := time.Sunday; d <= time.Saturday; d++ {
		all = append(all, d.String())
	}
	return all
}

// Months returns the names of the months.
func Months() []string {
	var all []string
	for m := time.January; m <= time.December; m++ {
		all = append(all, m.String())
	}
	return all
}

// methodWords are the names of functions of this language, and of operators between two texts, by the methods and
// properties of other languages in lower case and without "_".
var (
	functionWords = map[string]string{
		"lower": "lower", "tolower": "lower", "tolowercase": "lower", "downcase": "lower", "casefold": "lower",
		"upper": "upper", "toupper": "upper", "touppercase": "upper", "upcase": "upper",
		"trim": "trim", "strip": "trim", "length": "len", "len": "len", "size": "len", "count": "len",
		"split": "split", "tostring": "string", "join": "join", "replace": "replace", "replaceall": "replace",
		"indexof": "indexOf", "first": "first", "last": "last", "keys": "keys", "values": "values", "isempty": "len",
	}
	operatorWords = map[string]string{
		"contains": "contains", "includes": "contains", "include": "contains", "has": "contains",
		"startswith": "startsWith", "beginswith": "startsWith", "hasprefix": "startsWith",
		"endswith": "endsWith", "hassuffix": "endsWith", "matches": "matches", "match": "matches", "test": "matches",
		"equals": "==", "eq": "==", "equalsignorecase": "==",
	}
)

func plainWord(name string) string { return strings.ToLower(strings.ReplaceAll(name, "_", "")) }

// InOurWords returns base.method(args) as this language writes it, or "" if the method has no counterpart.
func InOurWords(base, method string, args []string) string {
	word := plainWord(method)
	if operator := operatorWords[word]; operator != "" && len(args) == 1 {
		return fmt.Sprintf("%s %s %s", base, operator, args[0])
	}
	function := functionWords[word]
	switch {
	case word == "isempty":
		return "len(" + base + ") == 0"
	case slices.Contains([]string{"substring", "substr", "slice"}, word) && len(args) == 2:
		return base + "[" + args[0] + ":" + args[1] + "]"
	case function == "":
		return ""
	}
	return function + "(" + strings.Join(append([]string{base}, args...), ", ") + ")"
}

// MethodHint returns a hint at the counterpart of a method or property of another language, or "". Without arguments
// the operand of an operator is shown as "x".
func MethodHint(base, method string, args []string) string {
	if operatorWords[plainWord(method)] != "" && len(args) == 0 {
		args = []string{`"x"`}
	}
	if words := InOurWords(base, method, args); words != "" {
		return "write " + words
	}
	return ""
}

// timeMethods are the methods of a time that conditions use most.
var timeMethods = []string{"Hour", "Minute", "Second", "Day", "Month", "Year", "Weekday", "YearDay", "Unix", "Format"}

// timeHint returns a hint at the method of a time that a wrong name most likely stands for, or "".
func timeHint(base, name string) string {
	names := map[string]string{"hours": "Hour", "minutes": "Minute", "min": "Minute", "seconds": "Second",
		"gethours": "Hour", "dayofweek": "Weekday", "weekdays": "Weekday", "getday": "Weekday", "isoweekday": "Weekday",
		"dow": "Weekday", "date": "Day", "dayofmonth": "Day", "timestamp": "Unix", "strftime": "Format"}
	meant := names[plainWord(name)]
	if i := slices.IndexFunc(timeMethods, func(m string) bool { return strings.EqualFold(m, name) }); i >= 0 {
		meant = timeMethods[i]
	}
	switch meant {
	case "":
		return "write " + base + ".Hour(), .Minute(), .Day(), .Month(), .Year() or .Weekday()"
	case "Weekday", "Month":
		example := map[string]string{"Weekday": "Sunday", "Month": "December"}[meant]
		return fmt.Sprintf("write %s.%s(), such as %s.%s().String() == %q", base, meant, base, meant, example)
	}
	return "write " + base + "." + meant + "()"
}
