package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qaserelay/rules/catalog"
	"qaserelay/rules/condition"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/template"
)

// schema is a JSON Schema, as far as pages show it.
type schema struct {
	Description          string
	Properties           map[string]*schema
	AdditionalProperties *values
	Items                *schema
	AnyOf, AllOf         []*schema
	If, Then             *schema
	Const                string
}

// values are those of any key of a mapping; false means that there are no such keys.
type values struct{ *schema }

// UnmarshalJSON takes a schema or false.
func (v *values) UnmarshalJSON(data []byte) error {
	if string(data) == "false" || string(data) == "true" {
		return nil
	}
	return json.Unmarshal(data, &v.schema)
}

func rulesSchema(t *testing.T) *schema {
	t.Helper()
	var s schema
	if err := json.Unmarshal(rulefile.JSONSchema(), &s); err != nil {
		t.Fatal(err)
	}
	return &s
}

// within returns the schemas that hold for a value: those of its elements, if it is a list, and of each of its forms.
func (s *schema) within() []*schema {
	all := []*schema{s}
	if s.Items != nil {
		all = append(all, s.Items.within()...)
	}
	for _, form := range append(s.AnyOf, s.AllOf...) {
		all = append(all, form.within()...)
	}
	return all
}

// keys returns the descriptions of the keys below a value, those of mappings in it behind a dot.
func (s *schema) keys() map[string]string {
	all := map[string]string{}
	for _, form := range s.within() {
		for key, sub := range form.Properties {
			all[key] = sub.Description
			for name, about := range sub.keys() {
				all[key+"."+name] = about
			}
		}
	}
	return all
}

// keyTable returns a table of keys. A secret stands beside the key of its file.
func keyTable(keys map[string]string) string {
	var out strings.Builder
	out.WriteString("| key | is |\n|---|---|\n")
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		if secret, isFile := strings.CutSuffix(key, "_file"); isFile && keys[secret] != "" {
			continue
		}
		name := "`" + key + "`"
		if keys[key+"_file"] != "" {
			name += ", `" + key + "_file`"
		}
		about := strings.NewReplacer("|", `\|`, "\n", " ", "*", `\*`, "<", "&lt;").Replace(keys[key])
		fmt.Fprintf(&out, "| %s | %s |\n", name, about)
	}
	return out.String()
}

// TestTheReadmeOfRulesDescribesEveryKey writes the tables of keys from the schema, with -update.
func TestTheReadmeOfRulesDescribesEveryKey(t *testing.T) {
	s, file := rulesSchema(t), filepath.Join(root(), "rules", "README.md")
	rulefiletest.GoldenPart(t, file, "keys of windows", keyTable(s.Properties["windows"].AdditionalProperties.keys()))
	for _, section := range []string{"rules", "sources", "summaries", "people", "settings", "tests"} {
		rulefiletest.GoldenPart(t, file, "keys of "+section, keyTable(s.Properties[section].keys()))
	}
	p := pageNamed(t, "rules/README.md")
	for key := range s.Properties {
		if !strings.Contains(p.section(t, "## A rules file"), "| `"+key+"` |") {
			t.Errorf("the table of a rules file lacks %s", key)
		}
	}
}

// TestTheReadmeOfRulesHasAnExampleOfEveryKey looks in the YAML of the page for the keys of the schema.
func TestTheReadmeOfRulesHasAnExampleOfEveryKey(t *testing.T) {
	written := map[string]bool{}
	for _, b := range pageNamed(t, "rules/README.md").blocks {
		if b.language == "yaml" {
			var value any
			decodeYAML(t, b, &value)
			pathsOf(value, "", written)
		}
	}
	inProse := []string{ // that the examples of tests in rules.example.yaml show
		"tests", "notifiers", "people[].owns",
	}
	s := rulesSchema(t)
	for top, sub := range s.Properties {
		for key := range sub.keys() {
			name := top + "." + key
			if !written[name] && !slices.Contains(inProse, top) && !strings.HasSuffix(key, "_file") {
				t.Errorf("no example of rules/README.md has %s", name)
			}
		}
	}
}

// TestTheReadmeOfRulesHasEachName looks for the names that conditions and templates see, and for the fields that the
// relay adds.
func TestTheReadmeOfRulesHasEachName(t *testing.T) {
	p := pageNamed(t, "rules/README.md")
	names := strings.Join(codeIn(p.section(t, "### Names")), " ")
	tests := strings.Join(codeIn(p.section(t, "### Which tests failed")), " ")
	has := func(text, name string) bool { return regexp.MustCompile(`\b` + name + `\b`).MatchString(text) }
	all := slices.Concat(condition.Roots, template.VariableNames(), template.TimingNames(), message.MessageVariables())
	for _, name := range all {
		if !has(names, name) {
			t.Errorf("the table of names lacks %s", name)
		}
	}
	for field := range catalog.Schemas().Actor.Fields {
		if !has(names, field) {
			t.Errorf("the table of names lacks actor.%s", field)
		}
	}
	schemas := catalog.Schemas()
	for _, s := range []*catalog.Schema{schemas.Failures, schemas.Trend} {
		for path := range s.Fields {
			for _, name := range strings.Split(path, ".") {
				if !has(tests, name) {
					t.Errorf("the names of failing tests lack %s", path)
				}
			}
		}
	}
}

// pathsOf collects the paths of the keys of a value, lists left out.
func pathsOf(value any, at string, paths map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for key, sub := range value {
			name := strings.TrimPrefix(at+"."+key, ".")
			paths[name] = true
			pathsOf(sub, name, paths)
		}
	case []any:
		for _, sub := range value {
			pathsOf(sub, at, paths)
		}
	}
}
