package rulefile

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/silence"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Test is one entry of tests: steps in the order of their times.
type Test struct {
	Name string
	File string
	Line int

	Start    time.Time     // when the clock of the test starts
	Silences *silence.List // nil without any
	Steps    []TestStep
	Advice   []string // remarks of the catalog on the events
}

// TestStep is a moment of a test: an event, or the passing of time. Its messages are those that are sent after the step
// before it, up to and including its moment.
type TestStep struct {
	At      time.Time
	Event   *event.Event // nil if only time passes
	Asserts bool         // the messages have to be the expected ones
	Expect  []Expectation
	Line    int
}

// eventSpec is an event of a test as it is written.
type eventSpec struct {
	At          yamldoc.Raw    `yaml:"-"`
	Event       yamldoc.Text   `yaml:"event"`
	Payload     yamldoc.Raw    `yaml:"payload"`
	ProjectCode yamldoc.Text   `yaml:"project_code"`
	MemberID    *int           `yaml:"team_member_id"`
	Source      yamldoc.Text   `yaml:"source"`
	Time        yamldoc.Text   `yaml:"at"`
	Advance     *time.Duration `yaml:"advance"`
	Timestamp   yamldoc.Text   `yaml:"timestamp"`
}

// stepSpec is a step of a test.
type stepSpec struct {
	eventSpec
	Expect yamldoc.Raw `yaml:"expect"`
}

// testSpec is a test as it is written, with the event under test.
type testSpec struct {
	eventSpec
	Name     yamldoc.Text  `yaml:"name"`
	Silences []silenceSpec `yaml:"silences"`
	Given    []eventSpec   `yaml:"given"`
	Steps    []stepSpec    `yaml:"steps"`
	Expect   yamldoc.Raw   `yaml:"expect"`
}

// testStart is the time at which the clock of each test starts: a Monday morning.
func testStart() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// testStep is the time between two events of a test, unless the test sets it.
const testStep = time.Second

func parseTests(documents []*document, config *Config, notifiers notifierTable) []Test {
	names := uniqueNames{first: map[string]string{}}
	var tests []Test
	for _, d := range documents {
		for i := range d.spec.Tests {
			spec := &d.spec.Tests[i]
			if !spec.At.IsMapping() {
				continue
			}
			if !spec.Name.Given() || strings.TrimSpace(spec.Name.S) == "" {
				d.Report(spec.At.Node, diag.Error, "a test needs a name",
					"describe it, such as name: a failed run reaches QA")
			} else {
				names.add(d, spec.Name, "test")
			}
			p := &testParser{d: d, config: config, notifiers: notifiers}
			tests = append(tests, p.parse(spec))
		}
	}
	return tests
}

// testParser reads one test.
type testParser struct {
	d         *document
	config    *Config
	notifiers notifierTable
	test      Test
	tested    *eventSpec // the event under test

	expectsNothing bool      // it has expect: []
	clock          time.Time // of the latest event; zero before the first
}

func (p *testParser) parse(spec *testSpec) Test {
	p.test = Test{Name: strings.TrimSpace(spec.Name.S), File: p.d.Name, Line: spec.At.Node.Line, Start: testStart()}
	p.tested = spec.tested()
	p.addSteps(spec)
	p.addSilences(spec.Silences)
	return p.test
}

