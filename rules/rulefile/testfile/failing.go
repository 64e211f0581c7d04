package testfile

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"gopkg.in/yaml.v3"

	"qaserelay/rules/diag"
	"qaserelay/rules/event"
	"qaserelay/rules/failures"
	"qaserelay/rules/people"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// failingSpec is an entry of failures of an event: a test that failed, as the Qase API would say.
type failingSpec struct {
	At       yamldoc.Raw    `yaml:"-"`
	CaseID   yamldoc.Text   `yaml:"case_id"`
	Title    yamldoc.Text   `yaml:"title"`
	Suite    yamldoc.Text   `yaml:"suite"`
	Reason   yamldoc.Text   `yaml:"reason"`
	Status   yamldoc.Text   `yaml:"status"`
	Defect   yamldoc.Raw    `yaml:"defect"`
	Owner    yamldoc.Text   `yaml:"owner"`
	Tags     []yamldoc.Text `yaml:"tags"`
	New      *bool          `yaml:"new"`
	Flaky    bool           `yaml:"flaky"`
	Muted    bool           `yaml:"muted"`
	Deleted  bool           `yaml:"deleted"`
	Attempts int            `yaml:"attempts"`
	Times    int            `yaml:"times"`
	Duration time.Duration  `yaml:"duration"`
}

// defectSpec is the defect of a test that failed.
type defectSpec struct {
	ID     int          `yaml:"id"`
	Title  yamldoc.Text `yaml:"title"`
	Status yamldoc.Text `yaml:"status"`
}

const (
	failuresExample = "write failures: [{case_id: 25, title: Login works}], a number, or unknown"
	// firstGivenRun is the id of the first run with failures that gives none, apart from that under test.
	firstGivenRun = 101
)

// failing is what the failures of an event say.
type failing struct {
	run  *failures.Run
	rows int // results that fail; -1 if the payload says how many

	tells  bool         // a test says whether it is new, so that the run has one before
	before failures.IDs // the cases that failed in that one
}

// readFailures reads failures of an event, or returns nil without any.
func (p *parser) readFailures(spec *eventSpec) *failing {
	n := spec.Failures.Node
	if n == nil {
		return nil
	}
	if name := strings.TrimSpace(spec.Event.S); name != "run.completed" && name != "run.aborted" {
		p.d.Report(n, diag.Error, "failures belong to the end of a run", "the event is run.completed or run.aborted")
		return nil
	}
	return p.failingValue(n)
}

// failingValue reads the value of failures. It returns nil for a faulty one.
func (p *parser) failingValue(n *yaml.Node) (f *failing) {
	p.d.Nested(n, func(n *yaml.Node) {
		switch n.Kind {
		case yaml.ScalarNode:
			f = p.unnamed(n)
		case yaml.SequenceNode:
			f = p.named(n)
		default:
			p.d.Report(n, diag.Error, "failures must be a list, a number or unknown, not "+yamldoc.Describe(n),
				"write failures: ["+yamldoc.Written(n)+"]")
		}
	})
	return f
}

// unnamed reads a number of failures, or unknown.
func (p *parser) unnamed(n *yaml.Node) *failing {
	var t yamldoc.Text
	p.d.Decode(n, &t, "failures")
	count, err := strconv.Atoi(t.S)
	run := &failures.Run{Error: "the Qase API did not answer in 20 s", Cause: failures.CauseAway}
	switch {
	case !t.Given(): // reported
		return nil
	case t.S == "unknown":
		return &failing{run: run, rows: -1}
	case err == nil && count >= 0 && count <= 1_000_000:
		run.Failed = count
		return &failing{run: run, rows: count}
	case err == nil:
		p.d.Report(n, diag.Error, "failures is a number from 0 to 1,000,000", "")
	default:
		p.d.Report(n, diag.Error, fmt.Sprintf("failures must be a list, a number or unknown, not %s", value.Quote(t.S)),
			failuresExample)
	}
	return nil
}

