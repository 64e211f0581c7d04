package calls

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"

	"qaserelay/rules/diag"
	"qaserelay/rules/template"
	"qaserelay/rules/template/funcs"
	"qaserelay/rules/value"
)

// arguments checks the number, types and order of the arguments of a call.
func (w *World) arguments(call template.Call) diag.Finding {
	usage, known := funcs.UsageOf(call.Name)
	if !known {
		return diag.Finding{}
	}
	if i := slices.IndexFunc(call.Args, isOperator); i >= 0 {
		return diag.Finding{At: call.Args[i].At, Message: call.Args[i].Source + " is an argument of " + call.Name + " here",
			Hint: "each part needs parentheses: write " + grouped(call, i)}
	}
	if n := len(call.Args); n < usage.Least || usage.Most() >= 0 && n > usage.Most() {
		return wrongNumber(call, usage)
	}
	own := w.misfits(usage, call.Args)
	if slices.Max(append(own, 0)) == 0 {
		return diag.Finding{}
	}
	if better := w.reorder(usage, call.Args, sum(own)); better != nil {
		return diag.Finding{At: misplaced(call, own), Message: orderOf(usage), Hint: "write " + written(call.Name, better)}
	}
	if i := slices.Index(own, wrong); i >= 0 {
		return w.wrongType(call, usage, i)
	}
	return diag.Finding{}
}

// wrongNumber reports a call with too few or too many arguments.
func wrongNumber(call template.Call, usage funcs.Usage) diag.Finding {
	got := strconv.Itoa(len(call.Args)) + " values"
	switch len(call.Args) {
	case 0:
		got = "none"
	case 1:
		got = "1 value"
	}
	hint := fmt.Sprintf("write %s, such as %s", usage, usage.Example)
	return diag.Finding{At: call.At, Message: fmt.Sprintf("%s, and gets %s", takes(usage), got), Hint: hint}
}

// isOperator reports whether an argument is the name of an operator, as in eq .a 1 or eq .b 2.
func isOperator(a template.Arg) bool {
	return a.Call != nil && len(a.Call.Args) == 0 && slices.Contains([]string{"and", "or", "not", "eq", "ne", "lt", "le",
		"gt", "ge"}, a.Source)
}

// grouped returns a call whose i-th argument is an operator with the parentheses that it needs.
func grouped(call template.Call, i int) string {
	source := func(args []template.Arg) string {
		parts := make([]string, len(args))
		for j, a := range args {
			parts[j] = a.Source
		}
		return strings.Join(parts, " ")
	}
	before, operator, after := source(call.Args[:i]), call.Args[i].Source, source(call.Args[i+1:])
	switch {
	case (operator == "and" || operator == "or") && i+1 < len(call.Args) && isOperator(call.Args[i+1]):
		return fmt.Sprintf("%s (%s %s) (%s)", operator, call.Name, before, after)
	case operator == "and" || operator == "or":
		return fmt.Sprintf("%s (%s %s) %s", operator, call.Name, before, after)
	}
	return strings.Join(strings.Fields(fmt.Sprintf("%s %s (%s %s)", call.Name, before, operator, after)), " ")
}

// takes says what a function takes: trunc takes LENGTH and TEXT.
func takes(usage funcs.Usage) string {
	words := strings.Fields(usage.String())[1:]
	last := len(words) - 1
	if last <= 0 {
		return usage.Name + " takes " + strings.Join(words, "")
	}
	return usage.Name + " takes " + strings.Join(words[:last], ", ") + " and " + words[last]
}

// How far a value is from what an argument has to be. A doubtful one is a constant where a value of the event is usual,
// or the reverse.
const doubtful, wrong = 1, 3

// misfits returns for each argument how far it is from what it has to be.
func (w *World) misfits(usage funcs.Usage, args []template.Arg) []int {
	all := make([]int, len(args))
	for i, a := range args {
		all[i] = w.misfit(words[usage.Word(i)], a)
	}
	return all
}

