package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/notifiers"
	"qaserelay/notifiers/builtin"
	"qaserelay/rules/message"
	"qaserelay/rules/rulefile/rulefiletest"
	"qaserelay/rules/value"
)

// notifiersPage is the page of notifiers.
func notifiersPage() string { return filepath.Join(root(), "notifiers", "README.md") }

// TestTheReadmeDescribesEachNotifier compares the tables over all notifiers with the kinds. -update writes them.
func TestTheReadmeDescribesEachNotifier(t *testing.T) {
	const head = "|---|---|---|---|\n"
	title, rest, found := strings.Cut(string(pageNamed(t, "notifiers/README.md").text), head)
	_, rest, ended := strings.Cut(rest, "\n\n")
	if !found || !ended {
		t.Fatal("the page has no table of notifiers")
	}
	var rows strings.Builder
	for _, k := range builtin.Kinds() {
		rows.WriteString(notifierRow(k))
	}
	rest = withCell(rest, "concurrency", 3, concurrencies())
	rest = withCell(rest, "rate", 3, rates())
	rest = withCell(rest, "burst", 3, bursts())
	rulefiletest.Golden(t, notifiersPage(), title+head+rows.String()+"\n"+rest)
}

// TestTheReadmeOfNotifiersHasKeysLimitsAndAMessageOfEach writes the part about each kind, with -update.
func TestTheReadmeOfNotifiersHasKeysLimitsAndAMessageOfEach(t *testing.T) {
	for name, value := range exampleVariables() {
		t.Setenv(name, value)
	}
	for _, k := range builtin.Kinds() {
		rulefiletest.GoldenPart(t, notifiersPage(), k.Type, kindKeys(t, k)+"\n"+limits(k)+messageOf(t, k.Type))
	}
}

// kindKeys returns a table of the keys of a kind, without those of all kinds.
func kindKeys(t *testing.T, k notifiers.Kind) string {
	t.Helper()
	items := rulesSchema(t).Properties["notifiers"].Items
	options, common := yamlKeys(k.Options), items.keys()
	for _, form := range items.AllOf {
		if form.If == nil || form.If.Properties["type"].Const != k.Type {
			continue
		}
		config, all := map[string]string{}, form.Then.keys()
		of := map[string]string{}
		for key, about := range all {
			top, _, _ := strings.Cut(key, ".")
			switch {
			case slices.Contains(options, top):
				of[key] = about
			case common[top] == "" && !strings.HasPrefix(top, "proxy_url"):
				config[key] = about
			}
		}
		return "Keys of the notifier:\n\n" + keyTable(config) +
			"\nOptions, on the notifier or for one message:\n\n" + keyTable(of)
	}
	t.Errorf("the schema has no %s", k.Type)
	return ""
}

// limits returns a sentence about what the service accepts.
func limits(k notifiers.Kind) string {
	var parts []string
	for _, l := range k.Limits {
		paths := strings.Fields(l.Paths)
		for i, path := range paths {
			paths[i] = "`" + path + "`"
		}
		unit := "characters (UTF-16)"
		if l.Unit == notifiers.Bytes {
			unit = "bytes"
		}
		switch {
		case len(paths) == 0:
			parts = append(parts, fmt.Sprintf("the whole message %s %s", value.Grouped(l.Max), unit))
		case l.Total:
			parts = append(parts, fmt.Sprintf("all texts together %s %s", value.Grouped(l.Max), unit))
		default:
			parts = append(parts, fmt.Sprintf("%s %s %s", and(paths), value.Grouped(l.Max), unit))
		}
	}
	if len(parts) == 0 {
		return ""
	}
	return "Limits of the service, within which texts are truncated with `…`: " + strings.Join(parts, "; ") + ".\n\n"
}

