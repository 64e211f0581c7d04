package markup

import (
	"slices"
	"sort"
	"strconv"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/rules/message"
)

// Tests are the failing tests of a message in rows, the last of which a channel can leave out.
type Tests struct {
	failures *message.Failures
	url      string // of the run
	units    []unit
	below    []TestRow // rows that stand below the tests
}

// unit is what is shown or left out as a whole: a test, or a reason that many tests share.
type unit struct {
	section string // the heading that it belongs to
	row     TestRow
	count   int // how many failing results it shows
}

// TestRow is one row of Tests.
type TestRow struct {
	Kind  RowKind
	Group bool // a HeadingRow that is the reason of a group
	// Line shows the row as text.
	Line Line
	// Test is the test of an ItemRow, for channels that lay it out by themselves.
	Test *Test
}

// RowKind is the kind of a row.
type RowKind int

// The kinds of rows.
const (
	NoteRow    RowKind = iota // what is not known
	HeadingRow                // New, Still failing, or the reason of a group
	ItemRow                   // a test
	RestRow                   // how many tests are not shown
	FactsRow                  // what has been fixed, the trend
	FieldsRow                 // the fields of the message
)

// Test is a failing test. All texts are in one line, without markup, and not escaped.
type Test struct {
	Name          Run // code and title, which link to the test
	Suite, Reason string
	Facts         []Run // how long it has failed, how often it does, its defect
	Owner         string
	New           bool
}

// Limits of the texts of a test, in UTF-16 units.
const (
	maxTestName = 150
	maxSuite    = 80
	maxTestFact = 80
	maxTestURL  = 1000 // bytes
	maxReason   = 200
	// maxNamed is how many fixed or flaky tests are named.
	maxNamed = 10
)

// FailingTests returns the failing tests of m for a channel that shows so many unless the rule wants another number. It
// returns nil for a message without any.
func FailingTests(m *notifiers.Message, byItself int) *Tests {
	return failingTests(m, byItself, maxReason)
}

// ShortTests is FailingTests with reasons of at most so many UTF-16 units.
func ShortTests(m *notifiers.Message, byItself, reason int) *Tests {
	return failingTests(m, byItself, reason)
}

func failingTests(m *notifiers.Message, byItself, reason int) *Tests {
	f := m.Failures
	if f == nil {
		return nil
	}
	t := &Tests{failures: f, url: MessageURL(m, maxTestURL)}
	left := f.Shown(byItself)
	grouped := map[string]bool{}
	for _, g := range f.Groups {
		grouped[g.Reason] = true
		t.addGroup(g, &left, reason)
	}
	for _, isNew := range []bool{true, false} {
		for _, one := range f.Items {
			if one.New == isNew && !grouped[one.Reason] && left > 0 {
				t.units = append(t.units, unit{section(isNew), itemRow(one, reason), max(one.Times, 1)})
				left--
			}
		}
	}
	return t
}

// addGroup adds a reason with its examples.
func (t *Tests) addGroup(g message.FailureGroup, left *int, reason int) {
	title := Line{Runs: []Run{{Text: count(g.Count) + " × " + short(g.Reason, max(reason, maxTestFact)), Bold: true}}}
	t.units = append(t.units, unit{row: TestRow{Kind: HeadingRow, Group: true, Line: title}, count: g.Count})
	for _, one := range g.Examples[:min(len(g.Examples), *left)] {
		one.Reason = ""
		t.units = append(t.units, unit{row: itemRow(one, reason)})
		*left--
	}
}

func section(isNew bool) string {
	if isNew {
		return "New"
	}
	return "Still failing"
}

// WithFields returns the body of m and its failing tests for a channel that shows the fields in one line at the end. The
// body has at most limit UTF-16 units.
func WithFields(m *notifiers.Message, byItself, limit int) ([]Line, *Tests) {
	t := FailingTests(m, byItself)
	if t == nil {
		return Lines(Shorten(m.WholeBody(), limit)), nil
	}
	for i, l := range Lines(Shorten(m.FieldsLine(), limit)) {
		l.Apart = i == 0
		t.below = append(t.below, TestRow{Kind: FieldsRow, Line: l})
	}
	return Lines(Shorten(m.Body, limit)), t
}

