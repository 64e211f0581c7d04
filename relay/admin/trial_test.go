package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/config"
	"qaserelay/relay/trial"
	"qaserelay/rules/value"
)

const trialRules = `sources: [{name: qase, secrets: [s3cr3t-webhook]}]
notifiers: [{name: qa, type: slack, token: xoxb-1, channel: "#qa"}]
rules:
  - name: failed-run
    when: event_name == "run.completed" and payload.failed > 0
    notify: [qa]
`

// openTrial is open with rules to try, and work on drafts by the given function; nil does it here.
func openTrial(t *testing.T, work func(context.Context, trial.Input) (trial.Output, error)) *testAPI {
	t.Helper()
	name := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(name, []byte(trialRules), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{name}, config.LoadOptions{})
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	current := func() *config.Config { return cfg }
	backtests := trial.NewBacktests(trial.BacktestOptions{Config: current, Work: func(ctx context.Context, _ trial.Input, _ trial.History,
		_ func(int)) (trial.Past, error) {
		<-ctx.Done()
		return trial.Past{}, ctx.Err()
	}})
	t.Cleanup(backtests.Close)
	return start(t, Options{Trial: trial.New(trial.Options{Config: current, Work: work}), Backtests: backtests, Access: access.New(access.Options{Tokens: []access.Token{
		{Name: "ana", Role: access.Operate, Secret: "aaaa"}, {Name: "ben", Role: access.Read, Secret: "bbbb"}}})})
}

// ask posts JSON with a token, and returns the status, the answer and its headers.
func (d *testAPI) ask(t *testing.T, path, token, body string) (int, map[string]any, http.Header) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, d.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if err := json.NewDecoder(bytes.NewReader(text)).Decode(&answer); err != nil {
		t.Fatalf("%s: %s", path, text)
	}
	return resp.StatusCode, answer, resp.Header
}

func TestExplainAndCheck(t *testing.T) {
	d := openTrial(t, nil)
	draft := value.JSONText("- name: failed-run\n  when: payload.failed > 1\n  notify: [qu]")
	for _, tt := range []struct {
		path, token, body string
		status            int
		want              string
	}{
		{"explain", "bbbb", `{"event": "run.completed"}`, 200, `outcome:nothing would be sent`},
		{"explain", "bbbb", `{"event": {"name": "run.completed", "set": {"payload.failed": 2}}}`, 200, `outcome:1 message would be sent`},
		{"explain", "aaaa", `{"event": "run.completed", "rule": ` + draft + `}`, 200, `no notifier "qu"`},
		{"explain", "bbbb", `{"event": "run.completed", "rule": ` + draft + `}`, 403, "needs the role operate"},
		{"explain", "aaaa", `{"event": "run.complete`, 400, "not valid JSON"},
		{"explain", "aaaa", `{"events": []}`, 400, "unknown field"},
		{"explain", "aaaa", `{"event": {"nme": "x"}}`, 400, "unknown field"},
		{"explain", "aaaa", `{"event": "nonsense"}`, 400, "is not an id"},
		{"explain", "aaaa", `{"event": "` + strings.Repeat("x", maxTrialBody) + `"}`, 413, "too large"},
		{"check", "bbbb", `{}`, 200, "ok:true"},
		{"check", "bbbb", `{"rule": ` + draft + `}`, 403, "needs the role operate"},
		{"check", "aaaa", `{"rule": ` + draft + `}`, 200, "ok:false"},
		{"check", "aaaa", `{"file": "rules: ["}`, 200, "not valid YAML"},
		{"check", "aaaa", `{"rule": "x", "file": "y"}`, 400, "not both"},
	} {
		status, answer, _ := d.ask(t, "/api/v1/"+tt.path, tt.token, tt.body)
		if text := fmt.Sprint(answer); status != tt.status || !strings.Contains(text, tt.want) || strings.Contains(text, "s3cr3t") {
			t.Errorf("%s %.80s: got %d %s, want %d %s", tt.path, tt.body, status, text, tt.status, tt.want)
		}
	}
}

func TestADraftThatReachesALimitIsAnsweredSo(t *testing.T) {
	for want, err := range map[int]error{422: trial.ErrTime, 429: &trial.BusyError{Mine: true}, 503: io.ErrUnexpectedEOF} {
		d := openTrial(t, func(context.Context, trial.Input) (trial.Output, error) { return trial.Output{}, err })
		status, answer, header := d.ask(t, "/api/v1/check", "aaaa", `{"rule": "- name: x"}`)
		if status != want || answer["error"] == "" || (status == 429) != (header.Get("Retry-After") == "1") {
			t.Errorf("%v: got %d %v", err, status, answer)
		}
	}
}

func TestTheCatalogIsDescribed(t *testing.T) {
	d := openTrial(t, nil)
	_, _, all := d.call(t, "GET", "/api/v1/catalog", "Authorization", "Bearer bbbb")
	if events, _ := all["events"].([]any); len(events) < 30 {
		t.Errorf("got %d events", len(events))
	}
	if status, _, one := d.call(t, "GET", "/api/v1/catalog/run.completed", "Authorization", "Bearer bbbb"); status != 200 ||
		one["name"] != "run.completed" || one["example"] == nil {
		t.Errorf("got %d %v", status, one)
	}
	if status, text, _ := d.call(t, "GET", "/api/v1/catalog/run.complete", "Authorization", "Bearer bbbb"); status != 404 ||
		!strings.Contains(text, "run.completed") {
		t.Errorf("got %d %s", status, text)
	}
}

func TestBacktestsAreStartedShownAndStopped(t *testing.T) {
	d := openTrial(t, nil)
	const draft = `{"rule": "- name: x"}`
	for body, want := range map[string]int{`{}`: 400, `{"rule": "- name: x", "since": "soon"}`: 400, `{"rule": "x", "file": "y"}`: 400} {
		if status, answer, _ := d.ask(t, "/api/v1/backtests", "aaaa", body); status != want {
			t.Errorf("%s: got %d %v", body, status, answer)
		}
	}
	if status, answer, _ := d.ask(t, "/api/v1/backtests", "bbbb", draft); status != 403 {
		t.Errorf("a reader: got %d %v", status, answer)
	}
	status, started, _ := d.ask(t, "/api/v1/backtests", "aaaa", draft)
	if status != 200 || started["state"] != "running" || started["who"] != "ana" {
		t.Fatalf("got %d %v", status, started)
	}
	if status, answer, _ := d.ask(t, "/api/v1/backtests", "aaaa", draft); status != 409 {
		t.Errorf("a second one: got %d %v", status, answer)
	}
	path := "/api/v1/backtests/" + started["id"].(string)
	if status, _, _ := d.call(t, "DELETE", path, "Authorization", "Bearer aaaa"); status != 200 {
		t.Errorf("stopping it: %d", status)
	}
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, _, shown := d.call(t, "GET", path, "Authorization", "Bearer bbbb"); shown["state"] == "stopped" {
			break
		} else if time.Now().After(deadline) {
			t.Fatalf("it does not stop: %v", shown)
		}
	}
	if status, _, _ := d.call(t, "GET", path+"x", "Authorization", "Bearer bbbb"); status != 404 {
		t.Errorf("another id: %d", status)
	}
}
