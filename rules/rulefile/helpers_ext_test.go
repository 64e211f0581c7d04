package rulefile_test

import (
	"flag"
	"os"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Golden compares got with a file.
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

// rulesFile returns a file with some notifiers and the given rules.
func rulesFile(rules string) string {
	return `
sources: [{name: qase, secrets: [s]}]
people: [{name: Bob Bar, email: bob@bar.io, member_id: 40, slack: U024BE7LH}]
notifiers:
  - {name: qa, type: chat, channel: "#qa"}
  - {name: ops, type: hook, url: "https://ops.example.com/hook"}
templates:
  counts: "{{ .payload.failed }} of {{ .payload.cases }} failed"
rules:
` + rules
}
