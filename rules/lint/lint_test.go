package lint_test

import (
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestWarningsOfTheCatalog(t *testing.T) {
	if config := rulefiletest.GoldenProblems(t, "advice"); config == nil {
		t.Error("a file with warnings gave no config")
	}
}
