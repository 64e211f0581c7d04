package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
)

// Test is one entry of tests: events that happen in their order, and what has to be sent for the last of them.
type Test struct {
	Name string
	File string
	Line int

	events []*Event // the last one is the one that is looked at
	expect []expectation
	advice []string // what the catalogue has to say about it
}

// What a test holds, as it is written.
type (
	testSpec struct {
		At          raw            `yaml:"-"`
		Name        text           `yaml:"name"`
		Given       []eventSpec    `yaml:"given"`
		Event       text           `yaml:"event"`
		Payload     raw            `yaml:"payload"`
		ProjectCode text           `yaml:"project_code"`
		MemberID    *int           `yaml:"team_member_id"`
		Source      text           `yaml:"source"`
		Time        text           `yaml:"at"`
		Advance     *time.Duration `yaml:"advance"`
		Expect      raw            `yaml:"expect"`
	}
	eventSpec struct {
		At          raw            `yaml:"-"`
		Event       text           `yaml:"event"`
		Payload     raw            `yaml:"payload"`
		ProjectCode text           `yaml:"project_code"`
		MemberID    *int           `yaml:"team_member_id"`
		Source      text           `yaml:"source"`
		Time        text           `yaml:"at"`
		Advance     *time.Duration `yaml:"advance"`
	}
)

// event is the part of a test that says what happens last.
func (s *testSpec) event() eventSpec {
	return eventSpec{s.At, s.Event, s.Payload, s.ProjectCode, s.MemberID, s.Source, s.Time, s.Advance}
}

// testStart is when the clock of each test starts: a Monday morning.
func testStart() time.Time { return time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC) }

// testStep is the time between two events of a test, unless it says otherwise.
const testStep = time.Second

func (b *builder) buildTests(c *Config) []Test {
	names := uniqueNames{}
	var tests []Test
	for _, f := range b.files {
		for i := range f.spec.Tests {
			spec := &f.spec.Tests[i]
			if !spec.At.isMapping() {
				continue
			}
			switch {
			case !spec.Name.given() || strings.TrimSpace(spec.Name.s) == "":
				f.report(spec.At.node, Error, "a test needs a name", "say what it shows, such as name: a failed run reaches QA")
			default:
				names.add(f, spec.Name, "test")
			}
			tests = append(tests, b.test(c, f, spec))
		}
	}
	return tests
}

func (b *builder) test(c *Config, f *openFile, spec *testSpec) Test {
	t := &testBuilder{builder: b, config: c, file: f}
	t.test = Test{Name: strings.TrimSpace(spec.Name.s), File: f.name, Line: spec.At.node.Line}
	for _, e := range append(slices.Clip(spec.Given), spec.event()) {
		if e.At.isMapping() {
			t.addEvent(e)
		}
	}
	t.addExpectations(spec)
	return t.test
}

// testBuilder makes one test.
type testBuilder struct {
	*builder
	config *Config
	file   *openFile
	test   Test
	clock  time.Time // of the latest event; zero before the first
}

// addEvent lets an event happen: the catalogue's example of it, with what the test says over that.
func (t *testBuilder) addEvent(spec eventSpec) {
	t.setClock(spec)
	name := strings.TrimSpace(spec.Event.s)
	if name == "" {
		t.file.report(spec.At.node, Error, "an event needs a name", "write event: run.completed; all events: qase-relay catalog")
		return
	}
	t.adviseOnName(spec.Event)
	envelope := exampleOf(name)
	payload := envelope["payload"].(map[string]any)
	if n := spec.Payload.node; n != nil {
		for _, e := range t.file.entries(n, "payload") {
			t.adviseOnField(name, e.key)
			payload[e.key.Value] = t.file.any(e.value)
		}
	}
	envelope["timestamp"] = int(t.clock.Unix())
	if spec.ProjectCode.given() {
		envelope["project_code"] = spec.ProjectCode.s
	}
	if spec.MemberID != nil {
		envelope["team_member_id"] = *spec.MemberID
	}
	ev, err := ParseEvent(t.source(spec.Source), []byte(jsonText(envelope)), t.clock)
	if err != nil {
		t.file.errorf(spec.At.node, "the event %s of a test: %v", name, err)
		return
	}
	t.test.events = append(t.test.events, ev)
}

