package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"qaserelay/cmd/qase-relay/terminal"
	"qaserelay/rules/catalog"
)

// rudeText colors, retitles and clears a terminal, changes the direction of text, and begins a line of its own.
const rudeText = "x\x1b[31mred\x1b]0;owned\x07\x1b]8;;https://evil.example/\x1b\\\u009b2J\b\x7f\r\nFORGED: a line\u2028\u202etxet\u2066\u200f\x1bc"

const rudeRules = `
sources: [{name: qase, secrets: [s]}]
people: [{name: Ana, email: ana@example.com, member_id: 40}]
notifiers:
  - {name: ops, type: http, url: "BASE/hook", body: '{"all": {{ json .payload }}}', retry: {initial: 1h, max: 1h}}
  - {name: chat, type: discord, webhook_url: "BASE/api/webhooks/1/abc", retry: {initial: 1h, max: 1h}}
  - {name: phones, type: ntfy, server: "BASE/ntfy", topic: qa, retry: {initial: 1h, max: 1h}}
rules:
  - name: all
    when: 'event_name != "" and (payload.title == nil or payload.title contains "x") and len(payload) > 0'
    title: "{{ .payload.title }}"
    body: "{{ .payload.description }} **{{ .payload.title }}** {{ .actor }}"
    notify: [ops, chat, phones]
  - name: usual
    when: 'not (event_name contains "zz")'
    notify: [chat]
  - name: fails
    when: 'payload.title + 1 > 2'
    notify: [ops]
`

// rudeEvents are the examples of the catalog with the rude text in place of each text and in keys, and unknown events.
func rudeEvents(t *testing.T) (bodies []string) {
	t.Helper()
	var rude func(v any) any
	rude = func(v any) any {
		switch v := v.(type) {
		case string:
			return rudeText
		case []any:
			for i := range v {
				v[i] = rude(v[i])
			}
		case map[string]any:
			for key, inner := range v {
				v[key] = rude(inner)
			}
			v["k"+rudeText] = rudeText
		}
		return v
	}
	encode := func(ev map[string]any) {
		body, err := json.Marshal(ev)
		if err != nil {
			t.Fatal(err)
		}
		bodies = append(bodies, string(body))
	}
	for _, e := range catalog.All() {
		if e.Entity == "relay" || e.Entity == "summary" { // which is not accepted from outside
			continue
		}
		var ev map[string]any
		if err := json.Unmarshal(e.Example, &ev); err != nil {
			t.Fatal(err)
		}
		ev["payload"] = rude(ev["payload"])
		if len(bodies)%2 == 1 {
			ev["project_code"] = rudeText
		}
		encode(ev)
	}
	encode(map[string]any{"event_name": rudeText, "project_code": rudeText, "team_member_id": 40,
		"payload": map[string]any{"id": rudeText, "title": rudeText, rudeText: map[string]any{rudeText: rudeText}}})
	return bodies
}

// own are the sequences with which the program itself colors text and links it.
var own = regexp.MustCompile("\x1b\\[[0-9;]*[mK]|\x1b\\]8;;[^\x1b\x07]*(\x1b\\\\|\x07)")

// metricLine is a line of metrics in the text format of Prometheus.
var metricLine = regexp.MustCompile(`^(#.*|\w+(\{(\w+="([^"\\]|\\.)*",?)*\})? (NaN|[+-]?(Inf|[\d.e+-]+)))$`)

// polite fails the test if a text controls a terminal or forges a line.
func polite(t *testing.T, where, text string, colored bool) {
	t.Helper()
	if strings.Contains(text, "\x1b]8;;https://evil.example") {
		t.Errorf("%s links to the event's address", where)
	}
	if colored {
		text = own.ReplaceAllString(text, "")
	}
	for at, r := range text {
		if unicode.IsControl(r) && r != '\n' && r != '\t' && (r != '\r' || !colored) || unicode.Is(unicode.Cf, r) && r != '\u200d' &&
			r != '\u2060' && r != '\u200b' || r == '\u2028' {
			t.Errorf("%s prints %q in …%q…", where, r, text[max(0, at-80):min(len(text), at+40)])
			return
		}
	}
	for line := range strings.SplitSeq(text, "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "FORGED") && !strings.HasPrefix(line, "  ") {
			t.Errorf("%s prints a line of the event: %q", where, line)
			return
		}
	}
}