// named reads a list of failures.
func (p *parser) named(n *yaml.Node) *failing {
	run := &failures.Run{Known: true, Source: failures.FromAPI}
	f := &failing{run: run}
	seen := map[int]bool{}
	for _, item := range n.Content {
		before := p.d.Reported()
		r, defect := p.failingTest(item, f)
		if p.d.Reported() > before {
			continue
		}
		if r.CaseID > 0 && seen[r.CaseID] {
			p.d.Report(item, diag.Error, fmt.Sprintf("failures: the case %d is there twice", r.CaseID),
				"a case with parameters that fails twice has times: 2")
			continue
		}
		seen[r.CaseID] = true
		p.addTest(f, r)
		if defect != nil {
			defect.Hashes = []string{r.Hash}
			run.Defects = append(run.Defects, *defect)
		}
	}
	run.Failed = f.rows
	return f
}

// addTest adds a test to what is known of a run, by its status.
func (p *parser) addTest(f *failing, r failures.Result) {
	if r.CaseID > 0 && !slices.Contains(p.cases, r.CaseID) {
		p.cases = append(p.cases, r.CaseID)
	}
	switch r.Status {
	case "skipped", "untested", "in_progress", "retest":
		f.run.Others = append(f.run.Others, r.CaseID)
	case "passed":
		if r.Attempts > 1 {
			f.run.Recovered = append(f.run.Recovered, r)
		}
	case "blocked":
		f.run.Results = append(f.run.Results, r)
		f.run.Others = append(f.run.Others, r.CaseID)
	default:
		f.run.Results = append(f.run.Results, r)
		if !r.Muted {
			f.rows += max(r.Times, 1)
		}
	}
}

// failingTest reads a test that failed: a mapping, the number of its case, or its title.
func (p *parser) failingTest(n *yaml.Node, f *failing) (r failures.Result, defect *failures.Defect) {
	r.Status = "failed"
	p.d.Nested(n, func(n *yaml.Node) {
		var spec failingSpec
		if n.Kind != yaml.ScalarNode {
			p.d.Decode(n, &spec, yamldoc.ItemName("failures"))
		} else if _, err := strconv.Atoi(n.Value); err == nil {
			p.d.Decode(n, &spec.CaseID, "case_id")
		} else {
			p.d.Decode(n, &spec.Title, "title")
		}
		r.CaseID = p.caseID(spec.CaseID)
		r.Title, r.Suite, r.Reason = spec.Title.S, spec.Suite.S, spec.Reason.S
		r.Flaky, r.Muted, r.Deleted, r.Tags = spec.Flaky, spec.Muted, spec.Deleted, yamldoc.Texts(spec.Tags)
		r.Attempts, r.Times, r.DurationMS = spec.Attempts, spec.Times, spec.Duration.Milliseconds()
		if spec.Status.Given() {
			r.Status = spec.Status.S
		}
		for key, count := range map[string]int{"attempts": spec.Attempts, "times": spec.Times} {
			if at := yamldoc.ValueOf(n, key); at != nil && count < 1 {
				p.d.Report(at, diag.Error, key+" is a number from 1 on", "")
			}
		}
		r.Assignee = p.person(spec.Owner)
		r.Hash = fmt.Sprintf("%d/%s/%s", r.CaseID, r.Title, r.Reason)
		defect = p.defect(spec.Defect.Node)
		p.newness(n, spec.New, &r, f)
	})
	return r, defect
}

// newness reads new of a test: whether it failed in the run before, if no run before is given.
func (p *parser) newness(n *yaml.Node, isNew *bool, r *failures.Result, f *failing) {
	at := yamldoc.ValueOf(n, "new")
	switch {
	case isNew == nil:
		return
	case len(p.runs) > 0:
		p.d.Report(at, diag.Error, "new follows from failures of the run before, which is given", "leave it out")
	case !*isNew:
		f.before = append(f.before, int(r.Key()))
	}
	f.tells = true
}