// word describes an argument by its word in the usage of a function.
type word struct {
	name  string // for people, with its article
	kind  string // number, text, list, object, container, countable, time, address, truth or nothing
	fixed bool   // it is usually a constant
	event bool   // it is usually a value of the event
}

var words = map[string]word{
	"LENGTH": {"the length", "number", true, false}, "SIZE": {"the size", "number", true, false},
	"PLACES": {"the places", "number", true, false}, "START": {"the start", "number", true, false},
	"END": {"the end", "number", true, false}, "PARTS": {"the number of parts", "number", true, false},
	"COUNT": {"the count", "number", true, false}, "NUMBER": {"the number", "number", false, false},
	"PART": {"the part", "number", false, false}, "WHOLE": {"the whole", "number", false, false},
	"SECONDS": {"seconds", "number", false, false}, "SEPARATOR": {"the separator", "", true, false},
	"OLD": {"the text to replace", "", true, false}, "NEW": {"its replacement", "", true, false},
	"CHARACTERS": {"the characters", "", true, false}, "PIECE": {"the text to look for", "", true, false},
	"BEGINNING": {"the beginning", "", true, false}, "ENDING": {"the ending", "", true, false},
	"PATTERN": {"the pattern", "", true, false}, "REPLACEMENT": {"the replacement", "", true, false},
	"LAYOUT": {"the layout", "layout", true, false}, "FORMAT": {"the format", "layout", true, false},
	"ONE": {"the word", "layout", true, false}, "MANY": {"its plural", "layout", true, false},
	"LABEL": {"the text", "label", false, false}, "KIND": {"the kind", "layout", true, false},
	"FALLBACK": {"the fallback", "", true, false}, "YES": {"the text for true", "", true, false},
	"NO": {"the text for false", "", true, false}, "ITEM": {"the item", "item", true, false},
	"KEY": {"the key", "", true, false}, "TEXT": {"the text", "", false, true},
	"WHERE": {"the text", "text", false, true}, "FIELD": {"the value", "", false, true},
	"CONDITION": {"the condition", "truth", false, true}, "LIST": {"a list", "list", false, true},
	"OBJECT": {"an object", "object", false, true}, "CONTAINER": {"a list or an object", "container", false, true},
	"THINGS": {"text, a list or an object", "countable", false, false}, "TIME": {"the time", "time", false, true},
	"URL": {"the address", "address", false, true}, "PERSON": {"a person", "person", false, false},
}

// misfit returns how far an argument is from what its word says.
func (w *World) misfit(is word, a template.Arg) int {
	if a.Literal != nil {
		return constantMisfit(is, a.Literal)
	}
	kind := w.kind(a)
	if kind != "" && !accepts(is.kind, kind, a) {
		return wrong
	}
	isConstant := len(a.Path) == 0 && a.Call == nil
	if is.fixed && !isConstant || is.kind == "label" && kind == "address" || is.kind == "address" && kind == "string" {
		return doubtful
	}
	return 0
}

// constantMisfit returns how far a constant is from what an argument has to be.
func constantMisfit(is word, literal any) int {
	text, isText := literal.(string)
	_, isNumber := value.ParseNumber(strings.TrimSpace(text))
	_, isTruth := literal.(bool)
	fits := true
	switch is.kind {
	case "number":
		fits = !isTruth && (!isText || isNumber)
	case "layout", "text":
		fits = isText
	case "list", "object", "container", "person":
		fits = is.kind == "person" && !isTruth
	case "countable":
		fits = isText
	case "time":
		_, fits = value.Time(literal)
		fits = fits && isText
	case "address":
		fits = isText && address.MatchString(text)
		if fits {
			return 0
		}
	case "truth":
		fits = !isText
	case "label":
		fits = !address.MatchString(text)
	}
	switch {
	case !fits:
		return wrong
	case is.event:
		return doubtful
	}
	return 0
}

