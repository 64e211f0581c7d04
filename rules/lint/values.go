package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"qaserelay/rules"
	"qaserelay/rules/catalog"
	"qaserelay/rules/message"
)

// valueVariants are events with the other values that decide the level of a message: each known text, such as a
// severity, and the counts of a run that failed and of one that passed.
func valueVariants(schema *catalog.Schema) (all []variant) {
	if schema == nil {
		return nil
	}
	for _, path := range slices.Sorted(maps.Keys(schema.Fields)) {
		for _, value := range schema.Fields[path].Values {
			all = append(all, variant{exact: true, name: fmt.Sprintf("%s with the %s %s", schema.Name, path, value),
				change: setPayload(func(key string, old any) (any, bool) { return value, key == path && old != value })})
		}
	}
	if _, counts := schema.Fields["failed"]; counts {
		named := runVariant(schema.Name+" with named failures", 3)
		named.known = &rules.Known{Fields: map[string]any{"title": "Nightly"}, Run: failingRun()}
		all = append(all, runVariant(schema.Name+" with failures", 3), runVariant(schema.Name+" without failures", 0), named)
	}
	return all
}

// runVariant is a finished run with failures, all other test cases of which passed.
func runVariant(name string, failed int) variant {
	return variant{exact: true, name: name, change: func(envelope map[string]any) bool {
		payload, _ := envelope["payload"].(map[string]any)
		cases, _ := payload["cases"].(int)
		payload["failed"], payload["passed"], payload["blocked"] = failed, max(cases-failed, 0), 0
		if _, has := payload["untested"]; has {
			payload["untested"] = 0
		}
		return cases > 0
	}}
}

// readsMessage reports whether one of the paths that are read is a part of the message, such as its level.
func readsMessage(reads []string) bool {
	return slices.ContainsFunc(reads, func(path string) bool {
		root, _, _ := strings.Cut(path, ".")
		return slices.Contains(message.MessageVariables(), root) || root == "level"
	})
}
