package defaults

import "testing"

func TestAFieldIsOneLine(t *testing.T) {
	for in, want := range map[string]string{"a": "a", " a ": "a", "a\\\nb": "a b", "a\\\\\\\nb": `a\\ b`,
		"a\n\nb": "a  b", "": ""} {
		if got := Line(in); got != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}
