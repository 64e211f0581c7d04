package main

import (
	"encoding/json"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"qaserelay/cmd/qase-relay/terminal"
)

func TestValuesOfSetFlagsHaveTheirTypes(t *testing.T) {
	for text, want := range map[string]any{
		"3": json.Number("3"), "-1.5": json.Number("-1.5"), "1e3": json.Number("1e3"), "true": true, "null": nil,
		"staging": "staging", "": "", "007": "007", "1.2.3": "1.2.3", `"3"`: "3", `"`: `"`, `["a"]`: []any{"a"},
		`{"id":1}`: map[string]any{"id": json.Number("1")},
	} {
		got, err := parseValue(text)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("parseValue(%q) = %#v, %v, want %#v", text, got, err, want)
		}
	}
	if _, err := parseValue(`{"id":`); err == nil {
		t.Error("broken JSON is taken as text")
	}
}

func TestPathsReachIntoObjectsAndLists(t *testing.T) {
	event := map[string]any{"payload": map[string]any{"steps": []any{map[string]any{"action": "old"}}, "title": "x"}}
	for path, ok := range map[string]bool{
		"payload.steps.0.action": true, "payload.plan.title": true, "payload.steps.1.action": false,
		"payload.steps.x": false, "payload.title.x": false,
	} {
		if err := setPath(event, strings.Split(path, "."), "new"); (err == nil) != ok {
			t.Errorf("%s: %v", path, err)
		}
	}
	want := `{"payload":{"plan":{"title":"new"},"steps":[{"action":"new"}],"title":"x"}}`
	if got := terminal.JSON(event); got != want {
		t.Errorf("got %s", got)
	}
}

func TestCopiesOfAnEventDiffer(t *testing.T) {
	now := time.Unix(1767225600, 0)
	for name, d := range map[string]*draft{
		"an id counts up":              {event: map[string]any{"payload": map[string]any{"id": json.Number("7")}}},
		"a hash gets a number":         {event: map[string]any{"payload": map[string]any{"hash": "abc"}}},
		"without an id it gets one":    {event: map[string]any{"payload": map[string]any{}}},
		"a file is changed as well":    {raw: []byte(`{"payload":{"id":1}}`), fixTime: true},
		"an id that is text is passed": {event: map[string]any{"payload": map[string]any{"id": "seven"}}},
	} {
		seen := map[string]bool{}
		for n := range 3 {
			body, err := d.copy(n, now)
			if err != nil || seen[string(body)] {
				t.Errorf("%s: copy %d is %s, %v", name, n, body, err)
			}
			seen[string(body)] = true
		}
	}
}

// TestEachFlagWithASecretCanBeReadFromAFile reads the help of all commands: tokens, secrets and URLs of stores.
func TestEachFlagWithASecretCanBeReadFromAFile(t *testing.T) {
	holdsSecret := regexp.MustCompile(`(?i)password|secret|\btoken\b|\bstore\b.*\burl\b|\burl\b.*\bstore\b`)
	n := 0
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		cmd.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if strings.HasSuffix(f.Name, "-file") || !holdsSecret.MatchString(f.Usage) {
				return
			}
			if n++; cmd.LocalFlags().Lookup(f.Name+"-file") == nil {
				t.Errorf("%s: --%s has no --%[2]s-file", cmd.CommandPath(), f.Name)
			}
		})
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}}))
	if n < 10 {
		t.Errorf("found %d flags with secrets", n)
	}
}

// TestHelpFitsEightyColumns reads the help of all commands. Only command lines may be longer.
func TestHelpFitsEightyColumns(t *testing.T) {
	var visit func(cmd *cobra.Command)
	visit = func(cmd *cobra.Command) {
		help := strings.Replace(cmd.Long+"\n"+cmd.UsageString(), cmd.Example, "", 1)
		for line := range strings.SplitSeq(help, "\n") {
			if utf8.RuneCountInString(line) > 80 && !strings.HasPrefix(line, "  qase-relay ") {
				t.Errorf("%s --help: %q has more than 80 columns", cmd.CommandPath(), line)
			}
		}
		for _, sub := range cmd.Commands() {
			visit(sub)
		}
	}
	visit(newRoot(&terminal.Console{Out: &terminal.Screen{}, Err: &terminal.Screen{}}))
}

func TestNoStoreShowsItsPassword(t *testing.T) {
	for storeURL, want := range map[string]string{
		"sqlite:data/relay.db":               "sqlite:data/relay.db",
		"sqlite:///var/relay.db":             "sqlite:///var/relay.db",
		"postgres://u:secret@h:5432/d":       "postgres://u:xxxxx@h:5432/d",
		"postgres://h/d?password=secret":     "postgres://h/d",
		"postgres://u:12?secret@h/d":         "postgres://…",
		"postgres://u:12/secret@h/d":         "postgres://…",
		"postgres://u:x#secret@h/d":          "postgres://…",
		"postgres:/u:secret@h":               "postgres:…",
		"host=h password=secret":             "…",
		"postgres:host=h password=secret":    "postgres:…",
		"u:secret@h/d":                       "…",
		"sqlite:relay.db?key=secret":         "sqlite:…",
		"postgres://u:%secret@h:5432/dbname": "postgres://…",
	} {
		if got := redactStoreURL(storeURL); got != want || strings.Contains(got, "secret") {
			t.Errorf("%s is shown as %s, want %s", storeURL, got, want)
		}
	}
}
