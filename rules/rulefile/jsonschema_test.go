package rulefile_test

import (
	"bytes"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/value"
	"qaserelay/rules/yamldoc"
)

// TestTheJSONSchemaIsUpToDate makes the schema from the types that files are decoded into and the words of
// jsonschema_words_test.go, and compares it with rules.schema.json, which -update writes.
func TestTheJSONSchemaIsUpToDate(t *testing.T) {
	g := &schemaMaker{t: t, words: schemaWords(), docs: notifierDocs(t), used: map[string]bool{}}
	maps.Copy(g.docs, ruleDocs(t))
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(g.file()); err != nil {
		t.Fatal(err)
	}
	for key := range g.words {
		if !g.used[key] {
			t.Errorf("jsonschema_words_test.go describes %s, which no rules file can hold", key)
		}
	}
	rulefiletest.Golden(t, "rules.schema.json", out.String())
}

// js is a part of a JSON Schema.
type js map[string]any

// schemaMaker makes JSON Schema from types. Keys of the rules are named by their path, such as rules[].when, those of
// notifiers by their package and struct, such as email.config.host.
type schemaMaker struct {
	t     *testing.T
	words map[string]word
	docs  map[string]string // comments of the fields of notifiers' structs
	used  map[string]bool   // words that were needed
	kinds []notifiers.Kind
}

func (g *schemaMaker) file() js {
	g.kinds = builtin.Kinds()
	top := g.object(reflect.TypeFor[rulefile.FileSpec](), "")
	top["$schema"] = "http://json-schema.org/draft-07/schema#"
	top["title"] = "Rules of qase-relay"
	top["patternProperties"] = js{"^x-": js{}} // ignored, for anchors
	top["definitions"] = js{
		"notify": listOf(js{"anyOf": []js{{"type": "string", "description": "Name of a notifier."}, g.target()}}),
		"expect": js{"type": "array", "items": g.expectation()},
		"matcher": js{"anyOf": []js{textSchema(), {"type": "array", "items": textSchema()}, {
			"type": "object", "additionalProperties": false,
			"properties": js{
				"contains": described(listOf(textSchema()), "Text that it must contain; with a list, each of them."),
				"matches": described(listOf(textSchema()),
					"Regular expression that must match a part of it; with a list, each of them."),
			},
		}}},
	}
	return top
}

// object makes the schema of a struct by its yaml tags.
func (g *schemaMaker) object(t reflect.Type, path string) js {
	if strings.Contains(t.PkgPath(), "/notifiers") {
		path = structPath(t.PkgPath(), t.Name())
	}
	g.used[path] = true
	properties := js{}
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		at := strings.TrimPrefix(path+"."+key, ".")
		about := g.about(at)
		properties[key] = described(g.key(f.Type, at), about)
		if _, isRef := properties[key].(js)["$ref"]; isRef { // whose siblings are ignored
			properties[key] = js{"description": about, "allOf": []js{g.key(f.Type, at)}}
		}
		if f.Tag.Get("secret") == "true" {
			name, about := textSchema(), "File that holds "+key
			if f.Type.Kind() == reflect.Slice {
				name, about = listOf(name), "File or files that hold "+key+", each on a line of its own"
			}
			properties[key+"_file"] = described(name, about+"; relative to the folder the relay is started in.")
		}
	}
	out := js{"type": "object", "additionalProperties": false, "properties": properties}
	if w := g.words[path]; len(w.required) > 0 {
		out["required"] = w.required
	}
	if path == "tests[]" {
		out["anyOf"] = []js{{"required": []string{"event", "expect"}}, {"required": []string{"steps"}}}
	}
	return out
}

// about returns the description of a key, which every key needs.
func (g *schemaMaker) about(path string) string {
	if w, ok := g.words[path]; ok {
		g.used[path] = true
		return w.about
	}
	if doc, ok := g.docs[path]; ok {
		return doc
	}
	g.t.Errorf("the key %s has no description: write one in jsonschema_words_test.go (or, for rules and notifiers, "+
		"a comment at its field), then go test ./rules/rulefile -run %s -update",
		path, g.t.Name())
	return ""
}

