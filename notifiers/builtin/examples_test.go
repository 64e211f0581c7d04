package builtin_test

import (
	"reflect"
	"slices"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/relay/config"
	"qaserelay/rules/lint"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// example is the rules file of one kind.
type example struct {
	Notifiers []map[string]any
	Rules     []struct {
		Notify []map[string]any
	}
}

func readExample(t testing.TB, k notifiers.Kind) (e example) {
	t.Helper()
	if err := yaml.Unmarshal([]byte(k.Example), &e); err != nil {
		t.Fatalf("kind.yaml of %s: %v", k.Type, err)
	}
	return e
}

// everything is a rules file with the notifiers of all kinds, a rule for the first one of each kind, and further rules.
func everything(t testing.TB, more ...any) string {
	t.Helper()
	var notifiers []map[string]any
	rules := more
	for _, k := range builtin.Kinds() {
		e := readExample(t, k)
		notifiers = append(notifiers, e.Notifiers...)
		name := e.Notifiers[0]["name"].(string)
		rules = append(rules, map[string]any{"name": "default-" + name, "when": "true", "notify": []any{name}})
	}
	text, err := yaml.Marshal(map[string]any{
		"sources": []any{map[string]any{"name": "qase", "secrets": []string{"s"}}},
		"people": []any{map[string]any{"name": "Ana López", "email": "ana@author.example", "member_id": 40,
			"slack": "U0DIRECTORY"}},
		"notifiers": notifiers,
		"rules":     rules,
	})
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// targets are the notifiers with message options of all kinds' rules.
func targets(t testing.TB) (all []any) {
	t.Helper()
	for _, k := range builtin.Kinds() {
		for _, r := range readExample(t, k).Rules {
			for _, target := range r.Notify {
				all = append(all, target)
			}
		}
	}
	return all
}

// parse reads a rules file, in which nothing may be wrong.
func parse(t testing.TB, text string) *rulefile.File {
	t.Helper()
	options := rulefile.Options{Kinds: config.Kinds(builtin.Kinds())}
	cfg, problems := lint.Parse([]yamldoc.File{{Name: "rules.yaml", Data: []byte(text)}}, options)
	if err := problems.Err(); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	return cfg
}

func TestEachExampleHasEveryKey(t *testing.T) {
	for _, k := range builtin.Kinds() {
		e := readExample(t, k)
		var written, inRules []string
		for _, n := range e.Notifiers {
			written = append(written, keysOf("", n)...)
		}
		for _, r := range e.Rules {
			for _, target := range r.Notify {
				inRules = append(inRules, keysOf("", target)...)
			}
		}
		for _, key := range structKeys("", reflect.TypeOf(k.Config()).Elem()) {
			if !slices.Contains(written, key) {
				t.Errorf("kind.yaml of %s: no notifier has %s", k.Type, key)
			}
		}
		for _, key := range structKeys("", reflect.TypeOf(k.Options)) {
			if !slices.Contains(inRules, key) {
				t.Errorf("kind.yaml of %s: no rule has the option %s", k.Type, key)
			}
		}
	}
}

func TestTheNotifiersOfTheExamplesCanBeMade(t *testing.T) {
	cfg := parse(t, everything(t, map[string]any{"name": "options", "when": "true", "notify": targets(t)}))
	for _, k := range builtin.Kinds() {
		for _, n := range cfg.Notifiers {
			if n.Type != k.Type {
				continue
			}
			if _, err := k.New(n.Config, n.Defaults); err != nil {
				t.Errorf("kind.yaml of %s: %s: %v", k.Type, n.Name, err)
			}
		}
	}
}

// keysOf lists the keys of a map, those of inner maps as outer.inner.
func keysOf(prefix string, m map[string]any) (keys []string) {
	for key, v := range m {
		keys = append(keys, prefix+key)
		if inner, isMap := v.(map[string]any); isMap {
			keys = append(keys, keysOf(prefix+key+".", inner)...)
		}
	}
	return keys
}

// structKeys lists the yaml keys of a struct, those of inner structs as outer.inner.
func structKeys(prefix string, t reflect.Type) (keys []string) {
	for _, f := range reflect.VisibleFields(t) {
		key, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if key == "" || key == "-" {
			continue
		}
		keys = append(keys, prefix+key)
		inner := f.Type
		if inner.Kind() == reflect.Pointer {
			inner = inner.Elem()
		}
		if inner.Kind() == reflect.Struct {
			keys = append(keys, structKeys(prefix+key+".", inner)...)
		}
	}
	return keys
}