// Len returns how many parts can be left out from the end. Nil tests have none.
func (t *Tests) Len() int {
	if t == nil {
		return 0
	}
	return len(t.units)
}

// Rows returns the rows with the first n parts, and how many tests are left. Nil tests have none.
func (t *Tests) Rows(n int) []TestRow {
	if t == nil {
		return nil
	}
	var rows []TestRow
	if note := short(t.failures.Note, 2*maxReason); note != "" {
		rows = append(rows, textRow(NoteRow, Run{Text: note, Italic: true}))
	}
	heading, shown := "", 0
	for _, u := range t.units[:n] {
		if u.section != heading && u.section != "" {
			rows = append(rows, textRow(HeadingRow, Run{Text: u.section, Bold: true}))
		}
		heading, shown = u.section, shown+u.count
		rows = append(rows, u.row)
	}
	if rest, some := t.rest(shown, n > 0); some {
		rows = append(rows, textRow(RestRow, Run{Text: rest, URL: t.url}))
	}
	if facts := t.facts(); len(facts) > 0 {
		rows = append(rows, textRow(FactsRow, facts...))
	}
	if len(rows) > 0 {
		rows[0].Line.Apart = true
	}
	return append(rows, t.below...)
}

// Fit returns how many parts can be shown so that the rows fit. More rows must never fit where fewer do not.
func (t *Tests) Fit(fits func([]TestRow) bool) int {
	if fits(t.Rows(t.Len())) {
		return t.Len()
	}
	return max(sort.Search(t.Len(), func(n int) bool { return !fits(t.Rows(n)) })-1, 0)
}

// rest says how many tests are not shown.
func (t *Tests) rest(shown int, some bool) (string, bool) {
	left := max(t.failures.Total, len(t.failures.Items)) - shown
	switch {
	case left <= 0, !some && t.failures.Note != "" && len(t.failures.Items) == 0:
		return "", false
	case some:
		return "and " + count(left) + " more in Qase", true
	case left == 1:
		return "1 failing test in Qase", true
	}
	return count(left) + " failing tests in Qase", true
}

// facts says what is known beside the failing tests.
func (t *Tests) facts() []Run {
	f := t.failures
	var all [][]Run
	add := func(runs ...Run) { all = append(all, runs) }
	if named := names("Fixed: ", f.Fixed, max(f.FixedTotal, len(f.Fixed))); named != nil {
		add(named...)
	}
	if named := names("Flaky, passed on a later attempt: ", f.Flaky, len(f.Flaky)); named != nil {
		add(named...)
	}
	if f.Muted > 0 {
		add(Run{Text: count(f.Muted) + " muted"})
	}
	if len(f.Groups) > 0 && len(f.Owners) > 0 {
		var owners []string
		for _, one := range f.Owners {
			owners = append(owners, short(one, maxTestFact))
		}
		add(Run{Text: "Owners: " + strings.Join(owners, ", ")})
	}
	if trend := strings.TrimSpace(short(f.Trend, maxTestFact) + " " + short(f.Before, maxTestFact)); trend != "" {
		add(Run{Text: "Pass rate " + trend})
	}
	return separated(all)
}

// names lists tests by their codes, or by their titles, without links: they are not what a reader has to act on.
func names(title string, tests []message.Failure, total int) []Run {
	if len(tests) == 0 {
		return nil
	}
	runs := []Run{{Text: title}}
	shown := tests[:min(len(tests), maxNamed)]
	for i, one := range shown {
		if i > 0 {
			runs = append(runs, Run{Text: ", "})
		}
		runs = append(runs, linked("", short(one.Code, maxTestFact), short(one.Title, maxTestFact)))
	}
	if more := total - len(shown); more > 0 {
		runs = append(runs, Run{Text: " and " + count(more) + " more"})
	}
	return runs
}