// TestNoEventControlsTheTerminal posts rude events to a relay whose receivers are as rude, and looks at its log and at
// what all commands print, plain and in color.
func TestNoEventControlsTheTerminal(t *testing.T) {
	t.Parallel()
	echo := newEchoServer(t)
	w := &plantedWorld{T: t, echo: echo, dir: t.TempDir()}
	w.write("rules.yaml", strings.ReplaceAll(rudeRules, "BASE", echo.URL))
	events := rudeEvents(t)
	p, err := startProcess(processOptions{dir: w.dir, args: []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen",
		"127.0.0.1:0", "--log-level", "debug"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.kill)
	r := w.relay(p)
	code, answer := 0, []byte{}
	for _, body := range events {
		header := map[string]string{"X-Qase-Secret": "s", "User-Agent": "x"}
		if code, answer = r.call(http.MethodPost, r.hook, header, body); code != http.StatusAccepted {
			t.Fatalf("%q got %d %s", body, code, answer)
		}
	}
	var last struct {
		ID string `json:"event_id"`
	}
	if err := json.Unmarshal(answer, &last); err != nil {
		t.Fatal(err)
	}
	for n := range len(events) {
		w.write(fmt.Sprintf("event%d.json", n), events[n])
	}
	w.write("events.jsonl", strings.Join(events, "\n"))
	r.shows(events, last.ID)
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.wait()
	polite(t, "the log", p.log.text(), false)
}

// shows runs all commands that print events.
func (r *plantedRelay) shows(events []string, id string) {
	rules := r.path("rules.yaml")
	at := []string{"--url", r.admin}
	_, list := r.ask(http.MethodGet, "/api/v1/deliveries?limit=500")
	lines := [][]string{append([]string{"events", "list", "--limit", "0"}, at...), append([]string{"events", "show", id}, at...),
		append([]string{"deliveries", "list", "--limit", "0"}, at...), append([]string{"explain", "--id", id, "--rules", rules}, at...),
		append([]string{"events", "replay", id, "--dry-run"}, at...),
		append([]string{"backtest", "--rules", rules, "--examples", "50"}, at...),
		{"backtest", "--rules", rules, "--events", r.path("events.jsonl")},
		{"send", "--file", r.path("event0.json"), "--to", r.echo.URL + "/webhooks/qase", "--secret", "s"},
		{"healthcheck", "--url", r.echo.URL},
		append([]string{"events", "show", "nothing" + rudeText}, at...), {"check", rules, "no" + strings.ReplaceAll(rudeText, "\n", "")},
		{"events", "list", "--url", r.echo.URL + "/" + rudeText[:1]}}
	for n := range events {
		file := r.path(fmt.Sprintf("event%d.json", n))
		lines = append(lines, []string{"explain", "--rules", rules, "--event", file, "--given", file},
			[]string{"explain", "--rules", rules, "--event", file, "--preview"})
	}
	for n, match := range regexp.MustCompile(`"id": ?"(\w+)"`).FindAllSubmatch(list, -1) {
		if n%4 == 0 {
			lines = append(lines, append([]string{"deliveries", "show", string(match[1])}, at...))
		}
	}
	_, metrics := r.ask(http.MethodGet, "/metrics")
	for line := range strings.SplitSeq(strings.TrimSpace(string(metrics)), "\n") {
		if !metricLine.MatchString(line) {
			r.Errorf("/metrics has the line %q", line)
		}
	}
	for n, line := range lines {
		for _, colored := range []bool{false, true} {
			if n > 40 && n%2 == 0 == colored {
				continue
			}
			var out strings.Builder
			s := &terminal.Screen{Writer: &out, Columns: 80, Terminal: colored, Color: colored}
			run(r.Context(), line, &terminal.Console{In: strings.NewReader(""), Out: s, Err: s})
			polite(r.T, fmt.Sprintf("%q", line), out.String(), colored)
		}
	}
}
