package payload

import (
	"strings"
	"testing"
)

// write returns a tree as text.
func write(n *Node) string {
	var b strings.Builder
	if n.Name != "" {
		b.WriteString(n.Label() + "=")
	}
	b.WriteString(n.Text)
	if n.Kind == "object" || n.Kind == "list" {
		b.WriteString(n.Count() + "(")
		for i, c := range n.Children {
			if i > 0 {
				b.WriteString(" ")
			}
			b.WriteString(write(c))
		}
		b.WriteString(")")
	}
	if n.Cut {
		b.WriteString("…")
	}
	return b.String()
}

func TestATreeHasTheOrderAndTheNumbersOfTheJSON(t *testing.T) {
	for body, want := range map[string]string{
		`{"b":1.50,"a":[true,null,"<x>\u202e\u0000"],"":{}}`: `{3}(b=1.50 a=[3](true null "<x>\u202e\u0000") {0}())`,
		`12345678901234567890`:                               `12345678901234567890`,
		`"<img onerror>"`:                                    `"<img onerror>"`,
	} {
		got, err := Tree([]byte(body))
		if err != nil || write(got) != want {
			t.Errorf("%s: %s, %v", body, write(got), err)
		}
	}
	for _, body := range []string{"", "{", `{"a":`, "nonsense"} {
		if _, err := Tree([]byte(body)); err == nil {
			t.Errorf("%q is a tree", body)
		}
	}
}

func TestATreeIsBounded(t *testing.T) {
	for name, body := range map[string]string{
		"a long text":     `{"a":"` + strings.Repeat("ü", 500_000) + `","b":1}`,
		"many texts":      `["` + strings.Repeat(`x","`, 100_000) + `"]`,
		"deep":            strings.Repeat(`{"a":[`, 3000) + strings.Repeat("]}", 3000),
		"many long names": `{"` + strings.Repeat(`n`, 100_000) + `":1,"b":{"c":2}}`,
	} {
		got, err := Tree([]byte(body))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		text := write(got)
		if len(text) > 3*maxShown || !strings.Contains(text, "…") || strings.Contains(text, "\ufffd") {
			t.Errorf("%s: %d bytes: %.200s", name, len(text), text)
		}
	}
	if text, isCut := Raw([]byte(`"` + strings.Repeat("ü", 100_000) + `"`)); !isCut || len(text) > maxShown+10 {
		t.Errorf("raw: %d bytes, cut %v", len(text), isCut)
	}
	if text, isCut := Raw([]byte("{\"a\":1}\u202e")); isCut || text != `{"a":1}\u202e` {
		t.Errorf("raw: %q", text)
	}
}
