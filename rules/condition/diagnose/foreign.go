package diagnose

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/parser/lexer"

	"qaserelay/rules/condition/syntax"
)

// Constructs of other languages, and their equivalents here. An operator is joined from up to two tokens.
var (
	foreignOperators = map[string]string{
		"=": "==", "===": "==", ">==": ">=", "<==": "<=", "=>": ">=", "=<": "<=", "<>": "!=", "!==": "!=",
		">>": ">", "<<": "<", "&": "and", "|": "or",
	}
	foreignWords = map[string]string{ // between two values, in lower case and without "_"
		"and": "and", "or": "or", "in": "in", "is": "==", "isnot": "!=", "isnt": "!=",
		"equals": "==", "equal": "==", "eq": "==", "ne": "!=",
		"gt": ">", "gte": ">=", "ge": ">=", "lt": "<", "lte": "<=", "le": "<=",
		"like": "contains", "ilike": "contains", "rlike": "matches", "regexp": "matches", "regex": "matches", "has": "contains", "include": "contains", "includes": "contains",
		"contain": "contains", "contains": "contains", "match": "matches", "matches": "matches",
		"startswith": "startsWith", "beginswith": "startsWith", "endswith": "endsWith",
	}
	foreignValues = map[string]string{ // in place of a value, in lower case; none is a function
		"true": "true", "false": "false", "null": "nil", "nil": "nil", "None": "nil", "undefined": "nil", "not": "not",
	}
)

// tokenList is the tokens of a source, the last of which is the end.
type tokenList []lexer.Token

// foreignSyntax returns the first word or operator of another language, or nil.
func foreignSyntax(tokens tokenList) *fault {
	for i, t := range tokens {
		var f *fault
		switch t.Kind {
		case lexer.Operator:
			f = tokens.foreignOperator(i)
		case lexer.Identifier:
			f = tokens.foreignWord(i)
		}
		if f != nil {
			return f
		}
	}
	return nil
}

func (l tokenList) foreignOperator(i int) *fault {
	t, next := l[i], l[i+1]
	written := t.Value
	if both := t.Value + next.Value; next.Kind == lexer.Operator && next.From == t.To && foreignOperators[both] != "" {
		written = both
	}
	meant := foreignOperators[written]
	switch {
	case meant == "":
		return l.misplaced(i)
	case written == "=" && i >= 2 && l[i-2].Is(lexer.Operator, "let"):
		return nil
	case written == "|" && next.Kind == lexer.Identifier && l[i+2].Is(lexer.Bracket, "("):
		return nil // a function with its first argument in front of it
	case written == "|" && next.Kind == lexer.Identifier && slices.Contains(builtin.Names, next.Value):
		return &fault{next.From, "a function needs parentheses", "write " + next.Value + "()"}
	case written == "=":
		return &fault{t.From, "a single = is not an operator", "write == to compare"}
	case len(written) == 1:
		return &fault{t.From, "a single " + written + " is not an operator", "write " + meant}
	}
	return &fault{t.From, written + " is not an operator", "write " + meant}
}

// misplaced finds contains(a, b), and names that begin with a dot as in templates.
func (l tokenList) misplaced(i int) *fault {
	t, next := l[i], l[i+1]
	switch {
	case t.Value == "." && !l.endsValue(i) && !l[:i].opens():
		return &fault{t.From, "a name begins with a dot", "write it without: the dot is for templates"}
	case !slices.Contains(syntax.TextOperators, t.Value), !next.Is(lexer.Bracket, "("), l.endsValue(i),
		i > 0 && l[i-1].Value == ".":
		return nil
	}
	return &fault{t.From, t.Value + " is not a function but an operator between two texts",
		"write payload.title " + t.Value + ` "x"`}
}

// opens reports whether a bracket stays open: within it, .name is a field of an item of a list.
func (l tokenList) opens() bool {
	open := 0
	for _, t := range l {
		if t.Is(lexer.Bracket, "(", "{") {
			open++
		} else if t.Is(lexer.Bracket, ")", "}") {
			open--
		}
	}
	return open > 0
}

// endsValue reports whether a value ends in front of token i, so that only an operator can follow.
func (l tokenList) endsValue(i int) bool {
	if i == 0 {
		return false
	}
	switch before := l[i-1]; before.Kind {
	case lexer.Identifier, lexer.Number, lexer.String:
		return true
	case lexer.Bracket:
		return strings.Contains(")]}", before.Value)
	}
	return false
}

func (l tokenList) foreignWord(i int) *fault {
	written := l[i].Value
	if i > 0 && l[i-1].Is(lexer.Operator, ".", "?.") {
		return nil // a field may have any name
	}
	meant := cmp.Or(foreignValues[written], foreignValues[strings.ToLower(written)])
	if l.endsValue(i) && written != "None" {
		key := strings.ToLower(strings.ReplaceAll(written, "_", ""))
		if key == "is" && l[i+1].Is(lexer.Operator, "not") {
			key, written = "isnot", written+" not"
		}
		meant = foreignWords[key]
	}
	if meant == "" || meant == written {
		return nil
	}
	if strings.EqualFold(written, "like") && l[i+1].Kind == lexer.String {
		meant = likeWords(l[i+1].Value)
	}
	return &fault{l[i].From, strconv.Quote(written) + " is not supported", "write " + meant}
}

// unbalanced returns the first bracket without its partner, or nil.
func unbalanced(tokens tokenList) *fault {
	var open []lexer.Token
	for i, t := range tokens {
		switch {
		case t.Kind != lexer.Bracket:
		case t.Value == "{" && tokens[i+1].Is(lexer.Bracket, "{") && tokens[i+1].From == t.To:
			return &fault{t.From, "a condition has no {{ }}", "write the name itself, such as payload.failed"}
		case strings.Contains("([{", t.Value):
			open = append(open, t)
		case len(open) == 0:
			return &fault{t.From, "this " + t.Value + " closes nothing", "remove it, or add what it closes"}
		default:
			last := open[len(open)-1]
			if closing(last) != t.Value {
				return &fault{last.From, "a " + last.Value + " is not closed",
					"there is a " + t.Value + " where it should be"}
			}
			open = open[:len(open)-1]
		}
	}
	if len(open) == 0 {
		return nil
	}
	return &fault{open[0].From, "a " + open[0].Value + " is not closed", "write " + closing(open[0]) + " where it ends"}
}

// closing returns the bracket that closes another one.
func closing(open lexer.Token) string {
	return map[string]string{"(": ")", "[": "]", "{": "}"}[open.Value]
}
