package judge

import (
	"slices"
	"strings"

	"github.com/expr-lang/expr/ast"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/condition/syntax"
)

// contradictionFinder looks for the smallest parts of a condition that are never true, or always.
type contradictionFinder struct {
	*conditionLint
	*judge
	events []*judge // for which the condition is judged: of an event that nothing is known of, and of each it can match
}

// contradictions reports parts with and, or that are never true since their halves exclude each other, or always since
// they leave nothing over.
func (w *World) contradictions(l *conditionLint) {
	silent := func(verdict) {}
	unknownEvent := &judge{World: w, cond: l.Condition, facts: condition.Facts{}, report: silent}
	f := &contradictionFinder{l, unknownEvent, nil}
	for _, m := range l.matching {
		f.events = append(f.events, &judge{World: w, cond: l.Condition, event: m.Schema,
			facts: condition.KnownFacts(m.name), report: silent})
	}
	f.visit(l.Tree())
}

// visit looks into n, and reports whether it or a part of it was reported.
func (f *contradictionFinder) visit(n ast.Node) (found bool) {
	switch n := n.(type) {
	case *ast.UnaryNode:
		return f.visit(n.Node)
	case *ast.ConditionalNode:
		return f.visitAll(n.Cond, n.Exp1, n.Exp2)
	case *ast.VariableDeclaratorNode:
		return f.visitAll(n.Value, n.Expr)
	case *ast.BuiltinNode:
		return f.builtin(n)
	case *ast.BinaryNode:
		found = f.visitAll(n.Left, n.Right)
		if syntax.IsLogic(n.Operator) && !found {
			return f.check(n)
		}
	}
	return found
}

func (f *contradictionFinder) visitAll(nodes ...ast.Node) (found bool) {
	for _, n := range nodes {
		found = f.visit(n) || found
	}
	return found
}

// builtin looks into the predicates of a function.
func (f *contradictionFinder) builtin(n *ast.BuiltinNode) (found bool) {
	for _, arg := range n.Arguments {
		predicate, isPredicate := arg.(*ast.PredicateNode)
		if !isPredicate {
			found = f.visit(arg) || found
			continue
		}
		all := append([]*judge{f.judge}, f.events...)
		outer := make([]judge, len(all))
		for i, j := range all {
			outer[i] = *j
			items := j.shapeOf(n.Arguments[0])
			j.list, j.item = condition.ElementsOf(n.Arguments[0], j.list), items.element
		}
		found = f.visit(predicate.Node) || found
		for i, j := range all {
			*j = outer[i]
		}
	}
	return found
}

// check reports a part with and, or whose answer is fixed although none of its halves alone has one.
func (f *contradictionFinder) check(n *ast.BinaryNode) bool {
	subjects := f.judge.newPossibilities(n).repeated(n)
	if len(subjects) == 0 {
		return false
	}
	answers, ofBoth := f.judge.answers(n)
	if answers == undecided {
		answers, ofBoth = f.answersOfEvents(n)
	}
	if !ofBoth || answers != isTrue && answers != isFalse {
		return false
	}
	none, message := condition.Facts{}, "this can never be true"
	part, a, b := none.NeverTrue(n)
	if answers == isTrue {
		message = "this is always true"
		part, a, b = none.AlwaysTrue(n)
	}
	hint := conflictHint(subjects)
	if part == n {
		hint = contradictionHint(a, b, answers == isTrue)
	}
	f.add(f.Locate(n), message, hint)
	return true
}

// answersOfEvents returns the answers of a part for all events, and whether its halves have to do with it in any.
func (f *contradictionFinder) answersOfEvents(n *ast.BinaryNode) (all outcome, ofBoth bool) {
	for _, j := range f.events {
		if _, decided := j.facts.Value(n); decided {
			continue
		}
		answers, both := j.answers(n)
		all, ofBoth = all|answers, ofBoth || both
		if all == undecided {
			break
		}
	}
	return all, ofBoth
}

// answers returns the answers that a part can give, and whether that takes both halves: a half that decides it alone
// has a fault of its own.
func (j *judge) answers(n *ast.BinaryNode) (all outcome, ofBoth bool) {
	all = j.newPossibilities(n).of(n)
	deciding := isFalse
	if syntax.Logic(n.Operator) == "or" {
		deciding = isTrue
	}
	if all != deciding {
		return all, false
	}
	for _, side := range []ast.Node{n.Left, n.Right} {
		if j.newPossibilities(side).of(side) == deciding {
			return all, false
		}
	}
	return all, true
}

// conflictHint names what the halves of a part disagree about.
func conflictHint(subjects []string) string {
	for i, s := range subjects {
		subjects[i] = strings.TrimPrefix(s, answerOf)
	}
	all := strings.Join(subjects, " and ")
	if len(subjects) > 1 && isOfActor(subjects[0]) && isOfActor(subjects[1]) {
		if slices.Contains(subjects, "actor.automation") {
			return "actor.automation is true for events without a person"
		}
		return "no entry of people: fits both"
	}
	return "the answer is the same for each value of " + all
}

// CanMatch reports whether a condition may be true for an event of the catalog.
func (w *World) CanMatch(c *condition.Condition, events []*catalog.Schema) bool {
	for _, e := range events {
		j := &judge{World: w, cond: c, event: e, facts: condition.KnownFacts(e.Name), report: func(verdict) {}}
		if j.newPossibilities(c.Tree()).of(c.Tree())&isTrue != 0 {
			return true
		}
	}
	return len(events) == 0
}