// key makes the schema of the value of one key.
func (g *schemaMaker) key(t reflect.Type, path string) js {
	switch path {
	case "notifiers":
		return js{"type": "array", "items": g.notifier()}
	case "windows":
		return js{"type": "object", "additionalProperties": g.object(reflect.TypeFor[rulefile.WindowSpec](), "windows.*")}
	case "rules[].active":
		return js{"anyOf": []js{{"type": "string"}, g.object(reflect.TypeFor[rulefile.ActiveSpec](), path)}}
	case "sources[].expect_every":
		return js{"anyOf": []js{g.value(reflect.TypeFor[time.Duration](), path),
			g.object(reflect.TypeFor[rulefile.ExpectSpec](), path)}}
	case "sources[].failures":
		return js{"anyOf": []js{{"const": "off"}, variableSchema(), g.object(reflect.TypeFor[rulefile.AskSpec](), path)}}
	case "rules[].after":
		return js{"anyOf": []js{g.value(reflect.TypeFor[time.Duration](), path),
			g.object(reflect.TypeFor[rulefile.AfterSpec](), path)}}
	case "rules[].notify", "rules[].after.escalate[].notify", "sources[].expect_every.notify", "summaries[].notify":
		return js{"$ref": "#/definitions/notify"}
	case "tests[].payload", "tests[].given[].payload", "tests[].steps[].payload":
		return js{"type": "object"}
	case "tests[].failures", "tests[].given[].failures", "tests[].steps[].failures":
		return failuresSchema()
	case "tests[].expect", "tests[].steps[].expect":
		return js{"$ref": "#/definitions/expect"}
	}
	values := g.words[path].values
	if key := path[strings.LastIndexByte(path, '.')+1:]; strings.HasPrefix(path, "rules[].") && values == nil {
		ofMessage, _ := message.Lookup(key)
		values = ofMessage.Values
	}
	if len(values) > 0 {
		return js{"anyOf": []js{{"enum": values}, variableSchema()}}
	}
	return g.value(t, path)
}

func (g *schemaMaker) value(t reflect.Type, path string) js {
	switch {
	case t == reflect.TypeFor[notifiers.Key]():
		return js{"anyOf": []js{textSchema(), {"type": "object", "additionalProperties": false,
			"required": []string{"key"}, "properties": js{
				"key":    described(textSchema(), "Messages of the same key belong together."),
				"across": described(js{"enum": []string{"projects"}}, "Also those of other projects.")}}}}
	case path == "slack.options.dm":
		return js{"anyOf": []js{listOf(textSchema()), {"type": "object", "additionalProperties": false,
			"required": []string{"to"}, "properties": js{
				"to":       described(listOf(textSchema()), "The people."),
				"together": described(js{"type": "boolean"}, "true: one conversation with all of them.")}}}}
	case t == reflect.TypeFor[value.Amount]():
		return js{"type": []string{"integer", "string"}, "minimum": 0, "pattern": `^[+]?[0-9]+$|\$\{`}
	case yamldoc.TakesText(t):
		return textSchema()
	case t == reflect.TypeFor[time.Duration]():
		return js{"type": []string{"string", "integer"}, "minimum": 0, "maximum": 0,
			"pattern": `^(0|([0-9]+(\.[0-9]*)?(ms|s|m|h|d|w))+)$|\$\{`}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return g.value(t.Elem(), path)
	case reflect.Struct:
		return g.object(t, path)
	case reflect.Slice:
		if t.Elem().Kind() == reflect.Struct && !yamldoc.TakesText(t.Elem()) {
			return js{"type": "array", "items": g.value(t.Elem(), path+"[]")}
		}
		return listOf(g.value(t.Elem(), path+"[]"))
	case reflect.Map:
		return js{"type": "object", "additionalProperties": g.value(t.Elem(), path+".*")}
	case reflect.Bool:
		return js{"type": []string{"boolean", "string"}, "pattern": `^(true|false)$|\$\{`}
	case reflect.Int, reflect.Int64:
		return js{"type": []string{"integer", "string"}, "pattern": `^[+-]?[0-9]+$|\$\{`}
	case reflect.Float64:
		return js{"type": []string{"number", "string"}, "pattern": `^[+-]?[0-9.]+$|\$\{`}
	case reflect.String:
		return textSchema()
	case reflect.Interface:
		return js{}
	}
	g.t.Errorf("%s: no schema for the type %v: teach it to jsonschema_test.go", path, t)
	return js{}
}

// notifier is an object whose type decides which other keys it may have.
func (g *schemaMaker) notifier() js {
	common := g.object(reflect.TypeFor[rulefile.NotifierSpec](), "notifiers[]")["properties"].(js)
	var types []string
	var branches []js
	for _, k := range g.kinds {
		types = append(types, k.Type)
		config := reflect.TypeOf(k.Config()).Elem()
		all := maps.Clone(common)
		maps.Copy(all, g.object(reflect.TypeOf(k.Options), "")["properties"].(js))
		maps.Copy(all, g.object(config, "")["properties"].(js))
		all["type"] = described(js{"const": k.Type}, k.Summary)
		branches = append(branches, js{
			"if":   js{"properties": js{"type": js{"const": k.Type}}, "required": []string{"type"}},
			"then": js{"properties": all, "additionalProperties": false},
		})
	}
	common["except"] = described(listOf(textSchema()), exceptAbout)
	for _, b := range branches {
		b["then"].(js)["properties"].(js)["except"] = common["except"]
	}
	common["type"] = described(js{"enum": types}, g.about("notifiers[].type"))
	return js{"type": "object", "required": g.words["notifiers[]"].required, "properties": common, "allOf": branches}
}

