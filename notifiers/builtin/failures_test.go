package builtin_test

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/notifierstest"
)

// FuzzFailingTestsAreOnlyText puts a text into each place of a list of failing tests: in no kind of notifier does it
// become a mention, a link, markup, a header or a part of a structure.
func FuzzFailingTestsAreOnlyText(f *testing.F) {
	for _, s := range hostileTexts() {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, value string) {
		if value = strings.ToValidUTF8(value, ""); len(value) > 60 {
			return // truncation has tests of its own
		}
		for _, k := range builtin.Kinds() {
			hostile, harmless := failingTests(t, k, value), failingTests(t, k, harmlessLike(value))
			for _, fault := range notifierstest.Escaping(k.Markup, hostile, harmless) {
				t.Errorf("%s, %q: %s\n%s", k.Type, value, fault, hostile)
			}
		}
	})
}

// failingTests is what a kind sends for failing tests all of whose texts are value.
func failingTests(t *testing.T, k notifiers.Kind, value string) []byte {
	t.Helper()
	m := notifierstest.Message(func(m *notifiers.Message) {
		m.URL = "https://author.example/run"
		m.Failures = notifierstest.FailuresOf(value, m.URL)
		m.Options = json.RawMessage(map[string]string{
			"email": `{"to":["bob@bar.io"]}`, "http": `{"url":"https://example.com"}`, "telegram": `{"chat_id":"-1"}`,
			"ntfy": `{"topic":"qa"}`, "slack": `{"channel":"#qa"}`}[k.Type])
	})
	sent, err := builtin.Preview(k.Type, m, nil)
	if err != nil {
		t.Fatalf("%s: %v", k.Type, err)
	}
	return sent
}