// caseID reads the number of a case, which may have the code of its project: 25 or WEB-25.
func (p *parser) caseID(t yamldoc.Text) int {
	if !t.Given() {
		return 0
	}
	digits := t.S[strings.LastIndexByte(t.S, '-')+1:]
	id, err := strconv.Atoi(digits)
	if err != nil || id < 1 || id > 1<<40 || strings.HasPrefix(t.S, "-") {
		p.d.Report(t.Node, diag.Error, fmt.Sprintf("case_id: %s is not the number of a case", value.Quote(t.S)),
			"write such as case_id: 25; leave it out for a result without a case")
		return 0
	}
	return id
}

// person reads an owner: an email address, a member id or a name.
func (p *parser) person(t yamldoc.Text) *failures.Person {
	if !t.Given() || t.S == "" {
		return nil
	}
	if id, err := strconv.Atoi(t.S); err == nil {
		return &failures.Person{MemberID: id}
	}
	if people.IsAddress(t.S) {
		return &failures.Person{Email: t.S}
	}
	return &failures.Person{Name: t.S}
}

// defect reads the defect of a test: a mapping, its number or its title.
func (p *parser) defect(n *yaml.Node) *failures.Defect {
	if n == nil {
		return nil
	}
	d := &failures.Defect{ID: 1, Title: "Defect", Status: "open"}
	if id, err := strconv.Atoi(n.Value); n.Kind == yaml.ScalarNode && err == nil {
		d.ID, d.Title = id, fmt.Sprintf("Defect %d", id)
		return d
	}
	var spec defectSpec
	if n.Kind == yaml.ScalarNode {
		p.d.Decode(n, &spec.Title, "defect")
	} else {
		p.d.Decode(n, &spec, "defect")
	}
	if spec.ID > 0 {
		d.ID = spec.ID
	}
	if spec.Title.Given() {
		d.Title = spec.Title.S
	}
	switch spec.Status.S {
	case "", "open", "in_progress":
		if spec.Status.S != "" {
			d.Status = spec.Status.S
		}
		return d
	}
	return nil // resolved: no test is known by it
}

// ofAnotherRun gives the run of an event with failures that is not the one under test an id of its own, unless it has one:
// a run is compared with the one before.
func (p *parser) ofAnotherRun(spec *eventSpec, payload map[string]any) {
	if spec.Failures.Node != nil && spec.At.Node != p.tested.At.Node && p.idOf(spec, "id") == nil {
		payload["id"] = firstGivenRun + p.others
		p.others++
	}
}

// count sets the counts of a payload that the test does not write to those of its failures: the cases that are left have
// passed, or have not been run where the event counts those.
func (f *failing) count(payload map[string]any, written map[string]bool) {
	if f.rows < 0 || written["failed"] {
		return
	}
	payload["failed"] = f.rows
	rest := "passed"
	left := event.Int(payload["cases"]) - f.rows - event.Int(payload["blocked"])
	if _, counted := payload["untested"]; counted {
		rest = "untested"
		left -= event.Int(payload["passed"]) + event.Int(payload["skipped"])
	}
	if !written[rest] && left >= 0 {
		payload[rest] = left
	}
}

// attach stores what the failures say with the event.
func (p *parser) attach(f *failing, ev *event.Event) {
	run := f.run
	run.Failed = max(run.Failed, event.Int(ev.Payload["failed"]))
	run.Complete = run.Known && f.rows >= event.Int(ev.Payload["failed"])
	slices.Sort(run.Others)
	p.runs = append(p.runs, attached{f, ev})
}

// attached is what is known of the run of an event.
type attached struct {
	*failing
	ev *event.Event
}

// finishRuns stores what is known with the events, once all cases of the test are known: those that a run does not name
// have passed in it. A run has at least a title, so that it has a run before.
func (p *parser) finishRuns() {
	slices.Sort(p.cases)
	for _, a := range p.runs {
		if a.run.Known {
			a.run.Cases = failures.IDs(p.cases)
			a.run.Compared = a.compare(a.ev, a.run.Cases)
		}
		facts := &failures.Facts{AskedAt: a.ev.ReceivedAt.UnixMilli(), Run: a.run,
			Entity: map[string]any{"title": "Run " + a.ev.EntityID()}}
		a.ev.Facts = facts.Encode()
	}
}
