package yamldoc

import (
	"math/rand/v2"
	"strings"
	"testing"

	"qaserelay/rules/diag"
)

// TestPositionsInsideScalars writes scalars of all styles, on one line and on several, and looks up each letter of their
// text.
func TestPositionsInsideScalars(t *testing.T) {
	parts := []string{"a", "bc", " d", "ä", "日", " {{ .x }}", "\n    ", "\n\n    ", "  \n      ", ".", "e", "f-g"}
	escapes := map[byte][]string{'"': {`\n`, `\"`, `\x41`, `\u263a`, `\t`, "\\\n    ", `\\`}, '\'': {"''"}, '|': nil, '>': nil, 'p': nil}
	random := rand.New(rand.NewPCG(1, 2))
	checked := 0
	for range 5000 {
		style := "\"'p|>"[random.IntN(5)]
		var written strings.Builder
		for range 1 + random.IntN(9) {
			if own := escapes[style]; len(own) > 0 && random.IntN(3) == 0 {
				written.WriteString(own[random.IntN(len(own))])
			} else {
				written.WriteString(parts[random.IntN(len(parts))])
			}
		}
		text := "x: h" + written.String() + "z\n"
		switch style {
		case '"', '\'':
			text = "x: " + string(style) + "h" + written.String() + "z" + string(style) + "\n"
			if random.IntN(4) == 0 {
				text = strings.Replace(text, "x: ", "x: &a !!str ", 1)
			}
		case '|', '>':
			text = "x: " + string(style) + "\n    h" + written.String() + "z\n"
		}
		r := &Reader{}
		d := r.Open(File{Name: "x.yaml", Data: []byte(text)})
		if d.Root == nil {
			continue
		}
		node := ValueOf(d.Root, "x")
		if style == '>' && strings.ContainsAny(strings.TrimSuffix(node.Value, "\n"), "\n") {
			continue // folded with line breaks of its own, whose places are not looked for
		}
		at := diag.Position{Line: 1}
		for _, c := range node.Value {
			line, col := d.At(node).inside(at)
			shown := []rune(d.line(line))
			switch {
			case c >= 'a' && c <= 'z', c == 'ä', c == '日', c == '{', c == '.':
				if col > len(shown) || shown[col-1] != c {
					t.Fatalf("%q in %q is at %d:%d", c, text, line, col)
				}
				checked++
			}
			if at.Col++; c == '\n' {
				at = diag.Position{Line: at.Line + 1}
			}
		}
	}
	if checked < 10_000 {
		t.Errorf("checked %d letters, want more", checked)
	}
}
