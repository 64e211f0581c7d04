package rulefile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/flow/window"
	"qaserelay/rules/yamldoc"
)

// summarySpec is an entry of summaries.
type summarySpec struct {
	At      yamldoc.Raw    `yaml:"-"`
	Name    yamldoc.Text   `yaml:"name"`
	Times   []yamldoc.Text `yaml:"at"`
	Source  yamldoc.Text   `yaml:"source"`
	Project yamldoc.Text   `yaml:"project"`
	Plans   []yamldoc.Text `yaml:"plans"`
	Notify  []yamldoc.Raw  `yaml:"notify"`
	Always  bool           `yaml:"always"`
}

// summarySuffix ends the names of the rules that entries of summaries make.
const summarySuffix = "-summary"

// parseSummaries reads summaries: each entry makes a rule.
func parseSummaries(documents []*document, sources []rules.Source, p ruleParser, parsed []RuleSource) (all []RuleSource) {
	names := uniqueNames{pattern: plainName, first: map[string]string{}}
	for _, d := range documents {
		for i := range d.spec.Summaries {
			spec := &d.spec.Summaries[i]
			if !spec.At.IsMapping() {
				continue
			}
			names.check(d, spec.Name, spec.At.Node, "summary")
			p.d = d
			if rule := p.summary(spec, sources); rule != nil {
				if isTaken(parsed, rule.Name) {
					d.Report(spec.Name.Node, diag.Error, fmt.Sprintf("the rule of this summary is named %q, as another rule is",
						rule.Name), "rename one of them")
				}
				all = append(all, *rule)
			}
		}
	}
	return all
}

// isTaken reports whether a rule has a name.
func isTaken(parsed []RuleSource, name string) bool {
	return slices.ContainsFunc(parsed, func(r RuleSource) bool { return r.Name == name })
}

// summary reads an entry of summaries. It returns nil for a faulty one, which it reports.
func (p *ruleParser) summary(spec *summarySpec, sources []rules.Source) *RuleSource {
	before := p.d.Reported()
	s := &rules.RunSummary{Name: spec.Name.S, Project: spec.Project.S, Always: spec.Always}
	source := p.summarySource(spec, sources)
	if source != nil {
		s.Source = source.Name
	}
	p.summaryTimes(spec, s)
	p.summaryProject(spec, source)
	for _, t := range spec.Plans {
		if n, err := strconv.Atoi(t.S); err != nil || n <= 0 {
			p.d.Report(t.Node, diag.Error, fmt.Sprintf("summaries.plans: %q is not the number of a plan", t.S),
				"write the number in the address of the plan in Qase, such as 3")
		}
		s.Plans = append(s.Plans, t.S)
	}
	out := p.summaryRule(spec, s)
	if source == nil || p.d.Reported() > before {
		return nil
	}
	return out
}

// summaryTimes reads the times of a summary.
func (p *ruleParser) summaryTimes(spec *summarySpec, s *rules.RunSummary) {
	n := spec.At.Node
	if len(spec.Times) == 0 {
		if !yamldoc.HasKey(n, "at") && !p.d.Misspelt(n, "at") {
			p.d.Report(n, diag.Error, "the summary "+quoted(spec.Name.S)+"needs at", `write at: "mon 09:00", or at: "09:00" for each day`)
			return
		}
	}
	texts := yamldoc.Texts(spec.Times)
	s.At = p.parseTimes(texts, p.location, "summaries.at", func(index int) *yaml.Node {
		if 0 <= index && index < len(spec.Times) && spec.Times[index].Node != nil {
			return spec.Times[index].Node
		}
		return cmp.Or(yamldoc.ValueOf(n, "at"), n)
	})
	s.Times = append(slices.Clip(texts), p.location.String())
	if s.At != nil {
		s.Weekly = isWeekly(s.At)
	}
}

// isWeekly reports whether times are one time a week.
func isWeekly(times *window.Times) bool {
	first := times.Next(time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC))
	return times.Next(first).Sub(first) > 6*24*time.Hour
}

// summarySource returns the source of a summary: the one that it names, or else the only one.
func (p *ruleParser) summarySource(spec *summarySpec, sources []rules.Source) *rules.Source {
	var names []string
	for i := range sources {
		if names = append(names, sources[i].Name); spec.Source.Given() && sources[i].Name == spec.Source.S {
			return &sources[i]
		}
	}
	switch {
	case spec.Source.Given():
		p.d.Report(spec.Source.Node, diag.Error, fmt.Sprintf("summaries.source: no source %q", spec.Source.S),
			cmp.Or(catalog.DidYouMean(spec.Source.S, names), "available: "+strings.Join(names, ", ")))
	case len(sources) == 1:
		return &sources[0]
	case len(sources) > 1 && !p.d.Misspelt(spec.At.Node, "source"):
		p.d.Report(spec.At.Node, diag.Error, "the summary "+quoted(spec.Name.S)+"needs source, since there are several sources",
			"write source: "+names[0]+"; available: "+strings.Join(names, ", "))
	}
	return nil
}

// summaryProject checks the project of a summary.
func (p *ruleParser) summaryProject(spec *summarySpec, source *rules.Source) {
	switch t := spec.Project; {
	case !t.Given() && (yamldoc.HasKey(spec.At.Node, "project") || p.d.Misspelt(spec.At.Node, "project")): // reported
	case !t.Given() || t.S == "":
		p.d.Report(spec.At.Node, diag.Error, "the summary "+quoted(spec.Name.S)+"needs project",
			"write project: with the code in the address of the project in Qase, such as WEB")
	case source != nil && len(source.Projects) > 0 && !slices.Contains(source.Projects, t.S):
		p.d.Report(t.Node, diag.Error, fmt.Sprintf("summaries.project: the source %s does not accept the project %q", source.Name, t.S),
			cmp.Or(catalog.DidYouMean(t.S, source.Projects), "available: "+strings.Join(source.Projects, ", ")))
	default:
		p.d.checkProjectCode(t)
	}
}

// summaryRule returns the rule that an entry of summaries makes.
func (p *ruleParser) summaryRule(spec *summarySpec, s *rules.RunSummary) *RuleSource {
	when := fmt.Sprintf("event_name == %q && source == %s && project_code == %s && payload.summary == %s", s.Event(),
		strconv.Quote(s.Source), strconv.Quote(s.Project), strconv.Quote(s.Name))
	if len(spec.Notify) == 0 && !p.d.Misspelt(spec.At.Node, "notify") {
		p.d.Report(spec.At.Node, diag.Error, "the summary "+quoted(s.Name)+"needs notify", "add notify: [NOTIFIER]")
	}
	out := p.implicit(spec.At.Node, rules.RuleInfo{Name: s.Name + summarySuffix, When: when,
		Description: "notify of the summary " + s.Name}, spec.Notify)
	if out != nil {
		out.Summary = s
	}
	return out
}
