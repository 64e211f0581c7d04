package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
)

func readme(t *testing.T) string {
	t.Helper()
	return string(pageNamed(t, "README.md").text)
}

// TestTheFirstRuleOfTheReadmeArrives does what the page says, in a shell, with a receiver in place of Slack.
func TestTheFirstRuleOfTheReadmeArrives(t *testing.T) {
	t.Parallel()
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("needs bash")
	}
	arrived := make(chan string, 1)
	slack := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- string(body)
		_, _ = w.Write([]byte("ok"))
	}))
	defer slack.Close()
	_, tutorial, _ := strings.Cut(readme(t), "## Your first rule")
	blocks := parsePage("README.md", []byte(tutorial)).blocks
	steps, again := blocks[1].text, blocks[2].text
	before, _, found := strings.Cut(steps, "qase-relay serve")
	if blocks[0].language != "yaml" || !found {
		t.Fatalf("the page has other steps: %+v", blocks)
	}
	name := writeRules(t, blocks[0].text)
	settings := regexp.MustCompile(`(?m)^export SLACK_WEBHOOK_URL=.*$`)
	before = settings.ReplaceAllString(before, "export SLACK_WEBHOOK_URL="+slack.URL)
	if !strings.Contains(before, slack.URL) {
		t.Fatal("the page sets no webhook")
	}
	inShell(t, bash, filepath.Dir(name), before)
	relay, err := startProcess(processOptions{dir: filepath.Dir(name),
		args: []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"},
		env:  []string{"QASE_WEBHOOK_SECRET=choose-a-long-secret", "SLACK_WEBHOOK_URL=" + slack.URL, "NO_PROXY=*"}})
	if err != nil {
		t.Fatal(err)
	}
	defer relay.kill()
	admin, started := relay.log.await(`msg="relay started".* admin=(\S+)`)
	hook, taking := relay.log.await(`msg="taking events".* url=(\S+)`)
	if !started || !taking {
		t.Fatalf("the relay did not start:\n%s", relay.log.text())
	}
	inShell(t, bash, filepath.Dir(name), "export NO_PROXY='*' QASE_RELAY_TO="+hook[1]+" QASE_RELAY_URL="+admin[1]+"\n"+again)
	select {
	case body := <-arrived:
		if !strings.Contains(body, "3 of 14 test cases failed") {
			t.Errorf("this arrived: %s", body)
		}
	case <-time.After(patience):
		t.Error("no message arrived")
	}
}

// inShell runs commands one after another, each of which has to succeed.
func inShell(t *testing.T, bash, dir, commands string) {
	t.Helper()
	cmd := exec.Command(bash, "-euc", commands)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// TestTheConditionsOfTheReadmeAreValid makes a rule of each condition in the table of what to find.
func TestTheConditionsOfTheReadmeAreValid(t *testing.T) {
	_, table, found := strings.Cut(string(pageNamed(t, "rules/README.md").text), "| to find | write |")
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
