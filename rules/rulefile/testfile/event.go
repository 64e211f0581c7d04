package testfile

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
	"qaserelay/rules/event"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// eventSpec is an event of a test as it is written.
type eventSpec struct {
	At          yamldoc.Raw    `yaml:"-"`
	Event       yamldoc.Text   `yaml:"event"`
	Payload     yamldoc.Raw    `yaml:"payload"`
	Failures    yamldoc.Raw    `yaml:"failures"`
	ProjectCode yamldoc.Text   `yaml:"project_code"`
	MemberID    *int           `yaml:"team_member_id"`
	Source      yamldoc.Text   `yaml:"source"`
	Time        yamldoc.Text   `yaml:"at"`
	Advance     *time.Duration `yaml:"advance"`
	Timestamp   yamldoc.Text   `yaml:"timestamp"`
}

// event returns the catalog's example of an event, with the values that the test sets, or nil for a faulty one.
func (p *parser) event(name string, spec eventSpec) *event.Event {
	p.adviseOnName(spec.Event)
	envelope, project := event.Sample(name), spec.ProjectCode
	p.joinTested(&spec, envelope)
	source := p.source(spec.Source)
	p.adviseOnProject(project, source)
	payload := envelope["payload"].(map[string]any)
	p.ofAnotherRun(&spec, payload)
	failing, written := p.readFailures(&spec), map[string]bool{}
	if n := spec.Payload.Node; n != nil {
		for _, e := range p.d.Entries(n, "payload") {
			p.adviseOnField(name, e.Key)
			p.adviseOnValue(name, e.Key.Value, e.Value)
			payload[e.Key.Value], written[e.Key.Value] = p.d.Any(e.Value), true
		}
	}
	if failing != nil {
		failing.count(payload, written)
	}
	envelope["timestamp"] = p.timestamp(spec.Timestamp)
	if spec.ProjectCode.Given() {
		envelope["project_code"] = spec.ProjectCode.S
	}
	if spec.MemberID != nil {
		envelope["team_member_id"] = *spec.MemberID
	}
	ev, err := event.Parse(source, []byte(value.JSONText(envelope)), p.clock)
	if err != nil {
		p.d.Errorf(spec.At.Node, "the event %s of a test: %v", name, err)
		return nil
	}
	ev.MemberAssumed = spec.MemberID == nil
	if failing != nil {
		p.attach(failing, ev)
	}
	return ev
}

// joinTested makes the example of an earlier event one about the run, defect … of the event under test, unless it is
// another event of the same name or gives an id.
func (p *parser) joinTested(spec *eventSpec, envelope map[string]any) {
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
func (p *parser) idOf(spec *eventSpec, key string) (id *yaml.Node) {
	if n := spec.Payload.Node; n != nil {
		p.d.Nested(n, func(n *yaml.Node) { id = yamldoc.ValueOf(n, key) })
	}
	return id
}

// source returns the name of the source of an event: the first one unless the test names another.
func (p *parser) source(name yamldoc.Text) string {
	switch {
	case name.Given() && !slices.Contains(p.sources(), name.S):
		p.d.Report(name.Node, diag.Error, fmt.Sprintf("no source %q", name.S), catalog.DidYouMean(name.S, p.sources()))
	case !name.Given() && len(p.Sources) > 0:
		return p.Sources[0].Name
	}
	return name.S
}

// timestamp returns the timestamp of an event in Unix seconds: that of the clock, unless the test sets it to Unix
// seconds, to a time, or to an offset from the clock such as -10s.
func (p *parser) timestamp(t yamldoc.Text) int {
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

// adviseOnName warns of a name that is likely misspelt: such an event matches nothing, so a test that expects nothing
// would pass for the wrong reason.
func (p *parser) adviseOnName(name yamldoc.Text) {
	if _, known := catalog.Lookup(name.S); known {
		return
	}
	hint := catalog.Hint(name.S)
	if hint == "" && !p.expectsNothing {
		return // an event that Qase may add, and that a rule matches
	}
	p.warn(name.Node, fmt.Sprintf("Qase has no event %q", name.S), cmp.Or(hint, "all events: qase-relay catalog"))
}

// adviseOnProject warns of a project whose events the source refuses, so that the relay never has the event.
func (p *parser) adviseOnProject(project yamldoc.Text, source string) {
	i := slices.IndexFunc(p.Sources, func(s rules.Source) bool { return s.Name == source })
	if i < 0 || !project.Given() || p.Sources[i].Takes(project.S) {
		return
	}
	hint := catalog.DidYouMean(project.S, p.Sources[i].Projects)
	if other := slices.IndexFunc(p.Sources, func(s rules.Source) bool { return s.Takes(project.S) }); other >= 0 {
		hint = "write source: " + p.Sources[other].Name
	}
	p.warn(project.Node, fmt.Sprintf("the source %q takes no events of the project %q", source, project.S), hint)
}

// adviseOnField warns of a field of the payload that is likely misspelt.
func (p *parser) adviseOnField(event string, key *yaml.Node) {
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
func (p *parser) adviseOnValue(event, key string, n *yaml.Node) {
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
func (p *parser) warn(n *yaml.Node, message, hint string) {
	p.d.Report(n, diag.Warning, message, hint)
	if hint != "" {
		message += " (" + hint + ")"
	}
	if !slices.Contains(p.test.Advice, message) {
		p.test.Advice = append(p.test.Advice, message)
	}
}
