package defaults

import (
	"strconv"
	"strings"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// ofRelay are the messages about events that the relay makes itself.
func ofRelay() map[string]*writer {
	projectAlone := []field{{"Project", project}}
	summary := &writer{level: message.Info, label: "SUMMARY", writeTitle: summaryTitle, writeBody: summary, ofBody: projectAlone}
	return map[string]*writer{
		"relay.silent": {level: message.Error, label: "SILENT", writeTitle: silentTitle, writeBody: silentBody, ofBody: projectAlone},
		"relay.resumed": {level: message.Success, label: "RESUMED", writeTitle: resumedTitle, writeBody: resumedBody,
			ofBody: projectAlone},
		"summary.daily":  summary,
		"summary.weekly": summary,
	}
}

// projectOr returns the code of the project, or another text without one.
func (f *Facts) projectOr(other string) string {
	if f.Event.Project == "" {
		return other
	}
	return value.OneLine(f.Event.Project)
}

func silentTitle(f *Facts) string {
	if !given(f.payload("last_event_at")) {
		return "No event has ever come from " + f.projectOr("a project")
	}
	return "No events from " + f.projectOr("a project") + prefixed(" for ", value.DurationText(f.payload("silent_for")))
}

func silentBody(f *Facts) string {
	last := ""
	if at := f.date("2 Jan 15:04", f.payload("last_event_at")); at != "" {
		last = "The last one came " + at + ". "
	}
	return last + "Look at the webhook in Qase: it is switched off after two days without success."
}

func resumedTitle(f *Facts) string {
	return "Events from " + f.projectOr("a project") + " have resumed"
}

func resumedBody(f *Facts) string {
	silent := value.DurationText(f.payload("silent_for"))
	if silent == "" {
		return ""
	}
	return "The silence has lasted " + silent + "."
}

// date returns a time for people, or "" for anything else.
func (f *Facts) date(layout string, v any) string {
	t, isTime := value.Time(v)
	if !isTime {
		return ""
	}
	return t.In(f.Location).Format(layout)
}

func summaryTitle(f *Facts) string {
	title := f.projectOr("A project") + ", " + plain(f.Event.Action()) + " summary: "
	if f.count("runs") <= 0 {
		return title + "no run has ended"
	}
	title += plural(f.count("runs"), "run")
	if rate, known := f.payload("pass_rate").(int); known {
		title += ", " + strconv.Itoa(rate) + "% passed"
	}
	if red := f.count("newly_red_total"); red > 0 {
		title += ", " + strconv.Itoa(red) + " newly red"
	}
	return title
}

// summary returns what became of the tests of a project.
func summary(f *Facts) string {
	list := func(name string) []any { all, _ := f.payload(name).([]any); return all }
	w := &summaryWriter{Facts: f, severalSeries: f.count("series") > 1}
	w.period()
	w.days(list("days"))
	for _, s := range []section{
		{title: "Newly red", total: "newly_red_total", all: list("newly_red"), most: 10, unnamed: aTest, line: w.redTest},
		{title: "Still red", total: "still_red_total", all: list("still_red"), most: 10, unnamed: aTest, line: w.redTest},
		{title: "Fixed", total: "fixed_total", all: list("fixed"), most: 10, unnamed: aTest, line: w.redTest},
		{title: "Flakiest", all: list("flakiest"), most: 5, unnamed: aTest, line: flakyTest},
		{title: "Slower", all: list("slower"), most: 5, unnamed: "runs", line: slowerSeries},
		{title: "Open defects", total: "defects_total", all: list("defects"), most: 10, unnamed: "a defect", line: openDefect},
	} {
		w.list(&s)
	}
	return w.String()
}

// aTest is a test of which nothing is known.
const aTest = "a test"

// summaryWriter writes the body of a summary.
type summaryWriter struct {
	*Facts
	strings.Builder
	severalSeries bool
}

// section is a list of a summary.
type section struct {
	title, total string // total is the field with the number of all, of which all are only the first; or ""
	all          []any
	most         int    // that are listed
	unnamed      string // an entry of which nothing is known
	line         func(map[string]any) string
}

// period writes how many runs ended, when, and how.
func (w *summaryWriter) period() {
	text := "No run has ended"
	if runs := w.count("runs"); runs > 0 {
		text = plural(runs, "run")
	}
	from, to := w.date("Mon 2 Jan 15:04", w.payload("from")), w.date("Mon 2 Jan 15:04", w.payload("to"))
	if from != "" && to != "" {
		text += " from " + from + " to " + to
	}
	if aborted := w.count("aborted"); aborted > 0 {
		text += " · " + strconv.Itoa(aborted) + " aborted"
	}
	if rate, known := w.payload("pass_rate").(int); known {
		text += " · " + strconv.Itoa(rate) + "% passed"
		if before, known := w.payload("pass_rate_before").(int); known {
			text += ", before " + strconv.Itoa(before) + "%"
		}
	}
	w.WriteString(text + "\n\n")
}

// days writes the pass rates of the days, if there are several.
func (w *summaryWriter) days(all []any) {
	var rates []string
	for _, day := range all {
		if rate, known := member(day, "pass_rate").(int); known {
			rates = append(rates, escaped(member(day, "day"))+" "+strconv.Itoa(rate)+"%")
		}
	}
	if len(rates) < 2 {
		return
	}
	w.WriteString(strings.Join(rates, " · "))
	if line := w.payload("line"); given(line) {
		w.WriteString(" " + escaped(line))
	}
	w.WriteString("\n\n")
}

// list writes a section, if it has any entries.
func (w *summaryWriter) list(s *section) {
	if len(s.all) == 0 {
		return
	}
	heading, total := s.title, max(len(s.all), w.count(s.total))
	if s.total != "" {
		heading += ": " + strconv.Itoa(total)
	}
	w.WriteString("**" + heading + "**\n\n")
	for _, one := range s.all[:min(len(s.all), s.most)] {
		object, isObject := one.(map[string]any)
		text := escaped(firstOf(one, s.unnamed))
		if isObject {
			text = s.line(object)
		}
		w.WriteString("- " + text + "\n")
	}
	if left := total - min(len(s.all), s.most); s.total != "" && left > 0 {
		w.WriteString("- and " + strconv.Itoa(left) + " more\n")
	}
	w.WriteString("\n")
}

// testName returns the code and title of a test, as a link.
func testName(test map[string]any) string {
	code, title := value.Readable(firstOf(test["code"], "")), value.Readable(firstOf(test["title"], ""))
	name := strings.TrimSpace(code + " " + title)
	if code == title {
		name = code
	}
	if name == "" {
		return aTest
	}
	return linked(name, test["url"])
}

// linked returns a text in Markdown, as a link if there is an address.
func linked(text string, address any) string {
	url := strings.TrimSpace(value.PlainText(address))
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return escaped(text)
	}
	return escaped(value.Link{Text: text, URL: url})
}

