package http

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"

	"qaserelay/notifiers"
	"qaserelay/rules/message"
)

// shownTests is how many failing tests the default body holds.
const shownTests = 200

// writeFailures adds the failing tests to an object, and how many there are. enc writes to b.
func writeFailures(b *bytes.Buffer, enc *json.Encoder, f *message.Failures) error {
	items := f.Items[:f.Shown(shownTests)]
	b.WriteString(`,"failures":`)
	if len(items) == 0 {
		items = []message.Failure{} // a list in any case
	}
	err := enc.Encode(items)
	b.Truncate(b.Len() - len("\n"))
	fmt.Fprintf(b, `,"failures_total":%d,"failures_new":%d`, max(f.Total, len(f.Items)), f.New)
	if err != nil {
		return fmt.Errorf("writing the failing tests: %w", err)
	}
	return nil
}

// wholeBody is the body with the failing tests and the fields, as Markdown.
func wholeBody(m *notifiers.Message) string {
	if m.Failures == nil || m.Failures.Markdown == "" {
		return m.WholeBody()
	}
	with := *m
	with.Body = strings.TrimPrefix(m.Body+"\n\n"+m.Failures.Markdown, "\n\n")
	return with.WholeBody()
}
