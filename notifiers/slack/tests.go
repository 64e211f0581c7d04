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

// testList writes failing tests as mrkdwn, each of them once.
type testList struct {
	*markup.Tests
	written map[*markup.Test]string
}

func newTestList(tests *markup.Tests) testList { return testList{tests, map[*markup.Test]string{}} }

// texts writes rows as mrkdwn, one in a line.
func (l testList) texts(rows []markup.TestRow) []string {
	w := testWriter()
	lines := make([]string, 0, len(rows))
	for _, row := range rows {
		text, known := l.written[row.Test]
		if row.Test == nil || !known {
			text = w.Line(row.Line)
		}
		if row.Test != nil {
			l.written[row.Test] = text
		}
		lines = append(lines, text)
	}
	return lines
}

// fit returns the rows that have at most limit characters, and whether tests are left out. The number of tests remains in
// any case.
func (l testList) fit(limit int) (lines []string, more bool) {
	n := l.Fit(func(rows []markup.TestRow) bool { return joinedUnits(l.texts(rows)) <= limit })
	return l.texts(l.Rows(n)), n < l.Len()
}

// joinedUnits counts the characters of lines.
func joinedUnits(lines []string) int { return notifiers.Units(strings.Join(lines, "\n")) }

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
	tests := newTestList(markup.FailingTests(m, shownTests))
	sections := packSections(body, left-joinedUnits(tests.texts(tests.Rows(0))))
	for _, s := range sections {
		left -= notifiers.Units(s)
	}
	list, _ := tests.fit(left)
	return append(sections, packLines(list, maxSection)...)
}

// composeReply is the message below another one, in its thread, with more failing tests than that one shows. It
// reports whether there are more.
func composeReply(m *notifiers.Message) (reply post, is bool) {
	if m.Failures == nil || m.Failures.Shown(repliedTests) <= m.Failures.Shown(shownTests) {
		return post{}, false
	}
	var lines []string
	for _, reason := range []int{200, 80, 40, 0} { // shorter reasons rather than fewer tests
		var more bool
		if lines, more = newTestList(markup.ShortTests(m, repliedTests, reason)).fit(maxTexts); !more {
			break
		}
	}
	title := neutralize(notifiers.Cut("Failing tests: "+notifiers.OneLine(m.Title), maxTitle))
	text, _ := newTestList(markup.FailingTests(m, repliedTests)).fit(maxText - notifiers.Units(title) - 1)
	reply = post{Text: cutMrkdwn(title+"\n"+strings.Join(text, "\n"), maxText), Parse: "none"}
	for _, s := range packLines(lines, perSection) {
		reply.Blocks = append(reply.Blocks, mentionBlock(s))
	}
	return reply, true
}

// withTests returns the texts of a body, its failing tests and the fields, for the top-level text. All of them have at
// most limit characters, unless the body is longer.
func withTests(m *notifiers.Message, body []string, limit int) []string {
	fields := dialect().Write(markup.Shorten(m.FieldsLine(), maxFields))
	used := notifiers.Units(strings.Join(slices.Concat(body, fields), "\n\n"))
	list, _ := newTestList(markup.FailingTests(m, shownTests)).fit(limit - used - len("\n\n\n\n\n"))
	return slices.Concat(body, appendFilled(nil, strings.Join(list, "\n")), fields)
}
