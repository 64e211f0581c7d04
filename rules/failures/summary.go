package failures

import (
	"fmt"
	"strings"
	"time"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// Summary holds what a default message says in its title and first line: numbers and words alone, nothing of the event.
type Summary struct {
	// Headline is the end of the title: "3 failed of 14 cases, 2 new"; empty for a run without failures.
	Headline string
	// Failed is "3 failed", or the best that there is to say of a run without failures, and Rest is what follows.
	Failed, Rest string
}

// Counts are the numbers of a run by its event.
type Counts struct{ Blocked, Skipped int }

// Summary returns what the first line says.
func (r *Report) Summary(c Counts) (s Summary) {
	passed := min(r.Passed, r.Cases)
	if r.Cases == 0 {
		passed = r.Passed
	}
	of := ""
	if r.Cases > 0 {
		of = "of " + plural(r.Cases, "case", "cases")
	}
	switch {
	case r.Total > 0:
		s.Failed = value.Grouped(r.Total) + " failed"
		s.Headline = strings.TrimSpace(s.Failed + " " + of)
		if r.known() && r.Compared != nil && r.NewTotal > 0 {
			s.Headline += ", " + value.Grouped(r.NewTotal) + " new"
		}
	case passed > 0:
		s.Failed = value.Grouped(passed) + " passed"
	default:
		s.Failed = "0 passed"
	}
	parts := []string{of}
	if r.Total > 0 && passed > 0 {
		parts = append(parts, value.Grouped(passed)+" passed")
	}
	left := r.Cases - r.Total - r.Muted - passed - c.Blocked - c.Skipped
	for _, one := range []struct {
		n    int
		word string
	}{{c.Blocked, "blocked"}, {c.Skipped, "skipped"}, {left, "not run"}} {
		if one.n > 0 {
			parts = append(parts, value.Grouped(one.n)+" "+one.word)
		}
	}
	s.Rest = strings.Join(parts, " · ") + r.rateText(passed)
	if took := r.tookText(); took != "" {
		s.Rest += " · " + took
	}
	s.Rest = strings.TrimSpace(s.Rest)
	return s
}

func plural(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return value.Grouped(n) + " " + many
}

// rateText returns such as " (71% passed, before 79% ▇▇▆▇▅)".
func (r *Report) rateText(passed int) string {
	var parts []string
	if passed > 0 && passed < r.Cases {
		parts = append(parts, fmt.Sprintf("%d%% passed", Percent(passed*1000/r.Cases)))
	}
	if r.Compared != nil && r.Compared.Rate >= 0 && !r.Aborted {
		parts = append(parts, strings.TrimSpace(fmt.Sprintf("before %d%% %s", Percent(r.Compared.Rate), Line(r.rates))))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// Percent rounds a share in per mille. Only all are 100 %, and only none are 0 %.
func Percent(rate int) int {
	switch {
	case rate >= 1000:
		return 100
	case rate <= 0:
		return 0
	}
	return max(1, min(99, (rate+5)/10))
}

// tookText returns how long the run took and how much that has changed: "Took 30 min, +4 min".
func (r *Report) tookText() string {
	took := time.Duration(r.DurationMS) * time.Millisecond
	if took < time.Second {
		return ""
	}
	text := "Took " + value.HumanDuration(took)
	if took >= 10*time.Minute {
		text = "Took " + value.HumanDuration(took.Round(time.Minute))
	}
	if r.Compared == nil || r.Compared.DurationMS <= 0 || r.Aborted {
		return text
	}
	change := (took - time.Duration(r.Compared.DurationMS)*time.Millisecond).Round(time.Minute)
	switch {
	case change > 0:
		return text + ", +" + value.HumanDuration(change)
	case change < 0:
		return text + ", −" + value.HumanDuration(-change)
	}
	return text
}

// byItself is how many tests a list in Markdown shows by itself.
const byItself = 10

// ListVars returns the failing tests of a message as the template of their list reads them: a note, tests under headings,
// and what stands below.
func ListVars(m *message.Failures) map[string]any {
	vars := map[string]any{"note": "", "sections": []any{}, "below": ""}
	if m == nil {
		return vars
	}
	var sections []any
	left, shown, grouped := m.Shown(byItself), 0, map[string]bool{}
	for _, g := range m.Groups {
		var tests []any
		for _, one := range g.Examples[:min(len(g.Examples), left)] {
			one.Reason = ""
			tests = append(tests, testVars(&one))
		}
		grouped[g.Reason] = true
		left, shown = left-len(tests), shown+g.Count
		sections = append(sections, map[string]any{"title": value.Grouped(g.Count) + " × " + g.Reason, "tests": tests})
	}
	for _, isNew := range []bool{true, false} {
		var tests []any
		for i := range m.Items {
			if one := &m.Items[i]; one.New == isNew && !grouped[one.Reason] && left > 0 {
				tests = append(tests, testVars(one))
				left, shown = left-1, shown+max(one.Times, 1)
			}
		}
		if title := map[bool]string{true: "New", false: "Still failing"}[isNew]; tests != nil {
			sections = append(sections, map[string]any{"title": title, "tests": tests})
		}
	}
	vars["note"], vars["sections"], vars["below"] = m.Note, sections, below(m, shown)
	return vars
}

// testVars returns a test: its name with a link, and what is known of it.
func testVars(f *message.Failure) map[string]any {
	name := f.Title
	if f.Code != "" && !strings.HasPrefix(f.Title, f.Code) {
		name = f.Code + " " + f.Title
	}
	var facts []any
	add := func(text, url string) {
		if text != "" {
			facts = append(facts, link(text, url))
		}
	}
	switch {
	case f.Suite != "" && f.Reason != "":
		add(f.Suite+": "+f.Reason, "")
	default:
		add(f.Suite+f.Reason, "")
	}
	add(f.Status, "")
	if f.Times > 1 {
		add(value.Grouped(f.Times)+" results", "")
	}
	add(f.Since, "")
	add(f.Rate, "")
	add(f.Defect, f.Link)
	add(f.Owner, "")
	return map[string]any{"name": link(name, f.URL), "facts": facts}
}

// link returns a text, as a link if there is an address.
func link(text, url string) any {
	if url == "" {
		return text
	}
	return value.Link{Text: text, URL: url}
}

// below says what is not shown, and what is known beside the failing tests.
func below(m *message.Failures, shown int) string {
	var parts []string
	if left := m.Total - shown; left > 0 && shown > 0 {
		parts = append(parts, "and "+value.Grouped(left)+" more in Qase")
	}
	named := func(title string, tests []message.Failure, total int) {
		if len(tests) == 0 {
			return
		}
		var names []string
		for i := range tests {
			name := tests[i].Code
			if name == "" {
				name = tests[i].Title
			}
			names = append(names, name)
		}
		text := title + strings.Join(names, ", ")
		if more := total - len(tests); more > 0 {
			text += " and " + value.Grouped(more) + " more"
		}
		parts = append(parts, text)
	}
	named("Fixed: ", m.Fixed, m.FixedTotal)
	named("Flaky, passed on a later attempt: ", m.Flaky, len(m.Flaky))
	if m.Muted > 0 {
		parts = append(parts, value.Grouped(m.Muted)+" muted")
	}
	if len(m.Groups) > 0 && len(m.Owners) > 0 {
		parts = append(parts, "Owners: "+strings.Join(m.Owners, ", "))
	}
	return strings.Join(parts, " · ")
}
