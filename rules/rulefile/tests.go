package rulefile

import (
	"reflect"
	"strings"

	"qaserelay/rules/diag"
	"qaserelay/rules/rulefile/testfile"
)

func parseTests(documents []*document, config *Config, notifiers notifierTable) (tests []testfile.Test) {
	names := uniqueNames{first: map[string]string{}}
	scope := scopeOfTests(config, notifiers)
	for _, d := range documents {
		for i := range d.spec.Tests {
			spec := &d.spec.Tests[i]
			if !spec.At.IsMapping() {
				continue
			}
			if !spec.Name.Given() || strings.TrimSpace(spec.Name.S) == "" {
				d.Report(spec.At.Node, diag.Error, "a test needs a name",
					"describe it, such as name: a failed run reaches QA")
			} else {
				names.add(d, spec.Name, "test")
			}
			tests = append(tests, scope.Read(d.Document, spec))
		}
	}
	return tests
}

func scopeOfTests(config *Config, notifiers notifierTable) *testfile.Scope {
	scope := &testfile.Scope{Rules: config.Rules.Names(), Sources: config.Sources,
		Notifiers: map[string]reflect.Type{},
		Location:  config.Settings.Location, SilenceMax: config.Settings.SilenceMax, CheckKey: checkMessageKey}
	for name, info := range notifiers {
		scope.Notifiers[name] = reflect.TypeOf(info.kind.Options) // nil without a kind
	}
	return scope
}
