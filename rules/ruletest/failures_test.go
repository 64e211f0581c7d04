package ruletest_test

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"qaserelay/rules/ruletest"
	"qaserelay/rules/value"
)

// TestFailures runs the rules files of testdata/failures: which tests failed in a run, by the numbers of their edge cases.
func TestFailures(t *testing.T) {
	names, err := filepath.Glob("testdata/failures/*.yaml")
	if err != nil || len(names) == 0 {
		t.Fatalf("found no files: %v", err)
	}
	numbered := map[string]bool{}
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range ruletest.Run(parse(t, string(text)), nil) {
			if number, _, _ := strings.Cut(r.Name, " "); number != "" {
				if _, err := strconv.Atoi(number); err == nil {
					numbered[number] = true
				}
			}
			if !r.Passed {
				t.Errorf("%s:%d: %s\n%s\nnotes %q", name, r.Line, r.Name, value.JSONText(r.Failures), r.Notes)
			}
		}
	}
	for _, number := range strings.Fields("1 2 3 4 5 6 7 9 11 13 14 16 20 21 23") {
		if !numbered[number] {
			t.Errorf("no test of case %s", number)
		}
	}
}