// itemRow returns the row of a test.
func itemRow(f message.Failure, reason int) TestRow {
	test := testOf(f, reason)
	line := Line{Runs: []Run{{Text: "• "}, test.Name}}
	if details := test.Details(); len(details) > 0 {
		line.Runs = slices.Concat(line.Runs, []Run{{Text: " · "}}, details)
	}
	return TestRow{Kind: ItemRow, Line: line, Test: &test}
}

func testOf(f message.Failure, reason int) Test {
	code, title := short(f.Code, maxTestFact), short(f.Title, maxTestName)
	name := title
	if code != "" && title != code {
		name = short(strings.TrimSpace(code+" "+title), maxTestName)
	}
	t := Test{Name: linked(f.URL, name), Suite: short(f.Suite, maxSuite), Reason: short(f.Reason, reason),
		Owner: short(f.Owner, maxTestFact), New: f.New}
	if status := short(f.Status, maxTestFact); status != "" && status != "failed" {
		t.Facts = append(t.Facts, Run{Text: status})
	}
	if f.Times > 1 {
		t.Facts = append(t.Facts, Run{Text: count(f.Times) + " results"})
	}
	for _, fact := range []string{f.Since, f.Rate} {
		if fact = short(fact, maxTestFact); fact != "" {
			t.Facts = append(t.Facts, Run{Text: fact})
		}
	}
	if defect := short(f.Defect, maxTestFact); defect != "" {
		t.Facts = append(t.Facts, linked(f.Link, defect))
	}
	return t
}

// Details returns what stands behind the name: suite and reason, facts and owner.
func (t Test) Details() []Run {
	var parts [][]Run
	switch {
	case t.Suite != "" && t.Reason != "":
		parts = append(parts, []Run{{Text: t.Suite + ": " + t.Reason}})
	case t.Suite+t.Reason != "":
		parts = append(parts, []Run{{Text: t.Suite + t.Reason}})
	}
	for _, fact := range t.Facts {
		parts = append(parts, []Run{fact})
	}
	if t.Owner != "" {
		parts = append(parts, []Run{{Text: t.Owner}})
	}
	return separated(parts)
}

// separated joins parts by a dot.
func separated(parts [][]Run) []Run {
	var line Line
	for i, runs := range parts {
		if i > 0 {
			line.Add(Run{Text: " · "})
		}
		for _, r := range runs {
			line.Add(r)
		}
	}
	return line.Runs
}

// linked returns the first text that is not empty with a link to a clean URL, which is never truncated.
func linked(url string, texts ...string) Run {
	r := Run{Text: "a test without a name"}
	for _, text := range slices.Backward(texts) {
		if text != "" {
			r.Text = text
		}
	}
	if clean, ok := CleanURL(url); ok && len(clean) <= maxTestURL {
		r.URL = clean
	}
	return r
}

func textRow(kind RowKind, runs ...Run) TestRow { return TestRow{Kind: kind, Line: Line{Runs: runs}} }

// short returns s in one line of at most limit UTF-16 units.
func short(s string, limit int) string {
	if limit <= 0 {
		return ""
	}
	return notifiers.Cut(notifiers.OneLine(notifiers.Cut(s, 8*limit)), limit)
}

// count writes a number with commas.
func count(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// TestLines returns the lines of rows.
func TestLines(rows []TestRow) []Line {
	var lines []Line
	for _, r := range rows {
		lines = append(lines, r.Line)
	}
	return lines
}

// FitTests leaves out failing tests from the end, and then truncates the body, until what write makes of both fits. It
// returns that, the body and the rows. Without tests it is FitLines.
func FitTests[T any](body []Line, tests *Tests, write func([]Line, []TestRow) T, fits func(T) bool,
) (T, []Line, []TestRow) {
	least := tests.Rows(0)
	writeBody := func(lines []Line) T { return write(lines, least) }
	if tests != nil && fits(writeBody(body)) {
		rows := tests.Rows(tests.Fit(func(rows []TestRow) bool { return fits(write(body, rows)) }))
		return write(body, rows), body, rows
	}
	if tests != nil && !fits(writeBody(nil)) { // only fields can be as long
		body, least = slices.Concat(body, TestLines(least)), nil
	}
	all, body := FitLines(body, writeBody, fits)
	return all, body, least
}
