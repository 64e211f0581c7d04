package main

import (
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/cmd/qase-relay/report"
	"qaserelay/cmd/qase-relay/terminal"
)

func TestTheRulesThatComeWithTheProgramAreCovered(t *testing.T) {
	names, err := filepath.Glob(filepath.Join(root(), "examples", "*", "rules.yaml"))
	if err != nil || len(names) == 0 {
		t.Fatalf("found no examples: %v", err)
	}
	for _, name := range append(names, "starter.yaml", filepath.Join(root(), "rules.example.yaml")) {
		files, err := testFiles(&terminal.Console{}, []string{name})
		if err != nil {
			t.Fatal(err)
		}
		r := report.NewTests(files, testOptions(), nil)
		if !r.OK || r.Total == 0 || r.Coverage.Percent < 100 {
			var out strings.Builder
			r.Print(&terminal.Screen{Writer: &out, Columns: 100}, true, -1)
			t.Errorf("%s:\n%s", name, out.String())
		}
		for _, one := range r.Tests {
			if len(one.Notes) > 0 {
				t.Errorf("%s: %s: %v", name, one.Name, one.Notes)
			}
		}
	}
}
