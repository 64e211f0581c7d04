package defaults

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"qaserelay/rules/message"
	"qaserelay/rules/value"
)

// runs are the messages about runs.
func runs() map[string]*writer {
	return map[string]*writer{
		"run.started": {level: message.Info, label: "STARTED", writeTitle: runStarted, writeBody: quoting("description"),
			ofBody: ofRun(field{"Run by", who})},
		"run.updated": {level: message.Info, label: "UPDATED", writeTitle: runUpdated, ofBody: ofRun(field{"Updated by", who})},
		"run.completed": {writeLevel: completedLevel, writeLabel: completedLabel, writeTitle: completedTitle, writeLead: completedLead,
			writeBody: howItEnded, ofBody: ofRun(field{"Duration", runDuration}, field{"Run by", who})},
		"run.aborted": {level: message.Warning, label: "ABORTED", writeTitle: abortedTitle, writeLead: abortedLead, writeBody: howItEnded,
			ofBody: ofRun(field{"Duration", runDuration}, field{"Aborted by", who})},
		"run.report_changed": {level: message.Info, label: "REPORT CHANGED", writeTitle: reportChanged,
			ofBody: ofRun(field{"Changed by", who})},
		"run.deleted": {level: message.Warning, label: "DELETED", writeTitle: named("Test run", " ", "deleted"),
			ofBody: ofRun(field{"Deleted by", who})},
	}
}

// runsWithResults are the messages about runs of which Qase was asked which tests failed.
func runsWithResults() map[string]*writer {
	return map[string]*writer{
		"run.completed": {writeLevel: resultsLevel, writeLabel: resultsLabel, writeTitle: resultsTitle, writeBody: firstLine,
			ofBody: ofRun(field{"Run by", who})},
		"run.aborted": {level: message.Warning, label: "ABORTED", writeTitle: abortedTitle, writeLead: abortedLead, writeBody: firstLine,
			ofBody: ofRun(field{"Aborted by", who})},
	}
}

// ofRun returns the fields of a run and further ones.
func ofRun(more ...field) []field {
	return append([]field{
		{"Plan", func(f *Facts) string { return shown(member(f.entity("plan"), "title")) }},
		{"Environment", func(f *Facts) string { return shown(f.entity("environment")) }},
		{"Project", project},
	}, more...)
}

// runDuration returns how long a run took.
func runDuration(f *Facts) string {
	start := time.Time{}
	if f.Entity.StartedAt > 0 {
		start = time.Unix(f.Entity.StartedAt, 0)
	}
	seconds, known := value.TookSeconds(start, f.Event.Time(), f.payload("duration"))
	if !known || seconds == 0 {
		return ""
	}
	return value.DurationText(seconds)
}

func runStarted(f *Facts) string {
	title := f.thing() + " started"
	if cases := f.count("cases_count"); cases > 0 {
		title += ": " + plural(cases, "test case")
	}
	return title + prefixed(" on ", f.payload("environment"))
}

func runUpdated(f *Facts) string {
	added := number(firstOf(f.payload("cases_added"), f.payload("cases_count")))
	if added > 0 {
		return plural(added, "test case") + " added to " + f.thing()
	}
	return f.thing() + " was updated"
}

func reportChanged(f *Facts) string {
	now := "no longer"
	if given(f.payload("visible")) {
		now = "now"
	}
	return "The report of " + f.thing() + " is " + now + " public"
}

// skipped returns how many cases were skipped. Some events of Qase spell the field with one p.
func (f *Facts) skipped() int { return number(firstOf(f.payload("skipped"), f.payload("skiped"))) }

func completedLevel(f *Facts) string { return f.levelOfRun(f.count("failed"), f.count("passed")) }

func resultsLevel(f *Facts) string {
	return f.levelOfRun(f.Results.Failed, f.count("passed")+f.Results.Muted)
}

// levelOfRun returns the level of a run that has ended with so many cases failed and passed.
func (f *Facts) levelOfRun(failed, passed int) string {
	cases := f.count("cases")
	switch {
	case failed > 0:
		return message.Error
	case f.count("blocked") > 0 || passed < cases || isZero(f.payload("cases")):
		return message.Warning
	case cases > 0:
		return message.Success
	}
	return message.Info
}

func completedLabel(f *Facts, level string) string {
	return f.labelOfRun(f.count("failed"), f.count("passed"), level)
}

func resultsLabel(f *Facts, level string) string {
	return f.labelOfRun(f.Results.Failed, f.count("passed")+f.Results.Muted, level)
}

// labelOfRun returns the label of a run that has ended with so many cases failed and passed. It is empty if it would
// contradict the level, which a rule may have set.
func (f *Facts) labelOfRun(failed, passed int, level string) string {
	cases, label := f.count("cases"), ""
	switch {
	case failed > 0:
		label = "FAILED"
	case f.count("blocked") > 0:
		label = "BLOCKED"
	case !given(f.payload("cases")):
		return "COMPLETED"
	case passed >= cases:
		if level == message.Success || level == message.Info {
			return "PASSED"
		}
		return ""
	case passed+f.skipped() >= cases:
		return "COMPLETED"
	default:
		label = "INCOMPLETE"
	}
	if level == message.Success {
		return ""
	}
	return label
}

// hasOutcome reports whether the numbers of a run say how it ended.
func (f *Facts) hasOutcome() bool {
	return f.count("failed") > 0 || f.count("blocked") > 0 || f.count("passed") > 0 ||
		f.count("cases") > 0 && isZero(f.payload("passed"))
}

