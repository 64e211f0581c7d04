package condition

import (
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser/lexer"

	"qaserelay/rules/diag"
)

// What people write who know another language, and what is meant. An operator is joined from up to two tokens.
var (
	foreignOperators = map[string]string{
		"=": "==", "===": "==", ">==": ">=", "<==": "<=", "=>": ">=", "=<": "<=", "<>": "!=", "!==": "!=", ">>": ">", "<<": "<", "&": "and", "|": "or",
	}
	foreignWords = map[string]string{ // between two values, in lower case and without "_"
		"and": "and", "or": "or", "in": "in", "is": "==", "isnot": "!=", "equals": "==", "equal": "==", "eq": "==", "ne": "!=",
		"isnt": "!=", "gt": ">", "gte": ">=", "ge": ">=", "lt": "<", "lte": "<=", "le": "<=", "like": "contains", "has": "contains",
		"include": "contains", "includes": "contains", "contain": "contains", "contains": "contains", "match": "matches", "matches": "matches",
		"startswith": "startsWith", "beginswith": "startsWith", "endswith": "endsWith",
	}
	foreignValues = map[string]string{ // where a value stands, in lower case
		"true": "true", "false": "false", "null": "nil", "nil": "nil", "undefined": "nil", "not": "not",
	}
	straightQuotes = map[rune]string{'“': `"`, '”': `"`, '„': `"`, '‘': `'`, '’': `'`}
)

// words puts foreign words and operators right in the draft. It reports false if the text cannot be read any further.
func (f *faultFinder) words() bool {
	for len(f.faults) < diag.MaxFindings {
		tokens, err := f.tokens()
		if err != nil && !f.straighten(err) {
			f.unreadable(tokens, err)
			return false
		}
		if err == nil && !f.foreign(tokens) {
			return true
		}
	}
	return true
}

// tokens returns those up to the first thing that is none.
func (f *faultFinder) tokens() (tokens []lexer.Token, err error) {
	l := lexer.New()
	l.Reset(file.NewSource(f.draft.String()))
	for {
		t, err := l.Next()
		if err != nil {
			return tokens, err
		}
		if tokens = append(tokens, t); t.Kind == lexer.EOF {
			return tokens, nil
		}
	}
}

// straighten puts curved quotes right, if err is about one.
func (f *faultFinder) straighten(err error) bool {
	var fe *file.Error
	if !errors.As(err, &fe) || fe.From >= f.draft.len() || straightQuotes[f.draft.text[fe.From]] == "" {
		return false
	}
	f.add(fe.From, "a curved quote "+string(f.draft.text[fe.From])+" stands where a straight one is needed", `write "`)
	for i, r := range f.draft.text[fe.From:] {
		if quote := straightQuotes[r]; quote != "" {
			f.draft.replace(fe.From+i, fe.From+i+1, quote)
		}
	}
	return true
}

// unreadable reports why the text cannot be cut into tokens.
func (f *faultFinder) unreadable(tokens []lexer.Token, err error) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return
	}
	from := 0
	if len(tokens) > 0 {
		from = tokens[len(tokens)-1].To
	}
	for from < f.draft.len() && strings.ContainsRune(" \t\r\n", f.draft.text[from]) {
		from++
	}
	switch {
	case strings.Contains(fe.Message, "not terminated") && from < f.draft.len():
		f.add(from, "a "+string(f.draft.text[from])+" is not closed", "write the same quote at the end of the text")
	case strings.Contains(fe.Message, "invalid char escape"):
		f.add(fe.From, `a \ in a text begins something that means nothing`, `write \\ for a backslash`)
	case strings.HasPrefix(fe.Message, "unrecognized character") && fe.From < f.draft.len():
		f.add(fe.From, "the character "+string(f.draft.text[fe.From])+" means nothing here", "put text in quotes")
	case strings.HasPrefix(fe.Message, "bad number"):
		f.add(from, "this is not a number", `put text in quotes: "…"; a length of time is duration("24h")`)
	default:
		f.add(fe.From, fe.Message, "")
	}
}

// foreign puts the first foreign word or operator right, and reports whether there was one.
func (f *faultFinder) foreign(tokens []lexer.Token) bool {
	for i, t := range tokens {
		switch t.Kind {
		case lexer.Operator:
			if f.foreignOperator(tokens, i) {
				return true
			}
		case lexer.Identifier:
			if f.foreignWord(tokens, i) {
				return true
			}
		}
	}
	return false
}