// addSteps adds the events and the passing of time, of a test with or without steps.
func (p *testParser) addSteps(spec *testSpec) {
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
func (s *testSpec) tested() *eventSpec {
	for i := range s.Steps {
		if s.Steps[i].Event.Given() {
			return &s.Steps[i].eventSpec
		}
	}
	return &s.eventSpec
}

// checkBesideSteps reports keys of a test with steps that belong to a step.
func (p *testParser) checkBesideSteps(spec *testSpec) {
	for _, key := range []string{"event", "payload", "expect", "at", "advance", "project_code", "team_member_id", "source",
		"timestamp"} {
		if at := yamldoc.ValueOf(spec.At.Node, key); at != nil {
			p.d.Report(at, diag.Error, key+" belongs to a step, in a test with steps",
				"write steps: [{event: run.started, expect: []}, {advance: 4h, expect: [{rule: …}]}]")
		}
	}
}

func (p *testParser) noExpectations(n *yaml.Node, name string) {
	p.d.Report(n, diag.Error, fmt.Sprintf("the test %q has no expectations", name),
		"add expect: [{rule: …}], or expect: [] if nothing must be sent")
}

// addStep adds a step: the catalog's example of an event with the values that the test sets, or only time.
func (p *testParser) addStep(spec stepSpec, asserts bool) {
	p.setClock(spec.eventSpec)
	p.expectsNothing = spec.Expect.Node != nil && len(spec.Expect.Node.Content) == 0
	if len(p.test.Steps) == 0 && spec.Time.Given() {
		p.test.Start = p.clock
	}
	step := TestStep{At: p.clock, Asserts: asserts, Line: spec.At.Node.Line}
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

// event returns the catalog's example of an event, with the values that the test sets, or nil for a faulty one.
func (p *testParser) event(name string, spec eventSpec) *event.Event {
	p.adviseOnName(spec.Event)
	envelope := event.Sample(name)
	p.joinTested(&spec, envelope)
	payload := envelope["payload"].(map[string]any)
	if n := spec.Payload.Node; n != nil {
		for _, e := range p.d.Entries(n, "payload") {
			p.adviseOnField(name, e.Key)
			p.adviseOnValue(name, e.Key.Value, e.Value)
			payload[e.Key.Value] = p.d.Any(e.Value)
		}
	}
	envelope["timestamp"] = p.timestamp(spec.Timestamp)
	if spec.ProjectCode.Given() {
		envelope["project_code"] = spec.ProjectCode.S
	}
	if spec.MemberID != nil {
		envelope["team_member_id"] = *spec.MemberID
	}
	ev, err := event.Parse(p.source(spec.Source), []byte(value.JSONText(envelope)), p.clock)
	if err != nil {
		p.d.Errorf(spec.At.Node, "the event %s of a test: %v", name, err)
		return nil
	}
	ev.MemberAssumed = spec.MemberID == nil
	return ev
}

// timestamp returns the timestamp of an event in Unix seconds: that of the clock, unless the test sets it to Unix
// seconds, to a time, or to an offset from the clock such as -10s.
func (p *testParser) timestamp(t yamldoc.Text) int {
	if !t.Given() {
		return int(p.clock.Unix())
	}
	if n, err := strconv.Atoi(t.S); err == nil && n > 0 {
		return n
	}
	if sign, rest := t.S[:min(1, len(t.S))], strings.TrimLeft(t.S, "+-"); sign == "-" || sign == "+" {
		if offset, err := value.ParseDuration(rest); err == nil {
			if sign == "-" {
				offset = -offset
			}
			return int(p.clock.Add(offset).Unix())
		}
	}
	at, err := p.readTime(t.S)
	if err != nil {
		p.d.Report(t.Node, diag.Error, fmt.Sprintf("timestamp: %q is not a time", value.Shorten(t.S, 40)),
			"write Unix seconds, a time such as 2026-01-05T09:00:00Z, or an offset such as -10s")
		return int(p.clock.Unix())
	}
	return int(at.Unix())
}

// readTime reads a time, in the time zone of the settings unless it names one.
func (p *testParser) readTime(text string) (time.Time, error) {
	t, err := time.Parse(time.RFC3339, text)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if err != nil {
			t, err = time.ParseInLocation(layout, text, p.config.Settings.Location)
		}
	}
	return t, err
}

// joinTested makes the example of an earlier event one about the run, defect … of the event under test, unless it is
// another event of the same name or gives an id.
func (p *testParser) joinTested(spec *eventSpec, envelope map[string]any) {
	name, tested := strings.TrimSpace(spec.Event.S), strings.TrimSpace(p.tested.Event.S)
	kind, _, _ := strings.Cut(name, ".")
	key := "id"
	if kind == "shared_step" {
		key = "hash"
	}
	other, _, _ := strings.Cut(tested, ".")
	if kind != other || name == tested || p.idOf(spec, key) != nil {
		return
	}
	id := event.Sample(tested)["payload"].(map[string]any)[key]
	if n := p.idOf(p.tested, key); n != nil {
		id = p.d.Any(n)
	}
	if id != nil {
		envelope["payload"].(map[string]any)[key] = id
	}
	if !spec.ProjectCode.Given() {
		spec.ProjectCode = p.tested.ProjectCode
	}
	if !spec.Source.Given() {
		spec.Source = p.tested.Source
	}
}

// idOf returns the id that an event of a test gives, or nil.
func (p *testParser) idOf(spec *eventSpec, key string) (id *yaml.Node) {
	if n := spec.Payload.Node; n != nil {
		p.d.Nested(n, func(n *yaml.Node) { id = yamldoc.ValueOf(n, key) })
	}
	return id
}

// source returns the name of the source of an event: the first one unless the test names another.
func (p *testParser) source(name yamldoc.Text) string {
	var known []string
	for _, s := range p.config.Sources {
		known = append(known, s.Name)
	}
	switch {
	case name.Given() && !slices.Contains(known, name.S):
		p.d.Report(name.Node, diag.Error, fmt.Sprintf("no source %q", name.S), catalog.DidYouMean(name.S, known))
	case !name.Given() && len(known) > 0:
		return known[0]
	}
	return name.S
}

// setClock moves the clock to the time of an event.
func (p *testParser) setClock(spec eventSpec) {
	next := p.clock.Add(testStep)
	if p.clock.IsZero() {
		next = testStart()
	}
	switch {
	case spec.Advance != nil && spec.Time.Given():
		p.d.Report(spec.Time.Node, diag.Error, "at and advance are both set", "keep one of them")
	case spec.Advance != nil && p.clock.IsZero():
		next = testStart().Add(*spec.Advance)
	case spec.Advance != nil:
		next = p.clock.Add(*spec.Advance)
	case spec.Time.Given():
		next = p.parseTime(spec.Time, next)
	}
	p.clock = next
}

// parseTime returns the value of at:, or fallback for a wrong one, which it reports.
func (p *testParser) parseTime(at yamldoc.Text, fallback time.Time) time.Time {
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

// adviseOnName warns of a name that is likely misspelt: such an event matches nothing, so a test that expects nothing
// would pass for the wrong reason.
func (p *testParser) adviseOnName(name yamldoc.Text) {
	if _, known := catalog.Lookup(name.S); known {
		return
	}
	hint := catalog.Hint(name.S)
	if hint == "" && !p.expectsNothing {
		return // an event that Qase may add, and that a rule matches
	}
	p.warn(name.Node, fmt.Sprintf("Qase has no event %q", name.S), cmp.Or(hint, "all events: qase-relay catalog"))
}

// adviseOnField warns of a field of the payload that is likely misspelt.
func (p *testParser) adviseOnField(event string, key *yaml.Node) {
	schema := catalog.Schemas().ByName[event]
	if schema == nil || !schema.Documented || slices.Contains(schema.Top, key.Value) {
		return
	}
	hint := catalog.DidYouMean(key.Value, schema.Top)
	if slices.Contains([]string{"project_code", "team_member_id", "event_name", "source", "timestamp"}, key.Value) {
		hint = "write it beside payload, not within"
	}
	p.warn(key, fmt.Sprintf("%s has no field payload.%s", event, key.Value), hint)
}

// adviseOnValue warns of a value that the field of a payload never has.
func (p *testParser) adviseOnValue(event, key string, n *yaml.Node) {
	schema := catalog.Schemas().ByName[event]
	if schema == nil || n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return
	}
	field := schema.Fields[key]
	full := "payload." + key
	_, err := strconv.Atoi(n.Value)
	switch {
	case field.Values != nil && !slices.Contains(field.Values, n.Value):
		p.warn(n, fmt.Sprintf("%s is never %q", full, n.Value), catalog.DidYouMean(n.Value, field.Values))
	case field.Type == "integer" && n.Tag == "!!str" && err == nil:
		p.warn(n, fmt.Sprintf("%s is an integer in %s", full, event), "write "+n.Value+" without quotes")
	case field.Type == "integer" && n.Tag != "!!int", field.Type == "boolean" && n.Tag != "!!bool":
		p.warn(n, fmt.Sprintf("%s is %s in %s, not %s", full, withArticle(field.Type), event, yamldoc.Describe(n)), "")
	}
}

func withArticle(word string) string {
	if word == "integer" {
		return "an integer"
	}
	return "a " + word
}

// warn reports a warning, which the result of the test repeats.
func (p *testParser) warn(n *yaml.Node, message, hint string) {
	p.d.Report(n, diag.Warning, message, hint)
	if hint != "" {
		message += " (" + hint + ")"
	}
	p.test.Advice = append(p.test.Advice, message)
}