// exampleOf returns the catalogue's example of an event, or one without a payload if it knows none.
func exampleOf(name string) map[string]any {
	known, ok := catalog.Lookup(name)
	if !ok {
		known, _ = catalog.Lookup("run.completed")
	}
	envelope, err := decodeObject(known.Example)
	if err != nil {
		panic(fmt.Errorf("rules: the catalogue's example of %s: %w", known.Name, err))
	}
	if envelope["event_name"] = name; !ok {
		envelope["payload"] = map[string]any{}
	}
	return envelope
}

// source returns the name of the source an event comes in by: the first one unless the test names another.
func (t *testBuilder) source(name text) string {
	var known []string
	for _, s := range t.config.Sources {
		known = append(known, s.Name)
	}
	switch {
	case name.given() && !slices.Contains(known, name.s):
		t.file.report(name.node, Error, fmt.Sprintf("no source %q", name.s), didYouMean(name.s, known))
	case !name.given() && len(known) > 0:
		return known[0]
	}
	return name.s
}

// setClock moves the clock to when an event happens.
func (t *testBuilder) setClock(spec eventSpec) {
	next := t.clock.Add(testStep)
	if t.clock.IsZero() {
		next = testStart()
	}
	switch {
	case spec.Advance != nil && spec.Time.given():
		t.file.report(spec.Time.node, Error, "at and advance are both set", "keep one of them")
	case spec.Advance != nil && t.clock.IsZero():
		next = testStart().Add(*spec.Advance)
	case spec.Advance != nil:
		next = t.clock.Add(*spec.Advance)
	case spec.Time.given():
		next = t.moment(spec.Time, next)
	}
	t.clock = next
}

// moment reads the value of at, or reports it and returns fallback.
func (t *testBuilder) moment(at text, fallback time.Time) time.Time {
	moment, err := time.Parse(time.RFC3339, at.s)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if err != nil {
			moment, err = time.ParseInLocation(layout, at.s, t.config.Settings.Location)
		}
	}
	switch {
	case err != nil:
		t.file.report(at.node, Error, fmt.Sprintf("at: %q is not a time", shorten(at.s, 40)), "write it like 2026-01-05T09:00:00Z, or 2026-01-05 09:00 in the time zone of the settings")
	case moment.Before(t.clock):
		t.file.report(at.node, Error, "at: the clock of a test only goes forward", "the event before happens at "+t.clock.Format(time.RFC3339))
	default:
		return moment
	}
	return fallback
}

// adviseOnName warns of a name that is likely a slip: such an event matches nothing, so a test that expects nothing
// would pass for the wrong reason.
func (t *testBuilder) adviseOnName(name text) {
	if _, known := catalog.Lookup(name.s); known {
		return
	}
	if hint := catalog.Hint(name.s); hint != "" {
		t.advise(name.node, fmt.Sprintf("Qase has no event %q", name.s), hint)
	}
}

// adviseOnField warns of a field of the payload that is likely a slip.
func (t *testBuilder) adviseOnField(event string, key *yaml.Node) {
	schema := knownSchemas().byName[event]
	if schema == nil || slices.Contains(schema.top, key.Value) {
		return
	}
	if near := catalog.Nearest(key.Value, schema.top); near != "" && schema.documented {
		t.advise(key, fmt.Sprintf("%s has no field payload.%s", event, key.Value), `did you mean "`+near+`"?`)
	}
}

func (t *testBuilder) advise(n *yaml.Node, message, hint string) {
	t.file.report(n, Warning, message, hint)
	t.test.advice = append(t.test.advice, message+" ("+hint+")")
}
