package rulefile_test

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"qaserelay/notifiers/builtin"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile"
	"qaserelay/rules/yamldoc"
)

// TestMessageKeysAreNoOptions: an expectation of a test may name a key of the message or an option of a notifier, so
// one name for both would let a test pass for the wrong reason.
func TestMessageKeysAreNoOptions(t *testing.T) {
	both := map[string][]string{"http": {"body", "url"}} // an expectation may mean either
	for _, k := range builtin.Kinds() {
		options := yamldoc.FieldsOf(reflect.TypeOf(k.Options))
		for _, key := range append(message.Expected(), "rule", "notifier", "fallback") {
			if _, collides := options[key]; collides && !slices.Contains(both[k.Type], key) {
				t.Errorf("%s has an option %s, which is a key of every message too: choose another name", k.Type, key)
			}
		}
	}
}

func TestTheReadmeListsTheKeys(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, list := range map[string]struct {
		pattern string // captures the list
		want    []string
	}{
		"variables of templates": {"(?m)^\\| (.*) \\| in templates only:", message.Variables()},
		"keys of an expectation": {"An entry may name (.*), and the options",
			append([]string{"rule", "notifier"}, message.Expected()...)},
	} {
		found := regexp.MustCompile(list.pattern).FindSubmatch(readme)
		if found == nil {
			t.Errorf("the README has no list of the %s", name)
			continue
		}
		var got []string
		for _, key := range regexp.MustCompile("`([a-z_]+)`").FindAllStringSubmatch(string(found[1]), -1) {
			got = append(got, key[1])
		}
		slices.Sort(got)
		if want := slices.Sorted(slices.Values(list.want)); !slices.Equal(got, want) {
			t.Errorf("the README lists as %s %v, want %v", name, got, want)
		}
	}
}

func TestTheExampleHasEveryKeyOfARule(t *testing.T) {
	data, err := os.ReadFile("../../rules.example.yaml")
	if err != nil {
		t.Fatal(err)
	}
	_, rules, _ := strings.Cut(string(data), "\nrules:\n")
	rules, _, _ = strings.Cut(rules, "\ntests:\n")
	for _, key := range yamldoc.FieldsOf(reflect.TypeFor[rulefile.RuleSpec]()).Keys() {
		if !regexp.MustCompile(`(?m)^( {2}- | {4})` + key + `:`).MatchString(rules) {
			t.Errorf("no rule of rules.example.yaml has %s", key)
		}
	}
}

func TestTheDefaultBodyIsDescribedWithItsKeys(t *testing.T) {
	var keys []string
	for _, k := range message.Keys() {
		keys = append(keys, k.Name)
	}
	list := "delivery_id, " + strings.Join(keys, ", ")
	if about := notifierDocs(t)["http.options.body"]; !strings.Contains(about, list+" and event") {
		t.Errorf("the comment at the body of http does not list %s and event: %q", list, about)
	}
	example, err := os.ReadFile("../../examples/anything-to-http/rules.yaml")
	if err != nil || !strings.Contains(string(example), list+", and the event") {
		t.Errorf("examples/anything-to-http does not list %s, and the event: %v", list, err)
	}
}