// redTest returns a test that fails or failed: with its link, its suite, its series if there are several, and its age.
func (w *summaryWriter) redTest(test map[string]any) string {
	text := testName(test)
	if suite := test["suite"]; given(suite) {
		text += " · " + escaped(suite)
	}
	if series := test["series"]; w.severalSeries && given(series) {
		text += " · " + escaped(series)
	}
	if runs := number(test["red_runs"]); runs > 1 {
		text += " · " + strconv.Itoa(runs) + " runs"
		if since := w.date("2 Jan", test["since"]); since != "" {
			text += ", since " + since
		}
	}
	return text
}

func flakyTest(test map[string]any) string {
	return testName(test) + " · " + plural(number(test["changes"]), "change") + " in " + plural(number(test["runs"]), "run")
}

func slowerSeries(one map[string]any) string {
	text := escaped(firstOf(one["series"], "runs"))
	if took := value.DurationText(one["duration"]); took != "" {
		text += " · " + took
	}
	if growth := one["growth"]; given(growth) {
		text += ", +" + escaped(growth) + "%"
	}
	return text
}

func openDefect(one map[string]any) string {
	name := strings.TrimSpace("Defect " + value.PlainText(firstOf(one["id"], "")))
	if title := value.PlainText(one["title"]); given(one["title"]) && title != name {
		name += ": " + title
	}
	text := linked(name, one["url"])
	if tests := number(one["tests"]); tests > 0 {
		text += " · " + plural(tests, "test")
	}
	return text
}
