package email

import (
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// shownTests is how many failing tests an email shows.
const shownTests = 50

// testTable is the table of failing tests between body and fields, a note above it and lines below. Columns without any text are left out.
type testTable struct {
	Note                        string
	Below                       [][]markup.Run
	Rows                        []testRow
	Suite, Reason, Since, Owner bool
	Columns                     int
}

// testRow is a heading over all columns, or a test.
type testRow struct {
	Heading       string
	Name          markup.Run
	Suite, Reason string
	Since         []markup.Run
	Owner         string
}

// tests returns the table of the failing tests of m, or nil.
func tests(m *notifiers.Message) *testTable {
	list := markup.FailingTests(m, shownTests)
	if list == nil {
		return nil
	}
	t := &testTable{Columns: 1}
	for _, row := range list.Rows(list.Len()) {
		switch row.Kind {
		case markup.HeadingRow:
			t.Rows = append(t.Rows, testRow{Heading: row.Line.Text()})
		case markup.ItemRow:
			t.add(row.Test)
		case markup.NoteRow:
			t.Note = row.Line.Text()
		default:
			t.Below = append(t.Below, row.Line.Runs)
		}
	}
	for _, has := range []bool{t.Suite, t.Reason, t.Since, t.Owner} {
		if has {
			t.Columns++
		}
	}
	return t
}

func (t *testTable) add(one *markup.Test) {
	row := testRow{Name: one.Name, Suite: one.Suite, Reason: one.Reason, Owner: one.Owner}
	for i, fact := range one.Facts {
		if i > 0 {
			row.Since = append(row.Since, markup.Run{Text: " · "})
		}
		row.Since = append(row.Since, fact)
	}
	t.Rows = append(t.Rows, row)
	t.Suite, t.Reason = t.Suite || row.Suite != "", t.Reason || row.Reason != ""
	t.Since, t.Owner = t.Since || len(row.Since) > 0, t.Owner || row.Owner != ""
}

// plainTests returns the failing tests as a list in plain text, each with what is known of it below its name.
func plainTests(m *notifiers.Message) string {
	list := markup.FailingTests(m, shownTests)
	var lines []string
	for i, row := range list.Rows(list.Len()) {
		switch {
		case row.Test != nil:
			lines = append(lines, "• "+plainRuns([]markup.Run{row.Test.Name}))
			if details := row.Test.Details(); len(details) > 0 {
				lines = append(lines, "  "+plainRuns(details))
			}
			continue
		case i > 0 && row.Kind == markup.HeadingRow:
			lines = append(lines, "")
		}
		lines = append(lines, plainRuns(row.Line.Runs))
	}
	return strings.Join(lines, "\n")
}

// plainRuns writes runs as text, with addresses in angle brackets as in the body.
func plainRuns(runs []markup.Run) string {
	var b strings.Builder
	for _, r := range runs {
		b.WriteString(r.Text)
		if r.URL != "" {
			b.WriteString(" <" + r.URL + ">")
		}
	}
	return b.String()
}
