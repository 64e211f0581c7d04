// Package testfile reads the tests of a rules file: [Scope.Read] turns a test as it is written into steps with their
// events, times and expectations, and reports faults of it.
package testfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Scope holds the parts of the rules files that tests name.
type Scope struct {
	Rules   []string
	Sources []rules.Source
	// Notifiers are the types of the message options by the name of the notifier; nil for one that is too faulty.
	Notifiers  map[string]reflect.Type
	Location   *time.Location // of times without a time zone
	SilenceMax time.Duration  // the longest silence
	// CheckKey reports a text that a key of messages cannot have.
	CheckKey func(d *yamldoc.Document, name string, t yamldoc.Text)
}

func (s *Scope) sources() (names []string) {
	for _, source := range s.Sources {
		names = append(names, source.Name)
	}
	return names
}

func (s *Scope) notifiers() []string { return slices.Sorted(maps.Keys(s.Notifiers)) }

// Test is one entry of tests: steps in the order of their times.
type Test struct {
	Name string
	File string
	Line int

	Start    time.Time     // when the clock of the test starts
	Silences *silence.List // nil without any
	Steps    []Step
	Advice   []string // remarks of the catalog on the events
}

// Step is a moment of a test: an event, or the passing of time. Its messages are those that are sent after the step
// before it, up to and including its moment.
type Step struct {
	At      time.Time
	Event   *event.Event // nil if only time passes
	Asserts bool         // the messages have to be the expected ones
	Expect  []Expectation
	Line    int
}

// stepSpec is a step of a test.
type stepSpec struct {
	eventSpec
	Expect yamldoc.Raw `yaml:"expect"`
}

// Spec is a test as it is written, with the event under test.
type Spec struct {
	eventSpec
	Name     yamldoc.Text  `yaml:"name"`
	Silences []silenceSpec `yaml:"silences"`
	Given    []eventSpec   `yaml:"given"`
	Steps    []stepSpec    `yaml:"steps"`
	Expect   yamldoc.Raw   `yaml:"expect"`
}

// Start is the time at which the clock of each test starts: a Monday morning.
func Start() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// testStep is the time between two events of a test, unless the test sets it.
const testStep = time.Second

// parser reads one test.
type parser struct {
	*Scope
	d      *yamldoc.Document
	test   Test
	tested *eventSpec // the event under test

	expectsNothing bool      // it has expect: []
	clock          time.Time // of the latest event; zero before the first

	cases  []int      // that failures name
	runs   []attached // of the events with failures
	others int        // runs with failures whose id the test leaves out, beside the one under test
}

// Read reads one test of a document.
func (s *Scope) Read(d *yamldoc.Document, spec *Spec) Test {
	p := &parser{Scope: s, d: d}
	p.test = Test{Name: strings.TrimSpace(spec.Name.S), File: d.Name, Line: spec.At.Node.Line, Start: Start()}
	p.tested = spec.tested()
	p.addSteps(spec)
	p.addSilences(spec.Silences)
	p.finishRuns()
	return p.test
}

// addSteps adds the events and the passing of time, of a test with or without steps.
func (p *parser) addSteps(spec *Spec) {
	for _, e := range spec.Given {
		if e.At.IsMapping() {
			p.addStep(stepSpec{eventSpec: e}, false)
		}
	}
	if spec.Steps == nil && !yamldoc.HasKey(spec.At.Node, "steps") {
		p.addStep(stepSpec{spec.eventSpec, spec.Expect}, true)
		return
	}
	p.checkBesideSteps(spec)
	asserts := false
	for _, step := range spec.Steps {
		if step.At.IsMapping() {
			p.addStep(step, step.Expect.Node != nil)
			asserts = asserts || step.Expect.Node != nil
		}
	}
	if !asserts && len(spec.Steps) > 0 {
		p.noExpectations(spec.At.Node, spec.Name.S)
	}
}

