package terminal

import (
	"strings"
	"testing"

	"qaserelay/rules/diag"
)

func TestWorkflowCommandsAreEscaped(t *testing.T) {
	var out strings.Builder
	PrintForGitHub(&Screen{Writer: &out},
		diag.Problems{{File: "a,b:c.yaml", Line: 3, Severity: diag.Warning, Message: "100%\r\nsure", Hint: "no"}})
	if want := "::warning file=a%2Cb%3Ac.yaml,line=3,title=qase-relay::100%25%0D%0Asure%0Ano\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}

func TestTheCaretStandsUnderItsColumn(t *testing.T) {
	for name, p := range map[string]diag.Problem{
		"plain":       {Line: 1, Col: 3, Source: "ab!c"},
		"after a tab": {Line: 1, Col: 3, Source: "\ta!"},
		"wide":        {Line: 1, Col: 3, Source: "日本!"},
		"long":        {Line: 1, Col: 301, Source: strings.Repeat("x", 300) + "!" + strings.Repeat("y", 300)},
	} {
		var out strings.Builder
		printExcerpt(&Screen{Writer: &out}, p)
		source, caret, _ := strings.Cut(out.String(), "\n")
		before, _, _ := strings.Cut(source, "!")
		space, _, _ := strings.Cut(caret, "^")
		if Columns(before) != Columns(space) || strings.Count(before, "\t") != strings.Count(space, "\t") {
			t.Errorf("%s: got\n%s", name, out.String())
		}
		if Columns(source) > 140 {
			t.Errorf("%s: %d columns are more than a person reads", name, Columns(source))
		}
	}
}
