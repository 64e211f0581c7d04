package builtin_test

import (
	"encoding/json"
	"testing"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/notifiers/preview"
)

// TestEntitiesWriteNoControlCharacters shows a message of each kind whose Markdown names control characters and
// characters that change the direction of text. They are removed, as they are when they are written as themselves.
func TestEntitiesWriteNoControlCharacters(t *testing.T) {
	options := json.RawMessage(`{"to":["qa@example.com"],"channel":"#qa","chat_id":"1","topic":"7","url":"https://example.com"}`)
	message := func(b string) *notifiers.Message {
		m := &notifiers.Message{ID: "1", Options: options}
		m.Level, m.Title = "info", "title"
		m.Body = "an " + b + " word\nand **" + b + "**, [" + b + "](https://example.com) [no](x:" + b + ")\n\n" +
			"| " + b + " |\n|-|\n| " + b + " |\n"
		m.Fields = []notifiers.Field{{Name: "name", Value: "*" + b + "*"}}
		return m
	}
	for _, k := range builtin.Kinds() {
		if k.Type == "http" {
			continue // shows the body as Markdown
		}
		n, err := k.New(k.Sample(), nil)
		if err != nil {
			t.Fatal(err)
		}
		texts := map[string]string{}
		for _, b := range []string{"ab", "a&#1;&#x202e;b"} {
			l, err := preview.Of(n, message(b))
			if err != nil {
				t.Fatalf("%s: %s", k.Type, err)
			}
			shown, err := json.Marshal(l)
			if err != nil {
				t.Fatal(err)
			}
			texts[b] = string(shown)
		}
		if texts["ab"] != texts["a&#1;&#x202e;b"] {
			t.Errorf("%s shows\n%s\nin place of\n%s", k.Type, texts["a&#1;&#x202e;b"], texts["ab"])
		}
	}
}
