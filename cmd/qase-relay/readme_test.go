package main

import (
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/people"
	"qaserelay/rules/template/funcs"
)

func readme(t *testing.T) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(), "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func TestTheFirstRulesOfTheReadmeAreValid(t *testing.T) {
	t.Setenv("QASE_WEBHOOK_SECRET", "s")
	t.Setenv("SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0EXAMPLE/B0EXAMPLE/x")
	_, after, _ := strings.Cut(readme(t), "```yaml\n")
	text, _, _ := strings.Cut(after, "```")
	if got := *countsOf(loadClean(t, writeRules(t, text))); got != (counts{Rules: 1, Notifiers: 1, Sources: 1}) {
		t.Errorf("it holds %+v", got)
	}
}

// TestTheConditionsOfTheReadmeAreValid makes a rule of each condition in the table of what to find.
func TestTheConditionsOfTheReadmeAreValid(t *testing.T) {
	_, table, found := strings.Cut(readme(t), "| to find | write |")
	table, _, _ = strings.Cut(table, "\n\n")
	isText := regexp.MustCompile(`^"\w+"$`)
	n := 0
	for _, code := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(table, -1) {
		if isText.MatchString(code[1]) {
			continue
		}
		n++
		loadClean(t, writeRules(t, `
sources: [{name: qase, secrets: [s3cret-s3cret-s3cret], api_token: t0ken-of-qase}]
people: [{name: Bob Bar, email: bob@bar.io, team: qa}]
notifiers: [{name: ops, type: http, url: "https://ops.example.com/hook"}]
rules:
  - name: r
    when: |-
      `+code[1]+`
    notify: [ops]
`))
	}
	if !found || n < 12 {
		t.Errorf("the table has %d conditions", n)
	}
}

func TestTheReadmeNamesEachCommandAndItsLinksWork(t *testing.T) {
	text := readme(t)
	_, section, _ := strings.Cut(text, "## Commands")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, cmd := range newRoot(&terminal.Console{}).Commands() {
		if !strings.Contains(section, "`"+cmd.Name()) && cmd.Name() != "help" {
			t.Errorf("the table of commands lacks %s", cmd.Name())
		}
	}
	for _, link := range regexp.MustCompile(`\]\(([^)]+)\)`).FindAllStringSubmatch(text, -1) {
		if strings.HasPrefix(link[1], "https://") {
			continue
		}
		if anchor, ok := strings.CutPrefix(link[1], "#"); ok {
			heading := "# " + strings.ReplaceAll(anchor, "-", " ")
			if !strings.Contains(strings.ToLower(text), heading) {
				t.Errorf("no heading for %s", link[1])
			}
			continue
		}
		if _, err := os.Stat(filepath.Join(root(), link[1])); err != nil {
			t.Errorf("a link leads nowhere: %s", link[1])
		}
	}
}

func TestTheReadmeShowsTheDemoAsItIs(t *testing.T) {
	t.Parallel()
	_, excerpt, _ := strings.Cut(readme(t), "```\n2  run.completed")
	excerpt, _, _ = strings.Cut("2  run.completed"+excerpt, "```")
	out, err := exec.Command("qase-relay", "demo").Output()
	if err != nil {
		t.Fatal(err)
	}
	inexact := regexp.MustCompile(`(?m)\d+\.\d ms$|[ \t]+$`)
	if !strings.Contains(inexact.ReplaceAllString(string(out), ""), inexact.ReplaceAllString(excerpt, "")) {
		t.Errorf("the demo shows:\n%s", out)
	}
}

func TestTheReadmeNamesEachTemplateFunction(t *testing.T) {
	_, section, _ := strings.Cut(readme(t), "### Functions in templates")
	_, section, _ = strings.Cut(section, "|---|---|")
	section, _, _ = strings.Cut(section, "\n#")
	var listed []string
	for _, name := range regexp.MustCompile("`([A-Za-z0-9]+)[^`]*`").FindAllStringSubmatch(section, -1) {
		listed = append(listed, name[1])
	}
	slices.Sort(listed)
	if want := slices.Sorted(maps.Keys(funcs.All(time.UTC, people.New(nil)))); !slices.Equal(listed, want) {
		t.Errorf("got %v, want %v", listed, want)
	}
}

func TestEachCommandHelps(t *testing.T) {
	for _, cmd := range newRoot(&terminal.Console{}).Commands() {
		if cmd.Name() == "help" || cmd.Name() == "completion" {
			continue
		}
		if cmd.Short == "" || cmd.Example == "" || strings.HasSuffix(cmd.Short, ".") {
			t.Errorf("%s: a short line without a full stop, and an example, help people", cmd.Name())
		}
	}
}
