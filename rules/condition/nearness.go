package condition

import "github.com/expr-lang/expr/ast"

// Nearness returns the share of the parts that are true, from 0 to 1: of those joined by "and" the mean, of those joined
// by "or" the largest. A part that was not evaluated counts as false.
func (p *Trace) Nearness() float64 {
	share, _ := p.nearness()
	return share
}

// nearness also returns the number of parts that the share is of.
func (p *Trace) nearness() (share float64, parts int) {
	operator := p.joins()
	if operator == "" || len(p.Parts) == 0 {
		if p.State == Evaluated && p.Raw == true {
			return 1, 1
		}
		return 0, 1
	}
	if operator == "or" {
		for _, inner := range p.Parts {
			share = max(share, inner.Nearness())
		}
		return share, 1
	}
	for _, inner := range p.Parts {
		one, n := inner.nearness()
		share, parts = share+one*float64(n), parts+n
	}
	return share / float64(parts), parts
}

// joins returns "and" or "or" if that joins the parts, else "".
func (p *Trace) joins() string {
	b, isBinary := p.node.(*ast.BinaryNode)
	if !isBinary {
		return ""
	}
	switch b.Operator {
	case "and", "&&":
		return "and"
	case "or", "||":
		return "or"
	}
	return ""
}

// FirstFalse returns the first part that was evaluated and is not true, or that failed: the reason why the condition is
// not true. It is nil for a condition that is.
func (p *Trace) FirstFalse() *Trace {
	if p.State == Skipped || p.State == Evaluated && p.Raw == true {
		return nil
	}
	if p.joins() != "" {
		for _, inner := range p.Parts {
			if found := inner.FirstFalse(); found != nil {
				return found
			}
		}
	}
	return p
}
