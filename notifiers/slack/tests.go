package slack

import (
	"slices"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/notifiers/markup"
)

// How many failing tests a message shows, the reply in its thread, and one section of that.
const (
	shownTests   = 10
	repliedTests = 50
	perSection   = 10
)

// testWriter writes the rows of failing tests as mrkdwn.
func testWriter() markup.Writer {
	return markup.Writer{
		Escape: neutralize,
		Style: func(r markup.Run, escaped string) string {
			switch {
			case r.URL != "":
				return writeLink(r.URL, r.Text)
			case r.Bold:
				return "*" + escaped + "*"
			case r.Italic:
				return "_" + escaped + "_"
			}
			return escaped
		},
	}
}

// rowTexts writes rows as mrkdwn, one in a line.
func rowTexts(rows []markup.TestRow) []string {
	var lines []string
	w := testWriter()
	for _, row := range rows {
		lines = append(lines, w.Line(row.Line))
	}
	return lines
}

// testText is the failing tests as one text of at most limit characters, or nothing if not even their number fits.
func testText(tests *markup.Tests, limit int) string {
	fits := func(rows []markup.TestRow) bool { return rowUnits(rows) <= limit }
	rows := tests.Rows(tests.Fit(fits))
	if !fits(rows) {
		return ""
	}
	return strings.Join(rowTexts(rows), "\n")
}

// rowUnits counts the characters of rows.
func rowUnits(rows []markup.TestRow) int { return notifiers.Units(strings.Join(rowTexts(rows), "\n")) }

// testSections returns the failing tests as sections of at most so many rows. All of them have at most limit characters;
// the last tests are left out. more reports whether some are.
func testSections(tests *markup.Tests, rows, limit int) (sections []string, more bool) {
	if tests == nil {
		return nil, false
	}
	n := tests.Fit(func(rows []markup.TestRow) bool { return rowUnits(rows) <= limit })
	return packLines(rowTexts(tests.Rows(n)), rows), n < tests.Len()
}

// packLines joins lines to sections of at most so many lines, and of the length that Slack takes.
func packLines(lines []string, perSection int) []string {
	var sections []string
	current, n := "", 0
	for _, line := range lines {
		line = cutMrkdwn(line, maxSection)
		if n == perSection || notifiers.Units(current)+1+notifiers.Units(line) > maxSection {
			sections, current, n = appendFilled(sections, current), "", 0
		}
		current, n = strings.TrimPrefix(current+"\n"+line, "\n"), n+1
	}
	return appendFilled(sections, current)
}

// composeBody packs the body and the failing tests into sections of at most left characters. The body is truncated only
// if there is no room for the number of tests.
func composeBody(m *notifiers.Message, body []string, left int) []string {
	tests := markup.FailingTests(m, shownTests)
	sections := packSections(body, left-rowUnits(tests.Rows(0)))
	for _, s := range sections {
		left -= notifiers.Units(s)
	}
	list, _ := testSections(tests, maxSection, left)
	return append(sections, list...)
}

// composeReply is the message below another one, in its thread, with more failing tests than that one shows. It
// reports whether there are more.
func composeReply(m *notifiers.Message) (reply post, is bool) {
	tests := markup.FailingTests(m, repliedTests)
	if tests.Len() <= markup.FailingTests(m, shownTests).Len() {
		return post{}, false
	}
	var sections []string
	for _, reason := range []int{200, 80, 40, 0} { // shorter reasons rather than fewer tests
		var more bool
		tests = markup.ShortTests(m, repliedTests, reason)
		if sections, more = testSections(tests, perSection, maxTexts); !more {
			break
		}
	}
	title := neutralize(notifiers.Cut("Failing tests: "+notifiers.OneLine(m.Title), maxTitle))
	reply = post{Text: cutMrkdwn(title+"\n"+testText(tests, maxText-notifiers.Units(title)-1), maxText), Parse: "none"}
	for _, s := range sections {
		reply.Blocks = append(reply.Blocks, mentionBlock(s))
	}
	return reply, true
}

// withTests returns the texts of a body, its failing tests and the fields, for the top-level text. All of them have at
// most limit characters, unless the body is longer.
func withTests(m *notifiers.Message, body []string, limit int) []string {
	tests := markup.FailingTests(m, shownTests)
	if tests == nil {
		return body
	}
	fields := dialect().Write(markup.Shorten(m.FieldsLine(), maxFields))
	used := notifiers.Units(strings.Join(slices.Concat(body, fields), "\n\n"))
	list := appendFilled(nil, testText(tests, limit-used-len("\n\n\n\n\n")))
	return slices.Concat(body, list, fields)
}
