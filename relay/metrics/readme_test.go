package metrics

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestTheReadmeListsEachMetric writes the table of metrics from their descriptions, with -update.
func TestTheReadmeListsEachMetric(t *testing.T) {
	descriptions := make(chan *prometheus.Desc)
	go func() {
		New(Options{}).registry.Describe(descriptions)
		close(descriptions)
	}()
	var rows []string
	for d := range descriptions {
		// Desc{fqName: "name", help: "help", constLabels: {}, variableLabels: {a,b}}
		m := regexp.MustCompile(`fqName: "qase_relay_(\w+)", help: "((?:[^"\\]|\\.)*)", .*variableLabels: \{(.*)\}\}$`).
			FindStringSubmatch(d.String())
		if m == nil {
			continue // of Go and the process
		}
		labels := strings.Split(m[3], ",")
		for i, label := range labels {
			labels[i] = "`" + label + "`"
		}
		if m[3] == "" {
			labels = nil
		}
		rows = append(rows, fmt.Sprintf("| `%s` | %s | %s |\n", m[1], strings.Join(labels, ", "), m[2]))
	}
	if len(rows) < 30 {
		t.Fatalf("only %d metrics", len(rows))
	}
	slices.Sort(rows)
	rulefiletest.GoldenPart(t, "../README.md", "metrics", "All names begin with `qase_relay_`.\n\n"+
		"| metric | labels | is |\n|---|---|---|\n"+strings.Join(rows, ""))
}
