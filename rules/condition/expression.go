package condition

import (
	"fmt"
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/vm"

	"qaserelay/rules/condition/diagnose"
	"qaserelay/rules/condition/syntax"
	"qaserelay/rules/diag"
	"qaserelay/rules/value"
)

// Expression is a compiled expression of any type, such as payload.id. It is safe for concurrent use.
type Expression struct {
	Source  string
	tree    ast.Node
	program *vm.Program
	isLocal bool // it reads an id that counts within a project
}

// CompileExpression compiles source, or returns its errors with their positions.
func CompileExpression(source string) (*Expression, []diag.Finding) {
	if strings.TrimSpace(source) == "" {
		return nil, []diag.Finding{{Message: "the expression is empty", Hint: "write a field, such as payload.id"}}
	}
	if len(source) > maxBytes {
		return nil, []diag.Finding{{Message: fmt.Sprintf("the expression has %d bytes, more than %d", len(source), maxBytes),
			Hint: "write a field, such as payload.id"}}
	}
	safe := &nilSafe{}
	program, err := compileAs(source, safe)
	if f := safe.refused; f != nil {
		return nil, []diag.Finding{{At: diag.Locate(source, f.at), Message: f.message, Hint: f.hint}}
	}
	if err == nil {
		var tree *parser.Tree
		if tree, err = parser.Parse(source); err == nil {
			x := &Expression{Source: source, tree: tree.Node, program: program}
			x.isLocal = slices.ContainsFunc(x.Fields(), isLocalID)
			return x, nil
		}
	}
	findings := diagnose.All(source, err, func(source string) error {
		_, err := compileAs(source, &nilSafe{})
		return err
	})
	for i := range findings {
		findings[i].Message = strings.ReplaceAll(findings[i].Message, "the condition", "the expression")
	}
	return nil, findings
}

// Value returns the value of the expression for the event of env.
func (x *Expression) Value(env *Env) (any, error) {
	env.steps = 0
	out, err := env.machine.Run(x.program, env.Vars)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", x.Source, runError(err))
	}
	return out, nil
}

// Scope returns the source and the project of the event of env if the expression reads an id that counts within a
// project, such as that of a run, so that run 7 of one project is told apart from run 7 of another. Otherwise it is "".
func (x *Expression) Scope(env *Env) string {
	if !x.isLocal {
		return ""
	}
	return value.JSONText([]any{env.Vars["source"], env.Vars["project_code"]})
}

// isLocalID reports whether a field is an id that counts within a project. Those of people do not.
func isLocalID(u FieldUse) bool {
	if len(u.Path) == 0 || u.Root == "actor" {
		return false
	}
	name := u.Path[len(u.Path)-1]
	return name == "id" || slices.Contains([]string{"run_id", "case_id", "plan_id", "suite_id", "milestone_id"}, name)
}

// Fields returns the fields that the expression reads.
func (x *Expression) Fields() []FieldUse {
	r := &fieldReader{source: x.Source}
	r.read(x.tree, false)
	return r.uses
}

// IsConstant reports whether the expression reads no variable, so that its value is always the same.
func (x *Expression) IsConstant() bool { return !reads(x.tree, nil) }

// Reads reports whether the expression reads one of these variables.
func (x *Expression) Reads(names ...string) bool { return reads(x.tree, names) }

// Reads reports whether the condition reads one of these variables. A nil condition reads none.
func (c *Condition) Reads(names ...string) bool { return c != nil && reads(c.tree, names) }

// Names returns the names that the condition reads: of variables and functions, each once.
func (c *Condition) Names() (all []string) {
	if c == nil {
		return nil
	}
	ast.Walk(&c.tree, syntax.Visitor(func(n ast.Node) {
		if id, isName := n.(*ast.IdentifierNode); isName && !slices.Contains(all, id.Value) {
			all = append(all, id.Value)
		}
	}))
	return all
}

// reads reports whether an expression reads one of these variables, or any for nil.
func reads(tree ast.Node, names []string) (found bool) {
	ast.Walk(&tree, syntax.Visitor(func(n ast.Node) {
		id, isName := n.(*ast.IdentifierNode)
		found = found || isName && (names == nil || slices.Contains(names, id.Value))
	}))
	return found
}
