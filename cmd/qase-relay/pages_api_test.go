package main

import (
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"qaserelay/rules/rulefile/rulefiletest"
)

// TestTheReadmeOfTheAPIHasEachRoute writes the table of routes from openapi.json, with -update.
func TestTheReadmeOfTheAPIHasEachRoute(t *testing.T) {
	var out strings.Builder
	out.WriteString("| request | does | parameters |\n|---|---|---|\n")
	paths := apiOf(t).Paths
	for _, path := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range slices.Sorted(maps.Keys(paths[path])) {
			op := paths[path][method]
			var names []string
			for _, p := range op.Parameters {
				if !strings.Contains(path, "{"+p.Name+"}") {
					names = append(names, "`"+p.Name+"`")
				}
			}
			fmt.Fprintf(&out, "| `%s %s` | %s | %s |\n", strings.ToUpper(method), path, op.Summary, strings.Join(names, ", "))
		}
	}
	rulefiletest.GoldenPart(t, filepath.Join(root(), "relay", "admin", "README.md"), "routes", out.String())
}
