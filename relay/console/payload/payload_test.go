package payload

import (
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
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

func TestATestInYAMLHasTheSameValues(t *testing.T) {
	text, err := Test{Name: `run: "x"`, Source: "qase", At: "2026-01-05T09:00:00Z",
		Body:   []byte(`{"event_name":"run.completed","timestamp":1,"team_member_id":4,"project_code":"NO","payload":{"id":7,"title":"yes\n# \ud83d\ude00 'q' \u202e: - x","list":[1.5,null,"1",true],"empty":{},"none":[],"007":"~"}}`),
		Expect: []Message{{"failed-run", "qa: slack"}}}.YAML()
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Tests []map[string]any
	}
	if err := yaml.Unmarshal([]byte(text), &got); err != nil || len(got.Tests) != 1 {
		t.Fatalf("%v\n%s", err, text)
	}
	one := got.Tests[0]
	payload := one["payload"].(map[string]any)
	list := payload["list"].([]any)
	if one["name"] != `run: "x"` || one["event"] != "run.completed" || one["project_code"] != "NO" || one["team_member_id"] != 4 ||
		payload["title"] != "yes\n# \U0001F600 'q' \u202e: - x" || payload["007"] != "~" || payload["id"] != 7 ||
		list[0] != 1.5 || list[1] != nil || list[2] != "1" || list[3] != true {
		t.Errorf("%+v\n%s", one, text)
	}
	expect := one["expect"].([]any)[0].(map[string]any)
	if expect["rule"] != "failed-run" || expect["notifier"] != "qa: slack" {
		t.Errorf("%v", expect)
	}
	if none, err := (Test{Name: "n", Source: "s", At: "2026-01-05T09:00:00Z", Body: []byte(`{"event_name":"a.b"}`)}).YAML(); err != nil ||
		!strings.Contains(none, "expect: []") {
		t.Errorf("%v\n%s", err, none)
	}
	if _, err := (Test{Body: []byte("{")}).YAML(); err == nil {
		t.Error("a broken event became a test")
	}
}
