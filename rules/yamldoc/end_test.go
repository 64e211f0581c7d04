package yamldoc

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"
)

// sliceOf returns the text of a file between two places.
func sliceOf(d *Document, line, col, endLine, endCol int) string {
	var out []string
	for n := line; n <= endLine; n++ {
		text := []rune(d.line(n))
		from, to := 0, len(text)
		if n == line {
			from = col - 1
		}
		if n == endLine {
			to = min(endCol-1, len(text))
		}
		out = append(out, string(text[from:to]))
	}
	return strings.Join(out, "\n")
}

const endsOfValues = `a: plain text  # comment
b: "quoted \"x\" # no comment" # comment
c: 'it''s'
d: |
  one

    two
e: >-
  folded
  text

f: {x: [1, 2, "]"], y: {z: '}'}} # }
g:
  - one
  - name: two
    more: "text over
      two lines"
  - plain over
    two lines
h: []
i: &anchor {x: y}
j: *anchor
k: !tag "tagged"
l: "ends with a line break\n"
m: [
  one, # ]
  two
]
n: Ünï "x" ✓ # c
o: "a
  b

  c\
  d"
p: |2
    more
  less
q:
r: last`

func TestValuesEndWhereTheyEnd(t *testing.T) {
	d := (&Reader{}).Open(File{Name: "x", Data: []byte(endsOfValues)})
	want := map[string]string{
		"a": "plain text", "b": `"quoted \"x\" # no comment"`, "c": "'it''s'", "d": "|\n  one\n\n    two",
		"e": ">-\n  folded\n  text", "f": `{x: [1, 2, "]"], y: {z: '}'}}`,
		"g": "- one\n  - name: two\n    more: \"text over\n      two lines\"\n  - plain over\n    two lines", "h": "[]",
		"i": "&anchor {x: y}", "j": "*anchor", "k": `!tag "tagged"`, "l": `"ends with a line break\n"`,
		"m": "[\n  one, # ]\n  two\n]", "n": `Ünï "x" ✓`, "o": "\"a\n  b\n\n  c\\\n  d\"", "p": "|2\n    more\n  less",
		"q": "", "r": "last",
	}
	for key, v := range Pairs(d.Root) {
		line, col := d.At(v).End()
		if got := sliceOf(d, v.Line, v.Column, line, col); got != want[key.Value] {
			t.Errorf("%s: got %q, want %q", key.Value, got, want[key.Value])
		}
	}
}

// TestTextsOfAllExamplesCanBeReadAlone cuts each text out of the examples, and reads it again.
func TestTextsOfAllExamplesCanBeReadAlone(t *testing.T) {
	names, err := filepath.Glob("../../examples/*/rules.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	for _, name := range append(names, "../../rules.example.yaml") {
		data, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		d := (&Reader{}).Open(File{Name: name, Data: data})
		for p := range d.At(d.Root).Nodes {
			if p.node.Kind != yaml.ScalarNode || p.node.Style&(yaml.LiteralStyle|yaml.FoldedStyle) != 0 || p.node.Value == "" {
				continue
			}
			line, col := p.End()
			text := sliceOf(d, p.node.Line, p.node.Column, line, col)
			var again yaml.Node
			if err := yaml.Unmarshal([]byte(text), &again); err != nil || again.Content[0].Value != p.node.Value {
				t.Errorf("%s: cut out %q, which reads %+v (%v), want %q", p, text, again, err, p.node.Value)
			}
		}
	}
}
