package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/relay/config"
	"qaserelay/rules"
	"qaserelay/rules/event"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/target"
)

// TestExamplesSendTheExpectedMessages loads the rules of each example, puts its events through them in their order, and
// compares the messages with expected.txt, which -update writes.
func TestExamplesSendTheExpectedMessages(t *testing.T) {
	folders, err := filepath.Glob(filepath.Join(root(), "examples", "*", "rules.yaml"))
	if err != nil || len(folders) == 0 {
		t.Fatalf("found no examples: %v", err)
	}
	for _, file := range folders {
		dir := filepath.Dir(file)
		t.Run(filepath.Base(dir), func(t *testing.T) {
			for name, value := range exampleVariables() {
				t.Setenv(name, value)
			}
			rulefiletest.Golden(t, filepath.Join(dir, "expected.txt"), playExample(t, dir))
			if _, err := os.Stat(filepath.Join(dir, "README.md")); err != nil {
				t.Errorf("an example answers a question: %v", err)
			}
		})
	}
}

// exampleVariables are the variables that examples read.
func exampleVariables() map[string]string {
	return map[string]string{
		"QASE_WEBHOOK_SECRET": "example", "SLACK_TOKEN": "xoxb-example", "SMTP_PASSWORD": "example",
		"TRACKER_SECRET": "example", "LAB_PASSWORD": "example", "QASE_API_TOKEN": "example",
		"OPS_SECRET":              "whsec_ZXhhbXBsZS1leGFtcGxlLWV4YW1wbGUtMTIz",
		"TEAMS_WEBHOOK_URL":       "https://example.logic.azure.com/workflows/x",
		"DISCORD_WEBHOOK_URL":     "https://discord.com/api/webhooks/1/example",
		"TELEGRAM_TOKEN":          "110201543:AAHexampleexampleexampleexampleexam",
		"GOOGLE_CHAT_WEBHOOK_URL": "https://chat.googleapis.com/v1/spaces/A/messages?key=k&token=t",
		"MATTERMOST_WEBHOOK_URL":  "https://chat.example.com/hooks/x",
		"PAGERDUTY_ROUTING_KEY":   "example0example0example0example0",
		"NTFY_TOPIC":              "qase",
	}
}

func playExample(t *testing.T, dir string) string {
	t.Helper()
	cfg := loadClean(t, filepath.Join(dir, "rules.yaml"))
	events, err := filepath.Glob(filepath.Join(dir, "events", "*.json"))
	if err != nil || len(events) == 0 {
		t.Fatalf("found no events: %v", err)
	}
	memory := map[string][]byte{}
	var out strings.Builder
	for _, name := range events {
		body, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintln(&out, filepath.Base(name))
		out.WriteString(decideExample(t, cfg, memory, body))
	}
	return out.String()
}

// decideExample returns the messages about one event, and stores the state of the rules in memory.
func decideExample(t *testing.T, cfg *config.Config, memory map[string][]byte, body []byte) string {
	t.Helper()
	ev, err := event.Parse(cfg.Sources[0].Name, body, time.Unix(1767225600, 0))
	if err != nil {
		t.Fatal(err)
	}
	get := func(key string) ([]byte, error) { return memory[key], nil }
	d := cfg.Rules.Decide(ev, rules.State{Now: ev.ReceivedAt, Get: get})
	for _, c := range d.Changes {
		memory[c.Key] = c.Value
	}
	for _, r := range d.Results {
		unexpected := func(note string) bool { return !target.IsOfNobody(note) }
		if r.Outcome == rules.Failed || slices.ContainsFunc(r.Notes, unexpected) {
			t.Errorf("%s: rule %s: %s %v", ev.Name, r.Rule, r.Reason, r.Notes)
		}
	}
	if len(d.Notifications) == 0 {
		return "  nothing is sent\n"
	}
	var out strings.Builder
	for _, n := range d.Notifications {
		fmt.Fprintf(&out, "  %s → %s, %s: %s\n", n.Rule, n.Notifier, n.Level, n.Title)
		if len(n.Options) > 0 {
			fmt.Fprintf(&out, "    %s\n", terminal.JSON(n.Options))
		}
		for _, f := range n.Fallbacks {
			fmt.Fprintf(&out, "    fallback: %s %s\n", f.Notifier, f.Options)
		}
	}
	return out.String()
}

// writeRules writes a rules file into a folder of its own and returns its name.
func writeRules(tb testing.TB, text string) string {
	tb.Helper()
	name := filepath.Join(tb.TempDir(), terminal.DefaultRules)
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return name
}

// loadClean loads a rules file without problems.
func loadClean(t *testing.T, name string) *config.Config {
	t.Helper()
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	for _, p := range problems {
		t.Error(p)
	}
	if cfg == nil {
		t.FailNow()
	}
	return cfg
}

func TestTheRulesThatComeWithTheProgramAreValid(t *testing.T) {
	t.Setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/x") // the starter has a placeholder
	for name, want := range map[string]counts{
		"starter.yaml": {Rules: 3, Notifiers: 1, Sources: 1},
		filepath.Join(root(), "rules.example.yaml"): {Rules: 16, Notifiers: 13, Sources: 1},
	} {
		if got := *countsOf(loadClean(t, name)); got != want {
			t.Errorf("%s has %+v, want %+v", filepath.Base(name), got, want)
		}
	}
}

// TestCommentedKeysOfTheExampleAreValid uncomments each key that needs a setup of its own.
func TestCommentedKeysOfTheExampleAreValid(t *testing.T) {
	data, err := os.ReadFile(filepath.Join(root(), "rules.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, line := range regexp.MustCompile(`(?m)^ *# [a-z_]+: .*$`).FindAllString(string(data), -1) {
		name := writeRules(t, strings.Replace(string(data), line, strings.Replace(line, "# ", "", 1), 1))
		included := filepath.Join(filepath.Dir(name), "rules.d")
		if err := os.Mkdir(included, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(included, "more.yaml"), []byte("people: []\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, problems := config.Load([]string{name}, config.LoadOptions{AllowUnset: true}); problems.Err() != nil {
			t.Errorf("%s: %v", strings.TrimSpace(line), problems)
		}
		found++
	}
	if found < 6 {
		t.Errorf("only %d lines are commented out", found)
	}
}

func TestTheExampleHasEveryKey(t *testing.T) {
	example, err := os.ReadFile(filepath.Join(root(), "rules.example.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	schema, err := os.ReadFile(filepath.Join(root(), "rules", "rulefile", "rules.schema.json"))
	if err != nil {
		t.Fatal(err)
	}
	var tree any
	if err := json.Unmarshal(schema, &tree); err != nil {
		t.Fatal(err)
	}
	for _, key := range schemaKeys(tree) {
		if !regexp.MustCompile(`\b`+key+`:`).Match(example) && !strings.HasSuffix(key, "_file") {
			t.Errorf("rules.example.yaml lacks %s", key)
		}
	}
}

func schemaKeys(at any) (keys []string) {
	switch at := at.(type) {
	case map[string]any:
		for name, inner := range at {
			if properties, isObject := inner.(map[string]any); isObject && name == "properties" {
				keys = slices.AppendSeq(keys, maps.Keys(properties))
			}
			keys = append(keys, schemaKeys(inner)...)
		}
	case []any:
		for _, inner := range at {
			keys = append(keys, schemaKeys(inner)...)
		}
	}
	return keys
}