// outcome returns how a run ended in one line: "3 of 14 test cases failed".
func (f *Facts) outcome() string {
	cases, n, word := f.count("cases"), f.count("failed"), " failed"
	if n <= 0 {
		n, word = f.count("blocked"), " blocked"
	}
	if n <= 0 {
		n, word = f.count("passed"), " passed"
	}
	switch {
	case cases <= 0:
		return plural(n, "test case") + word
	case cases > 1 && n <= 0:
		return "none of " + strconv.Itoa(cases) + " test cases" + word
	case cases > 1 && n >= cases:
		return "all " + strconv.Itoa(n) + " test cases" + word
	}
	var most [64]byte
	out := appendPlural(append(strconv.AppendInt(most[:0], int64(n), 10), " of "...), cases, "test case")
	return string(append(out, word...))
}

func completedTitle(f *Facts) string {
	switch {
	case f.hasOutcome():
		return f.thing() + ": " + f.outcome()
	case isZero(f.payload("cases")):
		return f.thing() + " completed without test cases"
	}
	return f.thing() + " completed"
}

func completedLead(f *Facts) string {
	if !f.hasOutcome() {
		return ""
	}
	return "**" + f.outcome() + "**"
}

func resultsTitle(f *Facts) string {
	title := f.thing()
	switch {
	case f.Results.Headline != "":
		return title + ": " + plain(f.Results.Headline)
	case f.Results.Muted > 0:
		return title + ": " + strconv.Itoa(f.count("passed")) + " of " + plural(f.count("cases"), "test case") + " passed, " +
			strconv.Itoa(f.Results.Muted) + " muted"
	case f.count("passed") > 0:
		return title + ": " + f.outcome()
	}
	return title + " completed"
}

// firstLine says how a run ended, by what Qase says of its tests.
func firstLine(f *Facts) string {
	text := ""
	if f.Results.First != "" {
		text = "**" + strings.TrimSpace(escaped(f.Results.First)) + "**"
	}
	if f.Results.Rest != "" {
		text += " " + escaped(f.Results.Rest)
	}
	return text
}

// untested returns how many cases of an aborted run were not run.
func (f *Facts) untested() int {
	rest := f.count("cases") - f.count("passed") - f.count("failed") - f.count("blocked") - f.skipped()
	return min(f.count("untested"), rest)
}

func abortedTitle(f *Facts) string {
	cases, untested, title := f.count("cases"), f.untested(), f.thing()+" was aborted"
	switch {
	case cases > 1 && untested >= cases:
		return title + ": none of " + strconv.Itoa(cases) + " test cases run"
	case cases > 0 && untested > 0:
		return title + ": " + strconv.Itoa(untested) + " of " + plural(cases, "test case") + " not run"
	}
	return title
}

func abortedLead(f *Facts) string {
	cases, untested := f.count("cases"), f.untested()
	if cases <= 0 || untested <= 0 {
		return ""
	}
	return "**" + strconv.Itoa(untested) + " of " + plural(cases, "test case") + " not run**"
}

// howItEnded returns the numbers of a run that its title does not say, and how the run before ended.
func howItEnded(f *Facts) string { return JoinParagraphs(f.counts(), f.before()) }

// counts returns the other numbers of a run that has ended: "10 passed · 1 blocked · 2 not run (71% passed)".
func (f *Facts) counts() string {
	cases, failed, passed := f.count("cases"), f.count("failed"), f.count("passed")
	blocked, skipped, aborted := f.count("blocked"), f.skipped(), f.Event.Action() == "aborted"
	out := make([]byte, 0, 64)
	say := func(applies bool, n int, text string) {
		if !applies || n <= 0 {
			return
		}
		if len(out) > 0 {
			out = append(out, " · "...)
		}
		out = append(strconv.AppendInt(out, int64(n), 10), text...)
	}
	if aborted && failed > 0 {
		out = append(out, "**"...)
		out = append(strconv.AppendInt(out, int64(failed), 10), " failed**"...)
	}
	say(aborted || failed > 0 || blocked > 0, passed, " passed")
	say(aborted || failed > 0, blocked, " blocked")
	say(true, skipped, " skipped")
	left := cases - failed - blocked - passed - skipped
	say(!aborted && left < cases, left, " not run")
	if len(out) > 0 && 0 < passed && passed < cases {
		out = append(out, " ("...)
		out = append(strconv.AppendInt(out, int64(100*passed/cases), 10), "% passed)"...)
	}
	return string(out)
}

// before returns how the previous run of the same plan and environment ended, or "".
func (f *Facts) before() string {
	p := f.Previous
	if len(p) == 0 {
		return ""
	}
	cases := number(firstOf(p["cases"], p["cases_count"]))
	failed, blocked, passed, of := number(p["failed"]), number(p["blocked"]), number(p["passed"]), ""
	if cases > 0 {
		of = " of " + strconv.Itoa(cases)
	}
	text := ""
	switch {
	case failed > 0:
		text = fmt.Sprintf("%d%s failed", failed, of)
	case blocked > 0:
		text = fmt.Sprintf("%d%s blocked", blocked, of)
	case cases > 0 && passed >= cases:
		text = "all passed"
	case passed > 0:
		text = fmt.Sprintf("%d%s passed", passed, of)
	case cases > 0 && isZero(p["passed"]):
		text = "none" + of + " passed"
	default:
		return ""
	}
	return "Previous run: " + text + "."
}