// tested returns the event that the other events of the test join: the one under test, or that of the first step.
func (s *Spec) tested() *eventSpec {
	for i := range s.Steps {
		if s.Steps[i].Event.Given() {
			return &s.Steps[i].eventSpec
		}
	}
	return &s.eventSpec
}

// checkBesideSteps reports keys of a test with steps that belong to a step.
func (p *parser) checkBesideSteps(spec *Spec) {
	for _, key := range []string{"event", "payload", "expect", "at", "advance", "project_code", "team_member_id", "source",
		"timestamp", "failures"} {
		if at := yamldoc.ValueOf(spec.At.Node, key); at != nil {
			p.d.Report(at, diag.Error, key+" belongs to a step, in a test with steps",
				"write steps: [{event: run.started, expect: []}, {advance: 4h, expect: [{rule: …}]}]")
		}
	}
}

func (p *parser) noExpectations(n *yaml.Node, name string) {
	p.d.Report(n, diag.Error, fmt.Sprintf("the test %q has no expectations", name),
		"add expect: [{rule: …}], or expect: [] if nothing must be sent")
}

// addStep adds a step: the catalog's example of an event with the values that the test sets, or only time.
func (p *parser) addStep(spec stepSpec, asserts bool) {
	p.setClock(spec.eventSpec)
	p.expectsNothing = spec.Expect.Node != nil && len(spec.Expect.Node.Content) == 0
	if len(p.test.Steps) == 0 && spec.Time.Given() {
		p.test.Start = p.clock
	}
	step := Step{At: p.clock, Asserts: asserts, Line: spec.At.Node.Line}
	name := strings.TrimSpace(spec.Event.S)
	passes := spec.Advance != nil || spec.Time.Given()
	switch {
	case name != "":
		step.Event = p.event(name, spec.eventSpec)
	case p.d.Misspelt(spec.At.Node, "event"):
		return
	case !passes:
		p.d.Report(spec.At.Node, diag.Error, "an event needs a name",
			"write event: run.completed; all events: qase-relay catalog")
		return
	}
	if asserts {
		if spec.Expect.Node == nil {
			p.noExpectations(spec.At.Node, p.test.Name)
		}
		step.Expect = p.expectations(spec.Expect.Node)
	}
	if name == "" || step.Event != nil {
		p.test.Steps = append(p.test.Steps, step)
	}
}

// readTime reads a time, in the time zone of the settings unless it names one.
func (p *parser) readTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if err != nil {
			t, err = time.ParseInLocation(layout, text, p.Location)
		}
	}
	return t, err
}

// setClock moves the clock to the time of an event.
func (p *parser) setClock(spec eventSpec) {
	next := p.clock.Add(testStep)
	if p.clock.IsZero() {
		next = Start()
	}
	switch {
	case spec.Advance != nil && spec.Time.Given():
		p.d.Report(spec.Time.Node, diag.Error, "at and advance are both set", "keep one of them")
	case spec.Advance != nil && p.clock.IsZero():
		next = Start().Add(*spec.Advance)
	case spec.Advance != nil:
		next = p.clock.Add(*spec.Advance)
	case spec.Time.Given():
		next = p.parseTime(spec.Time, next)
	}
	p.clock = next
}

// parseTime returns the value of at:, or fallback for a wrong one, which it reports.
func (p *parser) parseTime(at yamldoc.Text, fallback time.Time) time.Time {
	t, err := p.readTime(at.S)
	switch {
	case err != nil:
		p.d.Report(at.Node, diag.Error, fmt.Sprintf("at: %q is not a time", value.Shorten(at.S, 40)),
			"write it like 2026-01-05T09:00:00Z, or 2026-01-05 09:00 in the time zone of the settings")
	case t.Before(p.clock):
		p.d.Report(at.Node, diag.Error, "at: the clock of a test only goes forward",
			"the event before happens at "+p.clock.Format(time.RFC3339))
	default:
		return t
	}
	return fallback
}
