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

// appendFailures adds the failing tests to an object, and how many there are.
func appendFailures(out []byte, f *message.Failures) ([]byte, error) {
	items := f.Items[:f.Shown(shownTests)]
	if len(items) == 0 {
		items = []message.Failure{} // a list in any case
	}
	var list bytes.Buffer
	enc := json.NewEncoder(&list)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(items); err != nil {
		return nil, fmt.Errorf("writing the failing tests: %w", err)
	}
	out = append(append(out, `,"failures":`...), bytes.TrimSpace(list.Bytes())...)
	return fmt.Appendf(out, `,"failures_total":%d,"failures_new":%d`, max(f.Total, len(f.Items)), f.New), nil
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
