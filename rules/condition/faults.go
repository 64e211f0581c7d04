package condition

import (
	"cmp"
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/file"
	"github.com/expr-lang/expr/parser"
	"github.com/expr-lang/expr/types"

	"qaserelay/rules/diag"
)

// faultFinder finds all that is wrong with an expression that does not compile. expr stops at the first fault, so each
// one that is found is put right in a draft, or replaced by something of any type, and the draft is compiled again.
type faultFinder struct {
	source   string
	draft    draft
	standIns standIns
	faults   []diag.Finding
}

// Names of what stands for a faulty part; nobody can write them.
const (
	anyValue    = "·value"
	anyFunction = "·function"
)

// conditionFaults returns what is wrong with source, by place; first is what the compiler says.
func conditionFaults(source string, first diag.Finding) []diag.Finding {
	f := &faultFinder{source: source, draft: newDraft(source), standIns: standIns{}}
	if f.words() && f.brackets() {
		f.compile()
	}
	if len(f.faults) == 0 {
		return []diag.Finding{first}
	}
	slices.SortStableFunc(f.faults, func(a, b diag.Finding) int {
		return cmp.Or(cmp.Compare(a.At.Line, b.At.Line), cmp.Compare(a.At.Col, b.At.Col))
	})
	return f.faults
}

// add notes a fault at a character of the draft.
func (f *faultFinder) add(at int, message, hint string) {
	f.faults = append(f.faults, diag.Finding{At: diag.Locate(f.source, f.draft.sourceAt(at)), Message: message, Hint: hint})
}

// compile looks for faults until there are none left, or no way past the next one.
func (f *faultFinder) compile() {
	text := f.draft.String()
	written, syntax := parser.Parse(text)
	if syntax != nil {
		if len(f.faults) == 0 { // otherwise it may be a consequence of those
			f.syntax(syntax)
		}
		return
	}
	env := environment()
	env[anyValue], env[anyFunction] = types.Any, types.TypeOf(func(...any) any { return nil })
	for len(f.faults) < diag.MaxFindings {
		safe := &nilSafe{}
		_, err := expr.Compile(text, expr.Env(env), expr.AsBool(), expr.MaxNodes(maxConditionNodes), expr.Patch(f.standIns), expr.Patch(safe))
		var fe *file.Error
		switch {
		case safe.err != nil && !f.standIns[safe.from]:
			f.add(safe.from, safe.err.Message, safe.err.Hint)
			f.standIns[safe.from] = true
		case err == nil:
			return
		case errors.As(err, &fe) && !f.standIns[fe.From] && fe.From <= f.draft.len():
			message, hint := (&wording{tree: written.Node, at: fe.From}).explain(fe.Message)
			f.add(fe.From, message, hint)
			f.standIns[fe.From] = true
		default:
			if len(f.faults) == 0 {
				f.faults = append(f.faults, *explainCompileError(err))
			}
			return
		}
	}
}

// standIns are the places, in characters, of nodes that something of any type stands for.
type standIns map[int]bool

// Visit implements ast.Visitor. Of a call at such a place only the function is replaced, so that its arguments are still looked at.
func (s standIns) Visit(node *ast.Node) {
	if !s[(*node).Location().From] {
		return
	}
	switch n := (*node).(type) {
	case *ast.CallNode:
		n.Callee = at(n, &ast.IdentifierNode{Value: anyFunction})
	case *ast.StringNode, *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.NilNode:
	default:
		*node = at(n, &ast.IdentifierNode{Value: anyValue})
	}
}

var unexpectedToken = regexp.MustCompile(`^unexpected token (\w+)(?:\("(.*)"\))?$`)

// syntax reports what the parser says.
func (f *faultFinder) syntax(err error) {
	var fe *file.Error
	if !errors.As(err, &fe) {
		f.faults = append(f.faults, *explainCompileError(err))
		return
	}
	m := unexpectedToken.FindStringSubmatch(fe.Message)
	switch {
	case m == nil:
		f.add(fe.From, explainCompileError(err).Message, explainCompileError(err).Hint)
	case m[1] == "EOF":
		f.add(f.draft.len(), "the condition ends where a value is needed", "write what is missing, such as payload.failed > 0")
	default:
		token := strings.ReplaceAll(m[2], `\"`, `"`)
		hint := "look for what is missing or too much here; between two values stands an operator such as ==, >, and, or, in, contains"
		f.add(fe.From, "unexpected "+token, hint)
	}
}

// draft is the text of an expression in which faults are put right one by one, with the place in the source of each character.
type draft struct {
	text   []rune
	origin []int
}

func newDraft(source string) draft {
	d := draft{text: []rune(source)}
	for i := range d.text {
		d.origin = append(d.origin, i)
	}
	return d
}

func (d *draft) String() string { return string(d.text) }

func (d *draft) len() int { return len(d.text) }

// sourceAt returns the place in the source of a character of the draft.
func (d *draft) sourceAt(at int) int {
	switch {
	case len(d.origin) == 0:
		return 0
	case at >= len(d.origin):
		return d.origin[len(d.origin)-1] + 1
	}
	return d.origin[at]
}

// replace puts other characters at from up to to.
func (d *draft) replace(from, to int, with string) {
	origin := slices.Repeat([]int{d.sourceAt(from)}, len([]rune(with)))
	d.text = slices.Replace(d.text, from, to, []rune(with)...)
	d.origin = slices.Replace(d.origin, from, to, origin...)
}