const exceptAbout = "People who get no message and no mention: written as in other options that name people."

// target is an entry of notify with message options. Which of them there are depends on the notifier that is named.
func (g *schemaMaker) target() js {
	properties := g.options(func(t reflect.Type, path string) js { return g.key(t, path) })
	properties["notifier"] = described(textSchema(), "Name of a notifier.")
	properties["except"] = described(listOf(textSchema()), exceptAbout)
	properties["fallback"] = described(listOf(textSchema()),
		"Notifiers that the message goes to in turn if it fails permanently; [] for none. Default: those of the "+
			"notifier.")
	return js{"type": "object", "additionalProperties": false, "required": []string{"notifier"},
		"properties": properties}
}

// expectation makes the schema of an entry of expect.
func (g *schemaMaker) expectation() js {
	matcher := js{"allOf": []js{{"$ref": "#/definitions/matcher"}}}
	properties := g.options(func(t reflect.Type, _ string) js {
		switch t.Kind() {
		case reflect.Interface:
			return js{}
		case reflect.Map:
			return js{"anyOf": []js{{"type": "object", "additionalProperties": matcher}, matcher}}
		}
		return maps.Clone(matcher)
	})
	for _, field := range message.Expected() {
		properties[field] = described(maps.Clone(matcher), "The "+field+
			" of the message: the exact text, or {contains: …} or {matches: …}.")
	}
	properties["fallback"] = described(js{"$ref": "#/definitions/matcher"},
		"Notifiers that the message goes to if it fails permanently.")
	properties["rule"] = described(textSchema(), "Rule that makes the message; any, if it is not given.")
	properties["notifier"] = described(textSchema(), "Notifier that it goes to; any, if it is not given.")
	return js{"type": "object", "additionalProperties": false, "properties": properties,
		"patternProperties": js{`^[a-z_]+\..+$`: js{"$ref": "#/definitions/matcher"}}}
}

// options makes the message options of all types of notifiers.
func (g *schemaMaker) options(value func(t reflect.Type, path string) js) js {
	abouts, values := map[string][]string{}, map[string][]js{}
	for _, k := range g.kinds {
		options := reflect.TypeOf(k.Options)
		for _, f := range reflect.VisibleFields(options) {
			key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
			if key == "" || key == "-" {
				continue
			}
			path := structPath(options.PkgPath(), options.Name()) + "." + key
			abouts[key] = append(abouts[key], k.Type+": "+g.about(path))
			if one := value(f.Type, path); !slices.ContainsFunc(values[key],
				func(v js) bool { return reflect.DeepEqual(v, one) }) {
				values[key] = append(values[key], one)
			}
		}
	}
	properties := js{}
	for key, all := range values {
		one := all[0]
		if len(all) > 1 {
			one = js{"anyOf": all}
		}
		properties[key] = described(one, strings.Join(abouts[key], "\n"))
	}
	return properties
}

// failuresSchema is what a test says of the tests that failed.
func failuresSchema() js {
	defect := js{"anyOf": []js{textSchema(), {"type": "object", "additionalProperties": false,
		"properties": js{"id": described(js{"type": "integer"}, "Its number."), "title": described(textSchema(), "Its title."),
			"status": described(textSchema(), "open, in_progress or resolved. Default: open.")}}}}
	properties := js{"defect": described(defect, "Open defect: its number, its title, or {id, title, status}."),
		"tags": described(listOf(textSchema()), "Tags of the case.")}
	for key, about := range map[string]string{"case_id": "Number of the case, or its code.", "title": "Title of the case.",
		"suite": "Path of its suite, with a slash between spaces.", "reason": "First line of what the test said.",
		"status":   "Status of the result. Default: failed.",
		"owner":    "Person who looks after the test: email, member id or name.",
		"attempts": "Attempts in this run.", "times": "Results of a case with parameters.",
		"duration": "Duration, such as 90s.", "flaky": "true: marked flaky in Qase.",
		"new":   "false: it failed in the run before too, if that is not given.",
		"muted": "true: left out of the result of the run.", "deleted": "true: the case was deleted since."} {
		properties[key] = described(textSchema(), about)
	}
	return js{"anyOf": []js{{"type": "integer", "minimum": 0}, {"const": "unknown"}, {"type": "array", "items": js{
		"anyOf": []js{textSchema(), {"type": "object", "additionalProperties": false, "properties": properties}}}}}}
}

// textSchema is a text: YAML's numbers, true and false are taken as they are written.
func textSchema() js { return js{"type": []string{"string", "number", "boolean"}} }

// variableSchema is the schema of an environment variable in place of a fixed value.
func variableSchema() js { return js{"type": "string", "pattern": `\$\{`} }

// listOf is a list, or one value in the place of a list of one.
func listOf(item js) js { return js{"anyOf": []js{{"type": "array", "items": item}, item}} }

func described(s js, about string) js {
	s = maps.Clone(s)
	s["description"] = about
	return s
}