// messageOf returns the default message about a failed run as a block, as explain --preview draws it.
func messageOf(t *testing.T, kind string) string {
	t.Helper()
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	settings := map[string]string{
		"slack": `token: "${SLACK_TOKEN}", channel: "#qa"`, "email": "host: smtp.example.com, from: Qase <qase@example.com>, to: [qa@example.com]",
		"http": `url: "https://ops.example.com/hooks/qase"`, "teams": `webhook_url: "${TEAMS_WEBHOOK_URL}"`,
		"discord": `webhook_url: "${DISCORD_WEBHOOK_URL}"`, "telegram": `token: "${TELEGRAM_TOKEN}", chat_id: "-1001234567890"`,
		"googlechat": `webhook_url: "${GOOGLE_CHAT_WEBHOOK_URL}"`, "mattermost": `webhook_url: "${MATTERMOST_WEBHOOK_URL}"`,
		"pagerduty": `routing_key: "${PAGERDUTY_ROUTING_KEY}"`, "ntfy": "topic: qase"}[kind]
	rules := write("rules.yaml", `
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret]}]
people: [{name: Ana López, email: ana@example.com, member_id: 12}]
notifiers: [{name: n, type: `+kind+", "+settings+`}]
rules: [{name: failed-run, when: event_name == "run.completed" && payload.failed > 0, notify: [n]}]
`)
	started, ended := write("started.json", startedEvent), write("ended.json", endedEvent)
	var out bytes.Buffer
	screen := &terminal.Screen{Writer: &out, Columns: 100}
	code := run(t.Context(), []string{"explain", "--rules", rules, "--given", started, "--event", ended, "--preview",
		"--at", "2026-01-05T09:00:00Z"}, &terminal.Console{Out: screen, Err: screen})
	_, drawn, found := strings.Cut(out.String(), "→ n\n")
	drawn, _, ended2 := strings.Cut(drawn, "\n\n1 message")
	if code != 0 || !found || !ended2 {
		t.Fatalf("%s: %s", kind, out.String())
	}
	return "```text test=\"TestTheReadmeOfNotifiersHasKeysLimitsAndAMessageOfEach\"\n" + regexp.MustCompile(`(?m)^ {6}| +$`).ReplaceAllString(drawn, "") + "\n```"
}

// TestTheReadmeCountsFailingTests compares the numbers of failing tests that each kind shows with the page.
func TestTheReadmeCountsFailingTests(t *testing.T) {
	var table strings.Builder
	table.WriteString("| notifier | tests that a message names by itself |\n|---|---|\n")
	for _, k := range builtin.Kinds() {
		fmt.Fprintf(&table, "| `%s` | %d |\n", k.Type, namedTests(t, k))
	}
	rulefiletest.GoldenPart(t, notifiersPage(), "failing tests", table.String())
}

