package lint_test

import (
	"os"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

func TestWarningsOfTheCatalog(t *testing.T) {
	text, err := os.ReadFile("testdata/advice.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config, problems := rulefiletest.Check("advice.yaml", string(text))
	if config == nil {
		t.Errorf("advice must not keep a file from being used:\n%v", problems.Err())
	}
	rulefiletest.Golden(t, "testdata/advice.golden", problems.Error()+"\n")
}
