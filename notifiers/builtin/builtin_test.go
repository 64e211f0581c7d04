package builtin_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"qaserelay/notifiers/builtin"
)

// TestEachKindRunsTheSuite reads the tests in the folder of each kind.
func TestEachKindRunsTheSuite(t *testing.T) {
	for _, k := range builtin.Kinds() {
		files, err := filepath.Glob(filepath.Join("..", k.Type, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		runs := false
		for _, name := range files {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			runs = runs || strings.Contains(string(text), "notifierstest.Run(t, ") ||
				strings.Contains(string(text), "notifierstest.Service{") && strings.Contains(string(text), ".Run(t)")
		}
		if !runs {
			t.Errorf("%s: no test in its folder runs the suite: call notifierstest.Run, or Run of a notifierstest.Service", k.Type)
		}
	}
}
