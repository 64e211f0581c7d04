package testfile

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/rules/diag"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// silenceSpec is a silence of a test as it is written.
type silenceSpec struct {
	At     yamldoc.Raw    `yaml:"-"`
	Match  []yamldoc.Text `yaml:"match"`
	When   yamldoc.Text   `yaml:"when"`
	For    *time.Duration `yaml:"for"`
	Starts yamldoc.Text   `yaml:"starts"`
}

// addSilences adds the silences of a test, which count from its first event or step on.
func (p *parser) addSilences(specs []silenceSpec) {
	if len(specs) == 0 || len(p.test.Steps) == 0 {
		return
	}
	start := p.test.Steps[0].At
	var all []*silence.Silence
	for i, spec := range specs {
		if spec.At.IsMapping() {
			if s := p.silence(&spec, start); s != nil {
				s.ID = fmt.Sprintf("silence-%d", i+1)
				all = append(all, s)
			}
		}
	}
	p.test.Silences = silence.NewList(all)
}

// silence makes one silence, or returns nil for a faulty one, which it reports.
func (p *parser) silence(spec *silenceSpec, start time.Time) *silence.Silence {
	before := p.d.Reported()
	from, last := p.silenceStart(spec, start), silence.Longest
	if spec.For != nil {
		last = *spec.For
	}
	at := spec.At.Node
	for _, m := range spec.Match {
		if _, err := silence.ParseMatcher(m.S); m.Given() && err != nil {
			p.d.Errorf(m.Node, "match: %v", err)
		}
	}
	if p.d.Reported() > before || p.d.Misspelt(at, "match", "when") {
		return nil
	}
	s, err := silence.New(silence.Spec{Matchers: yamldoc.Texts(spec.Match), When: spec.When.S, StartsAt: from,
		EndsAt: from.Add(last)}, start, p.SilenceMax)
	if err != nil {
		for one := range strings.SplitSeq(err.Error(), "\n") {
			p.d.Report(at, diag.Error, "silences: "+one, "write such as {match: [rule=failed-run], for: 2h}")
		}
		return nil
	}
	for _, warning := range s.Warnings(silence.Names{Rules: p.Rules, Notifiers: p.notifiers(), Sources: p.sources()}) {
		p.d.Report(at, diag.Warning, "silences: "+warning, "")
	}
	return s
}

// silenceStart returns when a silence begins: so long after the start of the test, or at a time.
func (p *parser) silenceStart(spec *silenceSpec, start time.Time) time.Time {
	if !spec.Starts.Given() || spec.Starts.S == "" {
		return start
	}
	if after, err := value.ParseDuration(spec.Starts.S); err == nil {
		return start.Add(after)
	}
	at, err := p.readTime(spec.Starts.S)
	fault := ""
	switch {
	case err != nil:
		fault = "is not a valid time"
	case at.Before(start):
		fault = "is before the first event, on " + start.Format(time.RFC3339)
	}
	if fault != "" {
		p.d.Report(spec.Starts.Node, diag.Error, fmt.Sprintf("starts: %s %s", value.Quote(spec.Starts.S), fault),
			"write how long after the first event, such as 30m, or a time such as 2026-01-05 09:30")
	}
	return at
}
