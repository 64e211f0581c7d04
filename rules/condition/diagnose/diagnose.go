// Package diagnose explains in plain words why a condition does not compile, and what to write instead.
package diagnose

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/parser/lexer"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
)

// fault is an error in a source at an offset in characters.
type fault struct {
	at            int
	message, hint string
}

// First explains why a source does not compile. It reports one error: a construct of another language, a bracket
// without its partner, or the compiler's error in plain words.
func First(source string, compileErr error) diag.Finding {
	var f *fault
	if tokens, err := lex(source); err != nil {
		f = lexicalFault([]rune(source), tokens, err)
	} else {
		f = cmp.Or(foreignSyntax(tokens), unbalanced(tokens))
	}
	if f = cmp.Or(f, compilerFault(source, compileErr)); f == nil {
		return resultFault(source, compileErr)
	}
	return diag.Finding{At: diag.Locate(source, f.at), Message: f.message, Hint: f.hint}
}

// resultFault explains an error that concerns the whole condition and has no position.
func resultFault(source string, err error) diag.Finding {
	m := regexp.MustCompile(`expected bool, but got (.+)`).FindStringSubmatch(err.Error())
	if m == nil {
		return diag.Finding{Message: err.Error()}
	}
	at, kind, hint := diag.Position{}, TypeName(m[1]), compareHint
	if tree, err := parser.Parse(source); err == nil {
		at = diag.Locate(source, tree.Node.Location().From)
		if result := resultOf(tree.Node); result != "" {
			kind, hint = result, truthHint(tree.Node, result)
		}
	}
	if text := strings.Trim(source, `"'`); catalog.Schemas().ByName[text] != nil {
		hint = "write event_name == " + strconv.Quote(text)
	}
	if inner, quoted := innerCondition(source); quoted {
		hint = "write it without the inner quotes: " + inner
	}
	return diag.Finding{At: at, Message: "the condition is " + kind + ", not true or false", Hint: hint}
}

const compareHint = "compare it with something, such as payload.failed > 0"

