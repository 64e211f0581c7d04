package rulefiletest

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares got with a golden file, which the flag -update writes.
func Golden(t *testing.T, file, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil || string(want) != got {
		t.Errorf("%s is out of date (go test -run %s -update writes it anew); got:\n%s", file, t.Name(), got)
	}
}

// GoldenPart compares got with a part of a page: that between <!-- generated: NAME --> and <!-- end -->. The flag
// -update writes it.
func GoldenPart(t *testing.T, file, name, got string) {
	t.Helper()
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), "<!-- generated: "+name+" -->\n")
	_, after, ended := strings.Cut(rest, "<!-- end -->")
	if !found || !ended {
		t.Errorf("%s has no <!-- generated: %s --> with an <!-- end -->", file, name)
		return
	}
	Golden(t, file, before+"<!-- generated: "+name+" -->\n\n"+strings.TrimSpace(got)+"\n\n<!-- end -->"+after)
}
