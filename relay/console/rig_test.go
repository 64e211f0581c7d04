package console_test

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"qaserelay/relay/admin/access"
	"qaserelay/relay/app"
	"qaserelay/relay/config"
	"qaserelay/relay/trial"
)

// rigRules is the rules file of the tests. RECEIVER is the address of a receiver that refuses what it gets at /no.
const rigRules = `
settings: {timezone: Europe/Berlin}
sources: [{name: qase, secrets: [s3cret-of-source]}]
people: [{name: Ana López, email: ana@example.com, member_id: 40, slack: U024BE7LH}]
notifiers:
  - {name: qa-slack, type: slack, token: xoxb-s3cret, api_url: "RECEIVER/slack/", channel: "#qa"}
  - {name: ops, type: http, url: "RECEIVER/ops?key=s3cret", headers: {X-Key: s3cret}}
  - {name: refused, type: http, url: "RECEIVER/no?key=s3cret"}
  - {name: mail, type: email, host: 127.0.0.1, port: 1, tls: none, from: Qase <qase@example.com>, to: [qa@example.com]}
rules:
  - name: failed-run
    when: event_name == "run.completed" && payload.failed > 0
    level: error
    notify: [qa-slack, ops]
  - {name: aborted-run, when: event_name == "run.aborted", notify: [refused]}
  - {name: new-defect, when: event_name == "defect.created", notify: [{notifier: refused, fallback: [ops]}, mail]}
  - {name: quiet, when: event_name == "case.created" && payload.id < 0, notify: [ops]}
  - {name: steps, when: event_name == "shared_step.created", group: {wait: 1h}, notify: [ops]}
  - {name: broken, when: 'event_name == "case.updated" && payload.title.x.y == 1', notify: [ops]}
`

// rig is a running relay with its console.
type rig struct {
	t     testing.TB
	relay *app.Relay
	Admin string // the URL of the admin address

	rules       string // the name of the rules file
	storeClosed bool   // by the test, so that the relay ends with an error
	stop        func() // ends the relay, once
}

// rigOptions say how a rig differs from the usual one, which needs no sign-in.
type rigOptions struct {
	Access access.Options
	URLs   []string
	DryRun bool
	Store  string // the URL of the store; empty is a new file
	Rules  string // in place of rigRules
	Listen string // the admin address; empty is a free port
	// WorkOnHistory works on backtests; nil does so in a process of its own.
	WorkOnHistory func(ctx context.Context, in trial.Input, events trial.History, progress func(int)) (trial.Past, error)
}

// start runs a relay until the end of the test.
func start(t testing.TB, o rigOptions) *rig {
	t.Helper()
	receiver := httptest.NewServer(http.HandlerFunc(receive))
	t.Cleanup(receiver.Close)
	rules := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(rules, []byte(strings.ReplaceAll(cmp.Or(o.Rules, rigRules), "RECEIVER", receiver.URL)), 0o600); err != nil {
		t.Fatal(err)
	}
	cfg, problems := config.Load([]string{rules}, config.LoadOptions{})
	if errs := problems.Errors(); len(errs) > 0 {
		t.Fatal(errs)
	}
	if o.WorkOnHistory == nil {
		o.WorkOnHistory = trial.Self().WorkOnHistory
	}
	if o.Store == "" {
		o.Store = "sqlite:" + filepath.Join(t.TempDir(), "relay.db")
	}
	started := make(chan struct{})
	relay, err := app.Open(t.Context(), app.Options{Rules: []string{rules}, Config: cfg, Listen: "127.0.0.1:0",
		AdminListen: cmp.Or(o.Listen, "127.0.0.1:0"), Access: o.Access, AdminURLs: o.URLs, DryRun: o.DryRun, MaxBody: 1 << 20, Version: "1.2.3",
		Work: trial.Self().Work, WorkOnHistory: o.WorkOnHistory, StoreURL: o.Store, Started: func(*app.Relay) { close(started) },
		Logger: slog.New(slog.NewTextHandler(testLog{t}, &slog.HandlerOptions{Level: slog.LevelError}))})
	if err != nil {
		t.Fatal(err)
	}
	g := &rig{t: t, relay: relay, Admin: relay.AdminURL(), rules: rules}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- relay.Run(ctx) }()
	end := sync.OnceFunc(func() {
		stop()
		if err := <-ended; err != nil && !g.storeClosed {
			t.Errorf("the relay ended with %v", err)
		}
	})
	t.Cleanup(end)
	<-started
	g.stop = end
	return g
}

