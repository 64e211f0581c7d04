package notifierstest

import (
	"encoding/json"
	"strings"
	"testing"

	"qaserelay/notifiers"
)

// limits checks the sizes in what would be sent for messages of endless texts.
func (s Suite) limits(t *testing.T) {
	if len(s.Kind.Limits) == 0 {
		return // the kind says that it has none
	}
	mentions, err := json.Marshal(map[string]any{
		"mention": strings.Fields(strings.Repeat("165511591545143296 @bob bob@bar.io ", 1000)),
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range LongTexts() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sent, err := s.preview(Message(func(m *notifiers.Message) {
				m.Title, m.Body, m.Rule, m.Thread = text, text, text, text
				m.Options, m.Fields = mentions, ManyFields(text)
			}))
			if err != nil {
				t.Fatal(err)
			}
			var doc any
			if err := json.Unmarshal(sent, &doc); err != nil {
				t.Fatal(err)
			}
			for _, l := range s.Kind.Limits {
				checkLimit(t, l, doc)
			}
		})
	}
}

// LongTexts are texts that are longer than any message may be, by name.
func LongTexts() map[string]string {
	return map[string]string{
		"words":     strings.Repeat("word ", 20_000),
		"lines":     strings.Repeat("a line\n\n", 12_000),
		"one word":  strings.Repeat("x", 100_000),
		"emoji":     strings.Repeat("👩‍👩‍👧", 10_000),
		"code":      "```\n" + strings.Repeat("if a < b && c > d {\n", 5_000) + "```\n",
		"table":     "|a|b|\n|-|-|\n" + strings.Repeat("|x|<y>|\n", 10_000),
		"links":     strings.Repeat("[label](https://example.com/"+strings.Repeat("p", 500)+") ", 200),
		"styles":    strings.Repeat("**a** *b* ~~c~~ `d` ", 5_000),
		"entities":  strings.Repeat("&lt;", 25_000),
		"stars":     strings.Repeat("\\*", 25_000),
		"quotes":    strings.Repeat(">", 5_000) + " deep",
		"lists":     strings.Repeat("- ", 2_000) + "deep",
		"emphasis":  strings.Repeat("*a _b ", 5_000),
		"brackets":  strings.Repeat("[", 20_000),
		"backticks": strings.Repeat("`", 20_000) + "x",
	}
}

// checkLimit fails if a part of doc that l names is too long, or if there is none.
func checkLimit(t *testing.T, l notifiers.Limit, doc any) {
	t.Helper()
	var parts []any
	for path := range strings.FieldsSeq(l.Paths) {
		parts = append(parts, partsAt(doc, path)...)
	}
	if len(l.Paths) == 0 {
		parts = []any{doc}
	}
	total := 0
	for _, part := range parts {
		size := sizeOf(t, l.Unit, part)
		if total += size; !l.Total && (size > l.Max || size == 0) {
			t.Errorf("%s: %d, not 1 to %d", l.Paths, size, l.Max)
		}
	}
	if len(parts) == 0 || l.Total && total > l.Max {
		t.Errorf("%s: %d parts with %d in total, the limit is %d", l.Paths, len(parts), total, l.Max)
	}
}

// partsAt returns the values at a path such as embeds[].title.
func partsAt(v any, path string) []any {
	values := []any{v}
	for step := range strings.SplitSeq(path, ".") {
		key, isList := strings.CutSuffix(step, "[]")
		var next []any
		for _, v := range values {
			object, _ := v.(map[string]any)
			switch inner := object[key].(type) {
			case nil:
			case []any:
				if isList {
					next = append(next, inner...)
					continue
				}
				next = append(next, inner)
			default:
				next = append(next, inner)
			}
		}
		values = next
	}
	return values
}

func sizeOf(t *testing.T, unit notifiers.Unit, part any) int {
	t.Helper()
	text, isText := part.(string)
	if !isText {
		var b strings.Builder
		enc := json.NewEncoder(&b)
		enc.SetEscapeHTML(unit == notifiers.EscapedUnits)
		if err := enc.Encode(part); err != nil {
			t.Fatal(err)
		}
		text = strings.TrimSuffix(b.String(), "\n")
	}
	if unit == notifiers.Bytes {
		return len(text)
	}
	return notifiers.Units(text)
}