// accepts reports whether an argument of a kind takes a value of a type of the catalog.
func accepts(kind, is string, a template.Arg) bool {
	isNumber := is == "integer" || is == "number"
	switch kind {
	case "number":
		return isNumber || is == "duration"
	case "layout":
		return is == "string" || is == "address"
	case "item":
		return is != "array"
	case "text":
		return is != "array" && is != "object"
	case "list":
		return is == "array"
	case "object":
		return is == "object"
	case "container":
		return is == "object" || is == "array"
	case "countable":
		return !isNumber && is != "boolean" && is != "time"
	case "time":
		return is == "time" || isNumber || is == "string" && isDate(a)
	case "address":
		return is == "address" || is == "string" && mayBeAddress(a)
	case "person":
		return is != "time" && is != "boolean"
	}
	return true
}

// mayBeAddress reports whether the text of a field may be a URL.
func mayBeAddress(a template.Arg) bool {
	if len(a.Path) == 0 {
		return true
	}
	last := strings.ToLower(a.Path[len(a.Path)-1])
	return slices.ContainsFunc([]string{"url", "link", "href", "uri", "value"}, func(part string) bool {
		return strings.Contains(last, part)
	})
}

// isDate reports whether a field is text that has a date.
func isDate(a template.Arg) bool {
	if len(a.Path) == 0 {
		return true
	}
	last := a.Path[len(a.Path)-1]
	return slices.ContainsFunc([]string{"created", "updated", "date", "_at", "time"}, func(part string) bool {
		return strings.Contains(last, part)
	})
}

// results returns the types of what functions return.
var results = sync.OnceValue(func() map[string]string {
	all := map[string]string{}
	for kind, names := range map[string]string{
		"number": "add add1 sub mul div mod max min int int64 atoi float64 ceil floor round len runDuration",
		"boolean": "eq ne lt le gt ge not empty contains hasPrefix hasSuffix regexMatch has hasKey kindIs deepEqual all " +
			"any",
		"string": "print println printf toString upper lower title untitle trim trimAll trimPrefix trimSuffix trunc " +
			"abbrev substr replace nospace swapcase snakecase camelcase kebabcase quote squote wrap indent nindent join " +
			"urlquery regexFind regexReplaceAll regexReplaceAllLiteral plural percent date ago duration person kindOf " +
			"typeOf b64enc b64dec sha256sum",
		"array": "list splitList regexFindAll regexSplit rest initial reverse uniq compact without chunk append prepend " +
			"concat sortAlpha toStrings keys values",
		"object": "split splitn dict pick omit",
	} {
		for name := range strings.FieldsSeq(names) {
			all[name] = kind
		}
	}
	return all
})

// kind returns the type of a value that is not a constant, or "" if it is not known.
func (w *World) kind(a template.Arg) string {
	switch n := len(a.Path); {
	case n == 0 && a.Call != nil:
		return results()[a.Call.Name]
	case n == 0:
		return ""
	case a.Path[n-1] == "url":
		return "address"
	case a.Item && n == 2:
		return ""
	}
	return w.Type(a.Path)
}

// reorder returns the arguments in an order in which they fit better than in their own, or nil. Of several it is the one
// that is nearest to their own order.
func (w *World) reorder(usage funcs.Usage, args []template.Arg, own int) []template.Arg {
	var best []template.Arg
	least := -1
	if len(args) > 4 || usage.Most() < 0 && usage.Name != "index" && usage.Name != "without" {
		return nil
	}
	permute(args, func(order []template.Arg, moved int) {
		fit := sum(w.misfits(usage, order))
		if moved > 0 && fit < own && fit <= doubtful && (least < 0 || fit*100+moved < least) {
			best, least = slices.Clone(order), fit*100+moved
		}
	})
	return best
}