// receive answers as Slack and a tracker do.
func receive(w http.ResponseWriter, r *http.Request) {
	_, _ = io.Copy(io.Discard, r.Body)
	switch r.URL.Path {
	case "/no":
		http.Error(w, "no such <b>hook</b>", http.StatusNotFound)
	case "/slack/chat.postMessage":
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok":true,"channel":"C1","ts":"1.2"}`)
	default:
		w.WriteHeader(http.StatusAccepted)
		_, _ = io.WriteString(w, "thank you")
	}
}

// testLog shows the errors of the relay.
type testLog struct{ t testing.TB }

func (l testLog) Write(line []byte) (int, error) {
	l.t.Logf("%s", line)
	return len(line), nil
}

// post sends an event, and returns its id.
func (g *rig) post(body string) (id string) {
	g.t.Helper()
	req, err := http.NewRequest(http.MethodPost, g.relay.WebhookURL("qase"), strings.NewReader(body))
	if err != nil {
		g.t.Fatal(err)
	}
	req.Header.Set("X-Qase-Secret", "s3cret-of-source")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(resp.Body)
	if resp.StatusCode != http.StatusAccepted {
		g.t.Fatalf("posting %s: %s %s", body, resp.Status, text)
	}
	_, id, _ = strings.Cut(string(text), `"event_id":"`)
	id, _, _ = strings.Cut(id, `"`)
	return id
}

// story posts events of each outcome, waits until their messages are sent or refused, and returns their ids by name.
func (g *rig) story() map[string]string {
	g.t.Helper()
	ids := map[string]string{
		"started":   g.post(event("run.started", 7, `"title":"Nightly regression","cases":14`)),
		"completed": g.post(event("run.completed", 7, `"title":"Nightly regression","cases":14,"passed":11,"failed":3`)),
		"aborted":   g.post(event("run.aborted", 8, `"title":"Smoke"`)),
		"defect":    g.post(event("defect.created", 9, `"title":"Login fails","severity":"major"`)),
		"case":      g.post(event("case.created", 10, `"title":"Pay by card"`)),
		"broken":    g.post(event("case.updated", 10, `"title":"Pay by card"`)),
	}
	g.settle(ids)
	return ids
}

func event(name string, id int, fields string) string {
	return fmt.Sprintf(`{"event_name":%q,"timestamp":%d,"team_member_id":40,"project_code":"WEB","payload":{"id":%d,%s}}`,
		name, time.Now().Unix(), id, fields)
}

// settle waits until the messages of events are sent or refused; those to mail are tried again for long.
func (g *rig) settle(ids map[string]string) {
	g.t.Helper()
	deadline := time.Now().Add(30 * time.Second)
	for name, id := range ids {
		for {
			_, text := g.get("/api/v1/events/" + id)
			if !strings.Contains(strings.ReplaceAll(text, `"notifier":"mail","title"`, ""), `"state":"sending"`) &&
				(strings.Count(text, `"state":"pending"`) == strings.Count(text, `"notifier":"mail"`)) {
				break
			}
			if time.Now().After(deadline) {
				g.t.Fatalf("%s does not settle: %s", name, text)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
}

// get asks for a path of the admin address, as a program does.
func (g *rig) get(path string, headers ...string) (int, string) {
	g.t.Helper()
	resp := g.do(http.MethodGet, path, nil, headers...)
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		g.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// do sends a request, a form if it has values, and follows nothing.
func (g *rig) do(method, path string, form url.Values, headers ...string) *http.Response {
	g.t.Helper()
	req, err := http.NewRequest(method, g.Admin+path, strings.NewReader(form.Encode()))
	if err != nil {
		g.t.Fatal(err)
	}
	if method == http.MethodPost {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Do(req)
	if err != nil {
		g.t.Fatal(err)
	}
	return resp
}

// await waits until the answer to a path has a text.
func (g *rig) await(path, text string, headers ...string) {
	g.t.Helper()
	for end := time.Now().Add(30 * time.Second); ; time.Sleep(5 * time.Millisecond) {
		_, got := g.get(path, headers...)
		if strings.Contains(got, text) {
			return
		}
		if time.Now().After(end) {
			g.t.Fatalf("%s never has %s: %s", path, text, got)
		}
	}
}
