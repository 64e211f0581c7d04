package markup

import (
	"fmt"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/rules/message"
)

// failing is a message with n failing tests, of which the last is new.
func failing(n int, edit ...func(*message.Failures)) *notifiers.Message {
	f := &message.Failures{Total: n}
	for i := range n {
		f.Items = append(f.Items, message.Failure{Code: fmt.Sprint("WEB-", i+1), Title: "Login", New: i == n-1})
	}
	for _, e := range edit {
		e(f)
	}
	return &notifiers.Message{Message: message.Message{URL: "https://app.qase.io/run/WEB/dashboard/7", Failures: f}}
}

// listed writes the first n parts of the failing tests of m.
func listed(m *notifiers.Message, byItself, n int) string {
	return Join(TestLines(FailingTests(m, byItself).Rows(n)))
}

func TestFailingTestsAreLeftOutFromTheEndAndCounted(t *testing.T) {
	for name, c := range map[string]struct {
		m           *notifiers.Message
		byItself, n int
		want        string
	}{
		"all":                          {failing(3), 10, 3, "New\n• WEB-3 Login\nStill failing\n• WEB-1 Login\n• WEB-2 Login"},
		"some":                         {failing(3), 10, 2, "New\n• WEB-3 Login\nStill failing\n• WEB-1 Login\nand 1 more in Qase"},
		"one":                          {failing(3), 10, 1, "New\n• WEB-3 Login\nand 2 more in Qase"},
		"none":                         {failing(3), 10, 0, "3 failing tests in Qase"},
		"none of one":                  {failing(1), 10, 0, "1 failing test in Qase"},
		"as many as the channel shows": {failing(3), 1, 1, "New\n• WEB-3 Login\nand 2 more in Qase"},
		"as many as the rule wants": {failing(3, func(f *message.Failures) { f.Most = 2 }), 1, 2,
			"New\n• WEB-3 Login\nStill failing\n• WEB-1 Login\nand 1 more in Qase"},
		"more than are known": {failing(1, func(f *message.Failures) { f.Total = 5000 }), 10, 1,
			"New\n• WEB-1 Login\nand 4,999 more in Qase"},
		"more than were counted": {failing(2, func(f *message.Failures) { f.Total = 1 }), 10, 2,
			"New\n• WEB-2 Login\nStill failing\n• WEB-1 Login"},
		"unknown": {failing(0, func(f *message.Failures) { f.Total, f.Note = 3, "They are not known." }), 10, 0,
			"They are not known."},
		"a group": {failing(4, func(f *message.Failures) {
			f.Items[0].Reason, f.Items[1].Reason, f.Total = "refused", "refused", 302
			f.Groups = []message.FailureGroup{{Reason: "refused", Count: 300, Examples: f.Items[:2]}}
			f.Owners = []string{"Ana", "Bob"}
		}), 10, 5, "300 × refused\n• WEB-1 Login\n• WEB-2 Login\nNew\n• WEB-4 Login\nStill failing\n• WEB-3 Login\nOwners: Ana, Bob"},
		"a group alone": {failing(2, func(f *message.Failures) {
			f.Items[0].Reason, f.Items[1].Reason, f.Total = "refused", "refused", 302
			f.Groups = []message.FailureGroup{{Reason: "refused", Count: 300, Examples: f.Items[:2]}}
		}), 10, 1, "300 × refused\nand 2 more in Qase"},
		"beside them": {failing(1, func(f *message.Failures) {
			f.Fixed, f.FixedTotal = []message.Failure{{Code: "WEB-7"}, {Title: "Sort"}}, 2
			f.Flaky = make([]message.Failure, 12)
			f.Muted, f.Trend, f.Before = 2, "▇▅", "before 79%"
		}), 10, 1, "New\n• WEB-1 Login\nFixed: WEB-7, Sort · Flaky, passed on a later attempt: " +
			strings.Repeat("a test without a name, ", 9) + "a test without a name and 2 more · 2 muted · Pass rate ▇▅ before 79%"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := listed(c.m, c.byItself, c.n); got != c.want {
				t.Errorf("got\n%s\nwant\n%s", got, c.want)
			}
		})
	}
}

func TestATestSaysInOneLineWhatIsKnown(t *testing.T) {
	for _, c := range []struct {
		f    message.Failure
		want string
	}{
		{message.Failure{}, "a test without a name"},
		{message.Failure{Code: "WEB-1", Title: "WEB-1"}, "WEB-1"},
		{message.Failure{Title: "a\x1b[31m\nb"}, "a[31m b"},
		{message.Failure{Code: "WEB-1", Title: "Login", Suite: "Auth", Reason: "500", Status: "failed"},
			"WEB-1 Login · Auth: 500"},
		{message.Failure{Code: "WEB-1", Suite: "Auth", Status: "invalid", Since: "4 runs", Rate: "flaky", Defect: "defect 12",
			Owner: "Ana", Times: 1}, "WEB-1 · Auth · invalid · 4 runs · flaky · defect 12 · Ana"},
		{message.Failure{Code: "WEB-1", Reason: "500", Times: 1200}, "WEB-1 · 500 · 1,200 results"},
	} {
		row := itemRow(c.f, 200)
		if got := row.Line.Text(); got != "• "+c.want {
			t.Errorf("got %q, want %q", got, "• "+c.want)
		}
	}
	long := itemRow(message.Failure{Code: "WEB-1", Title: strings.Repeat("x", 5000), URL: "https://e.io/" +
		strings.Repeat("x", 900), Reason: strings.Repeat("y", 5000)}, 20).Line
	if n := notifiers.Units(long.Text()); n > 200 || len(long.Runs[1].URL) != 913 {
		t.Errorf("%d characters, %+v", n, long)
	}
}

func TestTheBodyIsTruncatedOnlyWhereNotEvenTheNumberOfTestsFits(t *testing.T) {
	w := Plain(notifiers.CleanText)
	write := func(body []Line, rows []TestRow) string {
		return w.Write(append(body[:len(body):len(body)], TestLines(rows)...))
	}
	for _, c := range []struct {
		limit int
		body  string
		want  string
	}{
		{500, "3 of 4", "3 of 4\n\nNew\n• WEB-3 Login\nStill failing\n• WEB-1 Login\n• WEB-2 Login"},
		{61, "3 of 4", "3 of 4\n\nNew\n• WEB-3 Login\nand 2 more in Qase (https://e.io/r)"},
		{49, "3 of 4", "3 of 4\n\n3 failing tests in Qase (https://e.io/r)"},
		{49, strings.Repeat("b", 50), "bbbbb …\n\n3 failing tests in Qase (https://e.io/r)"},
		{10, "3 of 4", "3 of  …"},
	} {
		m := failing(3)
		m.URL = "https://e.io/r"
		got, _, _ := FitTests(Lines(c.body), FailingTests(m, 10), write, func(s string) bool { return notifiers.Units(s) <= c.limit })
		if got != c.want {
			t.Errorf("%d: got\n%s\nwant\n%s", c.limit, got, c.want)
		}
	}
	body, tests := WithFields(&notifiers.Message{Message: message.Message{Body: "b", Fields: []message.Field{{Name: "n", Value: "v"}}}},
		10, 100)
	if tests != nil || Join(body) != "b\nn: v" {
		t.Errorf("without failing tests: %q, %v", Join(body), tests)
	}
}
