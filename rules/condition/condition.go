// Package condition compiles, evaluates and analyzes the when of a rule.
//
// A condition is an expression in the language of github.com/expr-lang/expr, with two differences: a missing or null
// field never makes it fail (see nilSafe), and its work and memory are bounded. [Compile] checks a source,
// [Condition.Match] evaluates it with the variables of one event, and [Condition.Trace] does the same part by part, for
// people. The other methods of Condition analyze it without an event: what follows from the name of an event alone, the
// fields that it reads, and its claims about them.
package condition

import (
	"errors"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// maxBytes is the most bytes of one source.
const maxBytes = 4 << 10

// Condition is a compiled condition. It is safe for concurrent use.
type Condition struct {
	Source  string
	tree    ast.Node // of the source, without the changes of nilSafe
	program *vm.Program
	loose   func() *vm.Program // compares any value with a number, for when program cannot; compiled once
}

// Compile compiles source, or returns its errors with their positions.
func Compile(source string) (*Condition, []diag.Finding) {
	if strings.TrimSpace(source) == "" {
		return nil, []diag.Finding{{Message: "the condition is empty",
			Hint: "write an expression, or `true` for every event"}}
	}
	if len(source) > maxBytes {
		message := fmt.Sprintf("the condition has %d bytes, more than %d", len(source), maxBytes)
		return nil, []diag.Finding{{Message: message, Hint: "split the rule"}}
	}
	safe := &nilSafe{}
	program, err := compile(source, safe)
	if f := safe.refused; f != nil {
		return nil, []diag.Finding{{At: diag.Locate(source, f.at), Message: f.message, Hint: f.hint}}
	}
	if err != nil {
		return nil, diagnose.All(source, err, func(source string) error {
			_, err := compile(source, &nilSafe{})
			return err
		})
	}
	tree, err := parser.Parse(source)
	if err != nil {
		return nil, []diag.Finding{diagnose.First(source, err)}
	}
	if findings := diagnose.Truth(tree.Node, source); findings != nil {
		return nil, findings
	}
	return &Condition{source, tree.Node, program, sync.OnceValue(func() *vm.Program {
		loose, err := compile(source, &nilSafe{loose: true})
		if err != nil { // it differs by functions only
			return program
		}
		return loose
	})}, nil
}

func compile(source string, patch ast.Visitor, more ...expr.Option) (*vm.Program, error) {
	return compileAs(source, patch, append([]expr.Option{expr.AsBool()}, more...)...)
}

func compileAs(source string, patch ast.Visitor, more ...expr.Option) (*vm.Program, error) {
	options := append([]expr.Option{expr.Env(variableTypes()), expr.MaxNodes(syntax.MaxNodes)}, functions()...)
	return expr.Compile(source, append(append(options, more...), expr.Patch(patch))...)
}

// At returns the position of the root of the expression in the source, which is that of its last operator.
func (c *Condition) At() diag.Position { return diag.Locate(c.Source, c.tree.Location().From) }

// variableTypes returns the types of the variables and functions that a condition can name. They must not be changed.
var variableTypes = sync.OnceValue(func() types.Map {
	all := types.Map{"now": types.TypeOf(func() time.Time { return time.Time{} }), envVariable: types.Any}
	for name, example := range catalog.Variables() {
		all[name] = types.TypeOf(example)
		if example == nil {
			all[name] = types.Any
		}
	}
	return all
})

// Match reports whether the condition is true for the event of env.
func (c *Condition) Match(env *Env) (bool, error) {
	env.steps = 0
	out, err := env.machine.Run(c.program, env.Vars)
	if err != nil {
		if out, err = env.machine.Run(c.loose(), env.Vars); err != nil {
			return false, runError(err)
		}
	}
	matched, isBool := out.(bool)
	if !isBool {
		return false, fmt.Errorf("the condition gave %v, not true or false",
			value.Shorten(fmt.Sprint(out), 40))
	}
	return matched, nil
}

// runError keeps the first line of expr's error, without its drawing of the source.
func runError(err error) error {
	var fe *file.Error
	if errors.As(err, &fe) {
		return fmt.Errorf("%s (at %d:%d of the condition)", describeFailure(fe.Message), fe.Line, fe.Column+1)
	}
	first, _, _ := strings.Cut(err.Error(), "\n")
	return errors.New(first)
}

// failures are messages of expr and of package reflect, and how they read here. The types are in the words of goTypes.
var failures = []struct {
	pattern *regexp.Regexp
	text    string
}{
	{regexp.MustCompile(`^invalid operation: bool\((.+)\)$`), "$1 stands where true or false is needed"},
	{regexp.MustCompile(`^interface conversion: .+ is (.+), not bool$`), "$1 stands where true or false is needed"},
	{regexp.MustCompile(`^interface conversion: .+ is (.+), not string$`),
		`$1 stands where text is needed; whether a list has "x" is "x" in …`},
	{regexp.MustCompile(`^interface conversion: .+ is (.+), not (.+)$`), "$1 stands where $2 is needed"},
	{regexp.MustCompile(`^reflect: call of reflect\.Value\.\w+ on (.+) Value$`), "$1 stands where a list is needed"},
	{regexp.MustCompile(`^invalid operation: cannot call non-function of type (.+)$`), "$1 is not a function"},
	{regexp.MustCompile(`^cannot get (keys|values) from (.+)$`), "$1 needs an object, not $2"},
	{regexp.MustCompile(`^invalid argument for (\w+) \(type (.+)\)$`), "$1 does not take $2"},
	{regexp.MustCompile(`^invalid operation: (int|float)\((.*)\)$`), "$2 is not a number"},
	{regexp.MustCompile(`^cannot fetch (.+) from (.+)$`), `$2 has no field "$1"`},
}

// goTypes matches the types of Go in the messages of expr, and names in quotes, which stay.
var goTypes = regexp.MustCompile(`"[^"]*"|\*?(map\[string\]interface ?\{\}|\[\]interface ?\{\}|interface ?\{\}|` +
	`\[\]int|\b(?:string|int|int64|float64|bool|slice|map|any)\b|time\.Time|time\.Duration|<nil>)`)

// describeFailure rewords a message of expr, so that it names no types of Go.
func describeFailure(message string) string {
	for _, f := range failures {
		if m := f.pattern.FindStringSubmatchIndex(message); m != nil {
			return nameTypes(string(f.pattern.ExpandString(nil, f.text, message, m)))
		}
	}
	if rest, ours := strings.CutPrefix(message, "invalid operation: "); ours {
		return nameTypes(rest) + " cannot be calculated"
	}
	return message
}

func nameTypes(message string) string {
	return goTypes.ReplaceAllStringFunc(message, func(name string) string {
		switch {
		case name[0] == '"':
			return name
		case name == "<nil>":
			return "nothing"
		case name == "slice":
			return "a list"
		case name == "map":
			return "an object"
		}
		return diagnose.TypeName(name)
	})
}