func (f *faultFinder) foreignOperator(tokens []lexer.Token, i int) bool {
	t, next := tokens[i], tokens[i+1]
	written, to := t.Value, t.To
	if both := t.Value + next.Value; next.Kind == lexer.Operator && next.From == t.To && foreignOperators[both] != "" {
		written, to = both, next.To
	}
	meant := foreignOperators[written]
	switch {
	case meant == "":
		return f.misplaced(tokens, i)
	case written == "=" && i >= 2 && tokens[i-2].Is(lexer.Operator, "let"):
		return false
	case written == "|" && next.Kind == lexer.Identifier && tokens[i+2].Is(lexer.Bracket, "("):
		return false // a function with its first argument in front of it
	case written == "|" && next.Kind == lexer.Identifier && slices.Contains(builtin.Names, next.Value):
		f.add(next.From, "a function needs parentheses", "write "+next.Value+"()")
		f.draft.replace(next.To, next.To, "()")
		return true
	}
	hint := "write " + meant
	if written == "=" {
		hint = "write == to compare"
	}
	f.add(t.From, "a single "+written+" is not an operator", hint)
	if len(written) > 1 {
		f.faults[len(f.faults)-1].Message = written + " is not an operator"
	}
	f.draft.replace(t.From, to, " "+meant+" ")
	return true
}

// misplaced finds contains(a, b), and the templates' way to write a name.
func (f *faultFinder) misplaced(tokens []lexer.Token, i int) bool {
	t, next := tokens[i], tokens[i+1]
	if t.Value == "." && !endsValue(tokens, i) && !withinBrackets(tokens[:i]) {
		f.add(t.From, "a name begins with a dot", "write it without: the dot is for templates")
		f.draft.replace(t.From, t.To, "")
		return true
	}
	word := strings.Contains("contains startsWith endsWith matches", t.Value) && len(t.Value) > 1
	if !word || !next.Is(lexer.Bracket, "(") || endsValue(tokens, i) || i > 0 && tokens[i-1].Value == "." {
		return false
	}
	f.add(t.From, t.Value+" is no function: it stands between two texts", `write payload.title `+t.Value+` "x"`)
	f.draft.replace(t.From, t.To, "hasPrefix")
	return true
}

// withinBrackets reports whether anything is open behind tokens: there, .name is a field of the element of a list.
func withinBrackets(tokens []lexer.Token) bool {
	open := 0
	for _, t := range tokens {
		if t.Is(lexer.Bracket, "(", "{") {
			open++
		} else if t.Is(lexer.Bracket, ")", "}") {
			open--
		}
	}
	return open > 0
}

// endsValue reports whether a value ends in front of token i, so that only an operator can follow.
func endsValue(tokens []lexer.Token, i int) bool {
	if i == 0 {
		return false
	}
	switch before := tokens[i-1]; before.Kind {
	case lexer.Identifier, lexer.Number, lexer.String:
		return true
	case lexer.Bracket:
		return strings.Contains(")]}", before.Value)
	}
	return false
}

func (f *faultFinder) foreignWord(tokens []lexer.Token, i int) bool {
	t, to := tokens[i], tokens[i].To
	if i > 0 && tokens[i-1].Is(lexer.Operator, ".", "?.") {
		return false // a field may have any name
	}
	key := strings.ToLower(strings.ReplaceAll(t.Value, "_", ""))
	meant := foreignValues[strings.ToLower(t.Value)]
	if endsValue(tokens, i) {
		if key == "is" && tokens[i+1].Is(lexer.Operator, "not") {
			key, to = "isnot", tokens[i+1].To
		}
		meant = foreignWords[key]
	}
	if t.Value == "None" {
		meant = "nil"
	}
	if meant == "" || meant == t.Value {
		return false
	}
	f.add(t.From, strconv.Quote(string(f.draft.text[t.From:to]))+" is not known here", "write "+meant)
	f.draft.replace(t.From, to, meant)
	return true
}

// brackets reports those that are not closed or close nothing. Then the rest cannot be judged, and it returns false.
func (f *faultFinder) brackets() bool {
	tokens, _ := f.tokens()
	before := len(f.faults)
	var open []lexer.Token
	for i, t := range tokens {
		switch {
		case t.Kind != lexer.Bracket:
		case t.Value == "{" && i+1 < len(tokens) && tokens[i+1].Is(lexer.Bracket, "{") && tokens[i+1].From == t.To:
			f.add(t.From, "a condition has no {{ }}", "write the name itself, such as payload.failed")
			return false
		case strings.Contains("([{", t.Value):
			open = append(open, t)
		case len(open) == 0:
			f.add(t.From, "this "+t.Value+" closes nothing", "remove it, or add what it closes")
		case strings.Index("([{", open[len(open)-1].Value) != strings.Index(")]}", t.Value):
			f.add(open[len(open)-1].From, "a "+open[len(open)-1].Value+" is not closed", "there is a "+t.Value+" where it should be")
			return false
		default:
			open = open[:len(open)-1]
		}
	}
	for _, t := range open {
		f.add(t.From, "a "+t.Value+" is not closed", "write "+map[string]string{"(": ")", "[": "]", "{": "}"}[t.Value]+" where it ends")
	}
	return len(f.faults) == before
}
