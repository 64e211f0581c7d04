package rulefile

import (
	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/condition"
	"qaserelay/rules/yamldoc"
)

// implicit returns the rule that an entry of another key than rules makes, at a node. info has its name, condition and
// description. It returns nil if a name in the condition is faulty, which it reports.
func (p *ruleParser) implicit(at *yaml.Node, info rules.RuleInfo, notify []yamldoc.Raw) *RuleSource {
	c, faults := condition.Compile(info.When)
	if c == nil {
		p.d.ReportInside(at, faults)
		return nil
	}
	info.Enabled, info.Implicit = true, true
	r := &rules.Rule{Condition: c, RuleInfo: info}
	p.rule = r
	defer func() { p.rule = nil }()
	place := p.d.At(at)
	out := &RuleSource{Rule: r, At: place, When: place, Parsed: c}
	for _, entry := range notify {
		t := p.target(entry.Node)
		if t != nil {
			r.Targets = append(r.Targets, t)
		}
		out.Targets = append(out.Targets, TargetSource{Target: t, At: p.d.At(entry.Node), Wrong: t == nil})
	}
	return out
}
