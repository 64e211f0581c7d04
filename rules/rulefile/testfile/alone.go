package testfile

import (
	"slices"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/yamldoc"
)

// Failing is what failures of an event say that is in no test: the tests that failed, as the Qase API would name them.
type Failing struct {
	parser *parser
	said   *failing
}

// ReadFailing reads failures of an event from a file that holds their value, or a mapping with the key failures. It
// returns nil and the problems of a faulty one.
func ReadFailing(file yamldoc.File) (*Failing, diag.Problems) {
	r := &yamldoc.Reader{IgnoreUnset: true}
	d, n := r.OpenValue(file, failuresExample)
	p := &parser{Scope: &Scope{}, d: d}
	if n != nil && n.Kind == yaml.MappingNode {
		var spec struct {
			Failures yamldoc.Raw `yaml:"failures"`
		}
		p.d.Decode(n, &spec, "a file of failures")
		if n = spec.Failures.Node; n == nil && d.Reported() == 0 {
			d.Report(nil, diag.Error, "there is no key failures", failuresExample)
		}
	}
	f := &Failing{parser: p}
	if n != nil {
		f.said = p.failingValue(n)
	}
	if f.said == nil || r.Problems.Err() != nil {
		return nil, r.Problems
	}
	return f, nil
}

// Count sets the counts of a payload that are not written to those of the failures.
func (f *Failing) Count(payload map[string]any, written map[string]bool) {
	f.said.count(payload, written)
}

// Attach stores what the failures say with the event, which is the end of a run.
func (f *Failing) Attach(ev *event.Event) {
	f.parser.attach(f.said, ev)
	f.parser.finishRuns()
}

// beforeID is the id of the run before, of which a test with new: false says that it failed in it.
const beforeID = "1"

// compare notes the run before as far as the tests say what failed in it. It returns nil if they do not.
func (f *failing) compare(ev *event.Event, cases failures.IDs) *failures.Compared {
	if !f.tells {
		return nil
	}
	const day = 24 * 60 * 60
	slices.Sort(f.before)
	return &failures.Compared{Run: beforeID, Title: "The run before", FinishedAt: ev.Timestamp - day, Cases: cases, Failed: f.before}
}