// permute calls visit with each order of args, and with the number of pairs whose order it changes.
func permute(args []template.Arg, visit func(order []template.Arg, moved int)) {
	var place func(order []template.Arg, used []int)
	place = func(order []template.Arg, used []int) {
		if len(order) == len(args) {
			visit(order, inversions(used))
			return
		}
		for i, a := range args {
			if !slices.Contains(used, i) {
				place(append(slices.Clip(order), a), append(slices.Clip(used), i))
			}
		}
	}
	place(nil, nil)
}

func inversions(order []int) (n int) {
	for i, a := range order {
		for _, b := range order[i+1:] {
			if b < a {
				n++
			}
		}
	}
	return n
}

func sum(all []int) (total int) {
	for _, n := range all {
		total += n
	}
	return total
}

// misplaced returns the place of the last argument that does not fit, or of the call if one comes by a pipe.
func misplaced(call template.Call, own []int) diag.Position {
	at := call.At
	for i, a := range call.Args {
		switch {
		case a.Piped:
			return call.At
		case own[i] > 0:
			at = a.At
		}
	}
	return at
}

// orderOf says in which order a function takes its arguments.
func orderOf(usage funcs.Usage) string {
	text := usage.Name + " takes " + words[usage.Word(0)].name + " first"
	for i := 1; i < len(usage.Words); i++ {
		text += ", then " + words[usage.Word(i)].name
	}
	return text
}

// written returns a call with the given arguments. If one came by a pipe, the last one does.
func written(name string, args []template.Arg) string {
	last := len(args) - 1
	parts, pipe := []string{name}, ""
	for i, a := range args {
		if i == last && a.Literal == nil && slices.ContainsFunc(args, isPiped) {
			pipe = a.Source + " | "
		} else {
			parts = append(parts, unpiped(a).Source)
		}
	}
	return pipe + strings.Join(parts, " ")
}

func isPiped(a template.Arg) bool { return a.Piped }

// wrongType reports the i-th argument, which can never be what the function takes.
func (w *World) wrongType(call template.Call, usage funcs.Usage, i int) diag.Finding {
	a, is := call.Args[i], words[usage.Word(i)]
	at := a.At
	if a.Piped {
		at = call.At
	}
	return diag.Finding{At: at, Message: fmt.Sprintf("%s takes %s, and %s is %s", call.Name, wanted(is), a.Source,
		named(w.kind(a), a.Literal)), Hint: w.typeHint(call, usage, i)}
}

// wanted is the type of an argument, for people.
func wanted(is word) string {
	switch is.kind {
	case "number":
		return "a number"
	case "layout", "text":
		return "text"
	case "time":
		return "a time"
	case "address":
		return "an address"
	}
	return is.name
}

// named is the type of a value, for people.
func named(kind string, literal any) string {
	switch literal.(type) {
	case string:
		return "text"
	case int, float64:
		return "a number"
	case bool:
		return "true or false"
	}
	switch kind {
	case "string":
		return "text"
	case "address":
		return "an address"
	case "boolean":
		return "true or false"
	case "array":
		return "a list"
	case "object":
		return "an object"
	case "time":
		return "a time"
	}
	return "a number"
}

// typeHint says what to write in place of an argument of another type.
func (w *World) typeHint(call template.Call, usage funcs.Usage, i int) string {
	a := call.Args[i]
	inner := a.Call
	switch kind := w.kind(a); {
	case inner != nil && inner.Name == "split" && len(inner.Args) == 2:
		return fmt.Sprintf("split gives an object with ._0, ._1 …; for a list write splitList %s %s", inner.Args[0].Source,
			inner.Args[1].Source)
	case usage.Name == "join" && kind == "string":
		return "write " + a.Source + " alone"
	case usage.Name == "len" && (kind == "integer" || kind == "number"):
		return "write " + a.Source + " alone"
	case usage.Word(i) == "NUMBER" && kind == "array":
		return "for the number of its items write len " + a.Source
	}
	return fmt.Sprintf("write %s, such as %s", usage, usage.Example)
}