// namedTests returns how many of many failing tests a message of a kind names.
func namedTests(t *testing.T, k notifiers.Kind) (n int) {
	t.Helper()
	names := make([]string, message.MaxFailures)
	m := &notifiers.Message{ID: "06bq1rk2tv8c0", EventName: "run.completed", Project: "WEB", CreatedAt: time.Unix(1767603600, 0),
		Event: json.RawMessage(endedEvent), Message: message.Message{Rule: "failed-run", Level: "error", Title: "Failed",
			Body: "200 failed.", Failures: &message.Failures{Total: len(names), New: len(names)}},
		Options: json.RawMessage(map[string]string{
			"email": `{"to":["bob@bar.io"]}`, "http": `{"url":"https://example.com"}`, "telegram": `{"chat_id":"-1"}`,
			"ntfy": `{"topic":"qa"}`, "slack": `{"channel":"#qa"}`}[k.Type])}
	for i := range names {
		names[i] = fmt.Sprintf("Test%03d", i)
		m.Failures.Items = append(m.Failures.Items, message.Failure{Title: names[i], New: true})
	}
	sent, err := builtin.Preview(k.Type, m, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range names {
		if bytes.Contains(sent, []byte(name)) {
			n++
		}
	}
	return n
}

// notifierRow returns the row of a kind in the table of notifiers.
func notifierRow(k notifiers.Kind) string {
	options := yamlKeys(k.Options)
	for i, key := range options {
		options[i] = "`" + key + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", k.Type, k.Needs, strings.Join(options, ", "), k.Notes)
}

// withCell replaces a cell in the row of a key that any notifier may have.
func withCell(text, key string, cell int, value string) string {
	row := regexp.MustCompile("(?m)^\\| `" + key + "` \\|.*$").FindString(text)
	cells := strings.Split(row, " | ")
	if len(cells) < cell {
		return text
	}
	return strings.Replace(text, row, strings.Join(cells[:cell-1], " | ")+" | "+value+" |", 1)
}

// concurrencies returns the kinds by their concurrency, the greatest first.
func concurrencies() string {
	types := map[int][]string{}
	for _, k := range builtin.Kinds() {
		types[k.Concurrency] = append(types[k.Concurrency], "`"+k.Type+"`")
	}
	var parts []string
	for n := 64; n > 2; n-- {
		if len(types[n]) > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", and(types[n]), n))
		}
	}
	return strings.Join(parts, ", ") + ", others 2"
}

func and(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

func rates() string {
	var limited, unlimited []string
	for _, k := range builtin.Kinds() {
		if k.Rate.Messages == 0 {
			unlimited = append(unlimited, "`"+k.Type+"`")
			continue
		}
		limited = append(limited, strings.TrimSpace(fmt.Sprintf("`%s` `%s` %s", k.Type, rateText(k.Rate), k.RatePer)))
	}
	return "what the service takes: " + strings.Join(limited, ", ") + "; " + and(unlimited) + " as fast as they can"
}

// rateText returns a rate per second, or per minute if that is not a whole number.
func rateText(r notifiers.Rate) string {
	if r.Per == time.Second {
		return fmt.Sprintf("%d/s", r.Messages)
	}
	return fmt.Sprintf("%d/m", time.Duration(r.Messages)*time.Minute/r.Per)
}

func bursts() string {
	var parts []string
	for _, k := range slices.SortedStableFunc(slices.Values(builtin.Kinds()),
		func(a, b notifiers.Kind) int { return cmp.Compare(a.Rate.Burst, b.Rate.Burst) }) {
		if k.Rate.Burst > 1 {
			parts = append(parts, fmt.Sprintf("`%s` %d", k.Type, k.Rate.Burst))
		}
	}
	return "1; without a `rate` of your own " + strings.Join(parts, ", ")
}

// TestTheCellsOfAKindNameItsKeys compares the cells that a kind writes by hand with the keys of its configuration.
func TestTheCellsOfAKindNameItsKeys(t *testing.T) {
	for _, k := range builtin.Kinds() {
		cells := k.Needs + " " + k.Notes
		config, options := yamlKeys(k.Config()), yamlKeys(k.Options)
		for _, key := range codeIn(k.Needs) {
			if !slices.Contains(options, key) && !slices.Contains(config, key) {
				t.Errorf("%s: there is no key %s", k.Type, key)
			}
		}
		for _, key := range config {
			common := key == "timeout" || key == "proxy_url" // README names them below the table
			if !common && !regexp.MustCompile(`\b`+key+`\b`).MatchString(cells) {
				t.Errorf("%s: neither Needs nor Notes names the key %s", k.Type, key)
			}
		}
	}
}

// codeIn returns the texts between backquotes.
func codeIn(text string) (words []string) {
	for _, m := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(text, -1) {
		words = append(words, m[1])
	}
	return words
}

// yamlKeys returns the keys of a struct or of a pointer to one.
func yamlKeys(v any) (keys []string) {
	t := reflect.TypeOf(v)
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	for _, f := range reflect.VisibleFields(t) {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); key != "" && key != "-" {
			keys = append(keys, key)
		}
	}
	return keys
}
