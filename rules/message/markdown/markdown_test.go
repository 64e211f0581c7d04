package markdown_test

import (
	"testing"

	"qaserelay/rules/message/markdown"
)

func TestCodeMarksKeepASpanTogether(t *testing.T) {
	for code, want := range map[string]string{
		"plain":   "`plain`",
		"a`b":     "``a`b``",
		"``a`":    "``` ``a` ```",
		" blank ": "`  blank  `",
		" left":   "` left`",
		"é`":      "`` é` ``",
	} {
		opening, closing := markdown.CodeMarks(code)
		if got := opening + code + closing; got != want {
			t.Errorf("%q is written as %q, want %q", code, got, want)
		}
	}
}