// lex returns the tokens of a source, or those in front of the first character that it cannot read.
func lex(source string) (tokens []lexer.Token, err error) {
	l := lexer.New()
	l.Reset(file.NewSource(source))
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

// lexicalFault explains why a source cannot be split into tokens. The tokens are those in front of the error.
func lexicalFault(source []rune, tokens []lexer.Token, err error) *fault {
	var fe *file.Error
	if !errors.As(err, &fe) {
		return nil
	}
	start := 0
	if len(tokens) > 0 {
		start = tokens[len(tokens)-1].To
	}
	for start < len(source) && strings.ContainsRune(" \t\r\n", source[start]) {
		start++
	}
	character := ""
	if fe.From < len(source) {
		character = string(source[fe.From])
	}
	switch {
	case character == "~" && tildeFault(source, tokens, fe.From) == nil:
		return &fault{fe.From, "~ is not an operator", "write matches " + patternAfter(string(source[fe.From+1:]))}
	case character == "~" && tildeFault(source, tokens, fe.From) != nil:
		return tildeFault(source, tokens, fe.From)
	case character != "" && strings.Contains("“”„‟‘’‚«»‹›＂", character):
		return &fault{fe.From, "a curved quote " + character + " is used in place of a straight one", `write "`}
	case strings.Contains(fe.Message, "not terminated") && start < len(source):
		return &fault{start, "a " + string(source[start]) + " is not closed",
			"write the same quote at the end of the text"}
	case strings.Contains(fe.Message, "invalid char escape"):
		return &fault{fe.From, `a \ in a text begins an unknown escape`, `write \\ for a backslash`}
	case strings.HasPrefix(fe.Message, "unrecognized character") && character != "":
		return &fault{fe.From, "the character " + character + " is not valid here", "put text in quotes"}
	case strings.HasPrefix(fe.Message, "bad number"):
		return &fault{start, "this is not a number", `put text in quotes: "…"; a length of time is duration("24h")`}
	}
	return &fault{fe.From, fe.Message, ""}
}

// compilerFault explains an error of the parser or the type checker.
func compilerFault(source string, err error) *fault {
	tree, syntaxErr := parser.Parse(source)
	var fe *file.Error
	switch {
	case syntaxErr != nil && errors.As(syntaxErr, &fe):
		return cmp.Or(unquotedPattern([]rune(source), fe.From), syntaxFault(fe, []rune(source)))
	case !errors.As(err, &fe):
		return nil
	}
	e := &typeError{tree: tree.Node, at: fe.From}
	message, hint := e.explain(fe.Message)
	return &fault{e.at, message, hint}
}

var unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?$`)

// syntaxFault explains an error of the parser.
func syntaxFault(fe *file.Error, source []rune) *fault {
	end := len(source)
	m := unexpectedToken.FindStringSubmatch(fe.Message)
	switch {
	case strings.Contains(fe.Message, "coalesce expressions (??) cannot be mixed"):
		return &fault{fe.From, "?? and another operator stand side by side without brackets",
			fallbackHint(string(source))}
	case m == nil:
		return &fault{fe.From, fe.Message, ""}
	case m[1] == "EOF" && shareFault(source, end) != nil:
		return shareFault(source, end)
	case shareFault(source, fe.From) != nil:
		return shareFault(source, fe.From)
	case m[1] == "EOF":
		return &fault{end, "the condition ends where a value is needed",
			"write what is missing, such as payload.failed > 0"}
	}
	return &fault{fe.From, "unexpected " + strings.ReplaceAll(m[2], `\"`, `"`),
		cmp.Or(unexpectedHint(source, fe.From),
			"look for a missing or extra word; write an operator between two values: ==, >, and, or, in, contains")}
}

// typeError is an error of the type checker at a node of a tree.
type typeError struct {
	tree ast.Node
	at   int // where the node stands, in characters
}

var (
	mismatchTwo = regexp.MustCompile(`^invalid operation: (.+) \(mismatched types (.+) and (.+)\)$`)
	mismatchOne = regexp.MustCompile(`^invalid operation: (.+) \(mismatched type (.+)\)$`)
	wrongItem   = regexp.MustCompile(`^cannot use (.+) as type (.+) in array$`)
	noMember    = regexp.MustCompile(`^type (.+) has no (?:method|field) (\w+)$`)
)

// explain rewords the checker's message. A message that it does not know stays as it is.
func (e *typeError) explain(message string) (text, hint string) {
	if name, unknown := strings.CutPrefix(message, "unknown name "); unknown {
		return fmt.Sprintf("no variable or function %q", name), e.unknownName(name)
	}
	if text, hint = e.negated(); text != "" {
		return text, hint
	}
	if m := mismatchTwo.FindStringSubmatch(message); m != nil {
		return e.mismatch(m[1], m[2], m[3])
	}
	if m := mismatchOne.FindStringSubmatch(message); m != nil {
		return fmt.Sprintf("%s needs true or false, and not %s", m[1], TypeName(m[2])), compareHint
	}
	if m := wrongItem.FindStringSubmatch(message); m != nil {
		return e.wrongItem(TypeName(m[1]), TypeName(m[2]))
	}
	if m := noMember.FindStringSubmatch(message); m != nil {
		return e.noField(TypeName(m[1]), m[2])
	}
	if reason, invalid := strings.CutPrefix(message, "error parsing regexp: "); invalid {
		return e.invalidPattern(reason)
	}
	if strings.Contains(message, "exceeds maximum allowed nodes") {
		return fmt.Sprintf("the condition has more than %d parts", syntax.MaxNodes), "split the rule"
	}
	if strings.Contains(message, "*time.Location") {
		return "a condition cannot change the time zone of a time",
			"set it for all conditions: settings: {timezone: Europe/Paris}"
	}
	if strings.HasPrefix(message, "cannot use pointer accessor outside predicate") {
		return "a name begins with a dot", "write it without: the dot is for templates"
	}
	return message, ""
}

// unknownName returns a hint at the meaning of a name that is neither a variable nor a function.
func (e *typeError) unknownName(name string) string {
	if text := e.unquotedText(name); text != "" {
		return `put it in quotes: "` + text + `"`
	}
	if e.isCall() {
		if hint := e.functionWords(name); hint != "" {
			return hint
		}
		if best := catalog.Nearest(name, append(slices.Clone(builtin.Names), "now")); best != "" {
			return `did you mean "` + best + `"?`
		}
		return "functions are lower, upper, trim, len, any, all, count, filter, map, first, last, now, date, " +
			"duration and others of expr-lang.org"
	}
	if e.isInPredicate() && name != "$" {
		return "a field of an item begins with a dot: write ." + name
	}
	if field := e.fieldOf(); strings.EqualFold(name, "event") && field != "" {
		return "write " + field
	}
	if meant := otherNames[strings.ToLower(name)]; meant != "" {
		return "write " + meant
	}
	fields := catalog.PayloadFields()
	if slices.Contains(fields, name) {
		return "fields of the event stand in payload: write payload." + name
	}
	best := catalog.Nearest(name, append(catalog.VariableNames(), fields...))
	if slices.Contains(fields, best) {
		return `did you mean "payload.` + best + `"?`
	}
	return catalog.DidYouMean(name, catalog.VariableNames())
}

// unquotedText returns the text that a name without quotes probably is: the name of an event, or a text that a
// variable is compared with.
func (e *typeError) unquotedText(name string) string {
	text, isVariable := "", catalog.Nearest(name, catalog.VariableNames()) != ""
	e.walk(func(n ast.Node) {
		switch n := n.(type) {
		case *ast.MemberNode:
			action, fixed := n.Property.(*ast.StringNode)
			if fixed && e.isNameHere(n.Node) && isEventType(name) {
				text = name + "." + action.Value
				text = cmp.Or(catalog.Suggest(text), text)
			}
		case *ast.BinaryNode:
			compared := isTextVariable(n.Left) && e.isNameHere(n.Right) ||
				isTextVariable(n.Right) && e.isNameHere(n.Left)
			if compared && !isVariable && text == "" {
				text = name
			}
		}
	})
	return text
}

// fieldOf returns how a field is written that is read of the unknown name at the error, as in event.project_code, or "".
func (e *typeError) fieldOf() (written string) {
	e.walk(func(n ast.Node) {
		member, isMember := n.(*ast.MemberNode)
		if !isMember || !e.isNameHere(member.Node) {
			return
		}
		field, fixed := member.Property.(*ast.StringNode)
		switch {
		case !fixed:
		case slices.Contains(catalog.VariableNames(), field.Value):
			written = field.Value
		case slices.Contains([]string{"name", "type", "action"}, field.Value):
			written = "event_" + field.Value
		case slices.Contains([]string{"title", "url", "environment", "plan"}, field.Value):
			written = "entity." + field.Value
		case slices.Contains(catalog.PayloadFields(), field.Value):
			written = "payload." + field.Value
		}
	})
	return written
}

func (e *typeError) walk(visit syntax.Visitor) {
	tree := e.tree
	ast.Walk(&tree, visit)
}

func (e *typeError) isNameHere(n ast.Node) bool {
	_, isName := n.(*ast.IdentifierNode)
	return isName && n.Location().From == e.at
}

func isTextVariable(n ast.Node) bool {
	id, isName := n.(*ast.IdentifierNode)
	if !isName {
		return false
	}
	_, isText := catalog.Variables()[id.Value].(string)
	return isText
}

func isEventType(name string) bool {
	return slices.ContainsFunc(catalog.All(), func(e catalog.Event) bool { return strings.HasPrefix(e.Name, name+".") })
}

// isCall reports whether the node at the error calls a function.
func (e *typeError) isCall() bool {
	found := false
	e.walk(func(n ast.Node) {
		_, isCall := n.(*ast.CallNode)
		found = found || isCall && n.Location().From == e.at
	})
	return found
}

// TypeName returns a plain name for one of the checker's types.
func TypeName(name string) string {
	name = strings.TrimPrefix(name, "*")
	for _, t := range [][2]string{
		{"interface {}", "anything"}, {"string", "text"}, {"int", "a number"}, {"float", "a number"},
		{"bool", "true or false"}, {"time.Time", "a time"},
		{"time.Duration", "a duration"},
		{"time.Weekday", "a weekday"}, {"time.Month", "a month"},
		{"nil", "nil"}, {"unknown", "anything"}, {"any", "anything"},
		{"map", "an object"}, {"[]", "a list"}, {"array", "a list"}, {"func", "a function"},
	} {
		if strings.HasPrefix(name, t[0]) {
			return t[1]
		}
	}
	return name
}
