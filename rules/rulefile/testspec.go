package rulefile

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/catalog"
	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// Test is one entry of tests: events that happen in their order, and what has to be sent for the last of them.
type Test struct {
	Name string
	File string
	Line int

	Events []*event.Event // the last one is the one that is looked at
	Expect []Expectation
	Advice []string // what the catalogue has to say about it
}

// What a test holds, as it is written.
type (
	testSpec struct {
		At          yamldoc.Raw    `yaml:"-"`
		Name        yamldoc.Text   `yaml:"name"`
		Given       []eventSpec    `yaml:"given"`
		Event       yamldoc.Text   `yaml:"event"`
		Payload     yamldoc.Raw    `yaml:"payload"`
		ProjectCode yamldoc.Text   `yaml:"project_code"`
		MemberID    *int           `yaml:"team_member_id"`
		Source      yamldoc.Text   `yaml:"source"`
		Time        yamldoc.Text   `yaml:"at"`
		Advance     *time.Duration `yaml:"advance"`
		Expect      yamldoc.Raw    `yaml:"expect"`
	}
	eventSpec struct {
		At          yamldoc.Raw    `yaml:"-"`
		Event       yamldoc.Text   `yaml:"event"`
		Payload     yamldoc.Raw    `yaml:"payload"`
		ProjectCode yamldoc.Text   `yaml:"project_code"`
		MemberID    *int           `yaml:"team_member_id"`
		Source      yamldoc.Text   `yaml:"source"`
		Time        yamldoc.Text   `yaml:"at"`
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

func (b *Builder) buildTests(c *Config) []Test {
	names := uniqueNames{}
	var tests []Test
	for _, f := range b.Files {
		for i := range f.Spec.Tests {
			spec := &f.Spec.Tests[i]
			if !spec.At.IsMapping() {
				continue
			}
			switch {
			case !spec.Name.Given() || strings.TrimSpace(spec.Name.S) == "":
				f.Report(spec.At.Node, diag.Error, "a test needs a name", "say what it shows, such as name: a failed run reaches QA")
			default:
				names.add(f, spec.Name, "test")
			}
			tests = append(tests, b.test(c, f, spec))
		}
	}
	return tests
}

func (b *Builder) test(c *Config, f *OpenFile, spec *testSpec) Test {
	t := &testBuilder{Builder: b, config: c, file: f}
	t.test = Test{Name: strings.TrimSpace(spec.Name.S), File: f.Name, Line: spec.At.Node.Line}
	for _, e := range append(slices.Clip(spec.Given), spec.event()) {
		if e.At.IsMapping() {
			t.addEvent(e)
		}
	}
	t.addExpectations(spec)
	return t.test
}

// testBuilder makes one test.
type testBuilder struct {
	*Builder
	config *Config
	file   *OpenFile
	test   Test
	clock  time.Time // of the latest event; zero before the first
}

// addEvent lets an event happen: the catalogue's example of it, with what the test says over that.
func (t *testBuilder) addEvent(spec eventSpec) {
	t.setClock(spec)
	name := strings.TrimSpace(spec.Event.S)
	if name == "" {
		t.file.Report(spec.At.Node, diag.Error, "an event needs a name", "write event: run.completed; all events: qase-relay catalog")
		return
	}
	t.adviseOnName(spec.Event)
	envelope := exampleOf(name)
	payload := envelope["payload"].(map[string]any)
	if n := spec.Payload.Node; n != nil {
		for _, e := range t.file.Entries(n, "payload") {
			t.adviseOnField(name, e.Key)
			payload[e.Key.Value] = t.file.Any(e.Value)
		}
	}
	envelope["timestamp"] = int(t.clock.Unix())
	if spec.ProjectCode.Given() {
		envelope["project_code"] = spec.ProjectCode.S
	}
	if spec.MemberID != nil {
		envelope["team_member_id"] = *spec.MemberID
	}
	ev, err := event.Parse(t.source(spec.Source), []byte(value.JSONText(envelope)), t.clock)
	if err != nil {
		t.file.Errorf(spec.At.Node, "the event %s of a test: %v", name, err)
		return
	}
	t.test.Events = append(t.test.Events, ev)
}

// exampleOf returns the catalogue's example of an event, or one without a payload if it knows none.
func exampleOf(name string) map[string]any {
	known, ok := catalog.Lookup(name)
	if !ok {
		known, _ = catalog.Lookup("run.completed")
	}
	envelope, err := value.DecodeObject(known.Example)
	if err != nil {
		panic(fmt.Errorf("rules: the catalogue's example of %s: %w", known.Name, err))
	}
	if envelope["event_name"] = name; !ok {
		envelope["payload"] = map[string]any{}
	}
	return envelope
}

// source returns the name of the source an event comes in by: the first one unless the test names another.
func (t *testBuilder) source(name yamldoc.Text) string {
	var known []string
	for _, s := range t.config.Sources {
		known = append(known, s.Name)
	}
	switch {
	case name.Given() && !slices.Contains(known, name.S):
		t.file.Report(name.Node, diag.Error, fmt.Sprintf("no source %q", name.S), catalog.DidYouMean(name.S, known))
	case !name.Given() && len(known) > 0:
		return known[0]
	}
	return name.S
}

// setClock moves the clock to when an event happens.
func (t *testBuilder) setClock(spec eventSpec) {
	next := t.clock.Add(testStep)
	if t.clock.IsZero() {
		next = testStart()
	}
	switch {
	case spec.Advance != nil && spec.Time.Given():
		t.file.Report(spec.Time.Node, diag.Error, "at and advance are both set", "keep one of them")
	case spec.Advance != nil && t.clock.IsZero():
		next = testStart().Add(*spec.Advance)
	case spec.Advance != nil:
		next = t.clock.Add(*spec.Advance)
	case spec.Time.Given():
		next = t.moment(spec.Time, next)
	}
	t.clock = next
}

// moment reads the value of at, or reports it and returns fallback.
func (t *testBuilder) moment(at yamldoc.Text, fallback time.Time) time.Time {
	moment, err := time.Parse(time.RFC3339, at.S)
	for _, layout := range []string{"2006-01-02 15:04", "2006-01-02 15:04:05"} {
		if err != nil {
			moment, err = time.ParseInLocation(layout, at.S, t.config.Settings.Location)
		}
	}
	switch {
	case err != nil:
		t.file.Report(at.Node, diag.Error, fmt.Sprintf("at: %q is not a time", value.Shorten(at.S, 40)), "write it like 2026-01-05T09:00:00Z, or 2026-01-05 09:00 in the time zone of the settings")
	case moment.Before(t.clock):
		t.file.Report(at.Node, diag.Error, "at: the clock of a test only goes forward", "the event before happens at "+t.clock.Format(time.RFC3339))
	default:
		return moment
	}
	return fallback
}

// adviseOnName warns of a name that is likely a slip: such an event matches nothing, so a test that expects nothing
// would pass for the wrong reason.
func (t *testBuilder) adviseOnName(name yamldoc.Text) {
	if _, known := catalog.Lookup(name.S); known {
		return
	}
	if hint := catalog.Hint(name.S); hint != "" {
		t.advise(name.Node, fmt.Sprintf("Qase has no event %q", name.S), hint)
	}
}

// adviseOnField warns of a field of the payload that is likely a slip.
func (t *testBuilder) adviseOnField(event string, key *yaml.Node) {
	schema := catalog.Schemas().ByName[event]
	if schema == nil || slices.Contains(schema.Top, key.Value) {
		return
	}
	if near := catalog.Nearest(key.Value, schema.Top); near != "" && schema.Documented {
		t.advise(key, fmt.Sprintf("%s has no field payload.%s", event, key.Value), `did you mean "`+near+`"?`)
	}
}

func (t *testBuilder) advise(n *yaml.Node, message, hint string) {
	t.file.Report(n, diag.Warning, message, hint)
	t.test.Advice = append(t.test.Advice, message+" ("+hint+")")
}
