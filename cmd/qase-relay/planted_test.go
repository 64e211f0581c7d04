package main

import (
	"bufio"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"io/fs"
	"log"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"qaserelay/cmd/qase-relay/terminal"
)

// plantedVariable makes these tests try all combinations, which takes minutes, rather than some of each kind.
const plantedVariable = "QASE_RELAY_TEST_PLANTED"

// planted is in every secret of these tests. Only capitals and digits differ from it, if at all.
const planted = "pl4ntedsecret"

// plantedVariables are the variables of the planted rules.
func plantedVariables() map[string]string {
	return map[string]string{"PLANTED_SOURCE_TWO": "pl4ntedsecretsourcetwo", "PLANTED_PATH": "pl4ntedsecretenvurl",
		"PLANTED_HEADER": "pl4ntedsecretenvheader"}
}

// plantedRules has a secret of its own in each place that may hold one. BASE is the address of a server that shows what
// it gets in all its answers, PLAIN that address with https, CLOSED one that nothing listens on, and DIR a folder.
const plantedRules = `
settings:
  retention: {events: 1d}
sources:
  - name: qase
    secrets:
      - pl4ntedsecretsourceone
      - "${PLANTED_SOURCE_TWO}"
    api_token: pl4ntedsecretapi
    api_url: BASE/api
  - name: from-files
    secrets_file: DIR/source-secret
    api_token_file: DIR/api-token
notifiers:
  - name: slack
    type: slack
    token: xoxb-1-2-pl4ntedsecretslack
    api_url: BASE/slack
    channel: "#qa"
  - name: slack-webhook
    type: slack
    webhook_url: BASE/services/T0/B0/pl4ntedsecretslackhook
  - name: email
    type: email
    host: 127.0.0.1
    port: SMTP
    tls: none
    username: relay
    password: 'pl4ntedsecretsmtp&"<é> %20'
    from: qa@example.com
    to: [qa@example.com]
  - name: email-oauth2
    type: email
    host: 127.0.0.1
    port: SMTP
    tls: none
    username: relay
    oauth2: {client_id: relay, client_secret: pl4ntedsecretmailclient, token_url: "BASE/token/good"}
    from: qa@example.com
    to: [qa@example.com]
  - name: http
    type: http
    url: "http://relay:pl4ntedsecretuserinfo@HOST/pl4ntedsecretpath?key=pl4ntedsecretquery"
    headers:
      X-Key: pl4ntedsecretheader
    signing_secret:
      - whsec_cGw0bnRlZHNlY3JldHNpZ25pbmdvbmU=
      - cGw0bnRlZHNlY3JldHNpZ25pbmd0d28=
  - name: http-options
    type: http
    url: BASE/hook
  - name: http-bearer
    type: http
    url: BASE/hook
    bearer: pl4ntedsecretbearer
  - name: http-basic
    type: http
    url: BASE/hook
    basic_auth: {username: relay, password: 'pl4ntedsecretbasic&"<é> %20'}
  - name: http-files
    type: http
    url_file: DIR/url
    bearer_file: DIR/bearer
    signing_secret_file: DIR/signing
  - name: http-env
    type: http
    url: "BASE/${PLANTED_PATH}"
    headers: {Authorization: "Key ${PLANTED_HEADER}"}
  - name: http-oauth2
    type: http
    url: BASE/hook
    oauth2: {client_id: relay, client_secret: pl4ntedsecretclient, token_url: "BASE/token/good"}
  - name: http-oauth2-refused
    type: http
    url: BASE/hook
    oauth2:
      client_id: relay
      client_secret: 'pl4ntedsecretclient&"<é> %20'
      token_url: BASE/token/bad?key=pl4ntedsecrettokenquery
      endpoint_params: {auth_token: pl4ntedsecretassertion}
  - name: http-proxy
    type: http
    url: https://nowhere.invalid/pl4ntedsecretbehindproxy
    proxy_url: http://relay:pl4ntedsecretproxy@HOST
  - name: http-proxy-away
    type: http
    url: https://nowhere.invalid/pl4ntedsecretbehindaway
    proxy_url: http://relay:pl4ntedsecretproxyaway@CLOSED
  - name: http-no-tls
    type: http
    url: https://HOST/pl4ntedsecretnotls
  - name: http-no-trust
    type: http
    url: TRUSTLESS/pl4ntedsecretnotrust
  - name: http-nowhere
    type: http
    url: http://pl4ntedsecretuser:pl4ntedsecretpassword@nowhere.invalid/pl4ntedsecretnowhere
  - name: http-closed
    type: http
    url: http://CLOSED/pl4ntedsecretclosed
  - name: teams
    type: teams
    webhook_url: BASE/workflows/pl4ntedsecretteams?sig=pl4ntedsecretsig
  - name: discord
    type: discord
    webhook_url: BASE/api/webhooks/1/pl4ntedsecretdiscord
  - name: telegram
    type: telegram
    token: "110201543:pl4ntedsecrettelegram00000000000000"
    api_url: BASE/telegram
    chat_id: "-1001234567890"
  - name: googlechat
    type: googlechat
    webhook_url: BASE/v1/spaces/A/messages?key=pl4ntedsecretkey&token=pl4ntedsecretgoogle
  - name: mattermost
    type: mattermost
    webhook_url: BASE/hooks/pl4ntedsecretmattermost
  - name: pagerduty
    type: pagerduty
    routing_key: pl4ntedsecretpagerduty0000000000
    api_url: BASE/pager
  - name: ntfy
    type: ntfy
    server: BASE/ntfy
    token: tk_pl4ntedsecretntfy
    topic: qa
  - name: ntfy-login
    type: ntfy
    server: BASE/ntfy
    username: relay
    password: pl4ntedsecretntfypassword
    topic: qa
`

// plantedRule notifies all of them, and one with secrets in its options.
const plantedRule = `
rules:
  - name: all
    when: 'event_type == "run"'
    notify:
      - notifier: http-options
        url: BASE/option/pl4ntedsecretoption?id={{ .payload.id }}
        headers:
          X-Option: pl4ntedsecretoptionheader
      - NAMES
`

// echoServer shows in each answer what it was sent, in the way that is set.
type echoServer struct {
	*httptest.Server
	way  atomic.Pointer[string]
	mu   sync.Mutex
	seen map[string]bool // the secrets that arrived
}

// echoWays are the ways to answer. Each fails, or says something that the relay does not need.
func echoWays() map[string]func(w http.ResponseWriter, echo string) {
	status := func(code int, kind string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, echo string) {
			w.Header().Set("Content-Type", kind)
			w.Header().Set("WWW-Authenticate", fmt.Sprintf("Basic realm=%q", echo))
			w.WriteHeader(code)
			switch kind {
			case "application/json":
				_ = json.NewEncoder(w).Encode(map[string]any{"ok": false, "error": echo, "message": echo, "detail": echo,
					"description": echo, "error_description": echo, "errors": []string{echo}, "code": 40001,
					"response_metadata": map[string]any{"messages": []string{echo}}})
			case "text/html":
				_, _ = fmt.Fprintf(w, "<html><head><title>%[1]s</title></head><body><h1>%[1]s</h1></body></html>", echo)
			default:
				_, _ = io.WriteString(w, echo)
			}
		}
	}
	raw := func(format string) func(http.ResponseWriter, string) {
		return func(w http.ResponseWriter, echo string) {
			conn, _, err := w.(http.Hijacker).Hijack()
			if err != nil {
				panic(err)
			}
			line := strings.Join(strings.Fields(echo), " ")
			_, _ = fmt.Fprintf(conn, strings.ReplaceAll(format, "ECHO", "%[1]s"), line)
			_ = conn.Close()
		}
	}
	return map[string]func(http.ResponseWriter, string){
		"200": status(200, "text/plain"), "200 json": status(200, "application/json"),
		"400": status(400, "text/plain"), "400 json": status(400, "application/json"), "401": status(401, "application/json"),
		"403 html": status(403, "text/html"), "404": status(404, "text/plain"), "413": status(413, "text/plain"),
		"429": status(429, "application/json"), "500": status(500, "application/json"), "503 html": status(503, "text/html"),
		"garbage": raw("ECHO\r\n\r\n"), "reason": raw("HTTP/1.1 400 ECHO\r\nContent-Length: 0\r\n\r\n"),
		"header":      raw("HTTP/1.1 400 Bad\r\nECHO\r\n\r\n"),
		"length":      raw("HTTP/1.1 200 OK\r\nContent-Length: ECHO\r\n\r\n"),
		"redirect":    raw("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1/ECHO\r\nContent-Length: 0\r\n\r\n"),
		"nowhere":     raw("HTTP/1.1 307 Found\r\nLocation: http://[ECHO\r\nContent-Length: 0\r\n\r\n"),
		"half":        raw("HTTP/1.1 400 Bad\r\nContent-Length: 100000\r\n\r\nECHO"),
		"chunk":       raw("HTTP/1.1 400 Bad\r\nTransfer-Encoding: chunked\r\n\r\nECHO\r\n"),
		"retry later": raw("HTTP/1.1 429 Slow\r\nRetry-After: ECHO\r\nContent-Length: 0\r\n\r\n"),
		"hang up":     raw(""),
	}
}

func newEchoServer(t *testing.T) *echoServer {
	t.Helper()
	e := &echoServer{seen: map[string]bool{}}
	e.set("400")
	ways := echoWays()
	e.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.URL.Path == "/token/good" {
			w.Header().Set("Content-Type", "application/json")
			_, _ = io.WriteString(w, `{"access_token":"pl4ntedsecretaccess","token_type":"bearer","expires_in":3600}`)
			return
		}
		echo := fmt.Sprintf("%s %s %v", r.Method, r.URL, r.Header)
		if user, password, ok := r.BasicAuth(); ok {
			echo += " " + user + ":" + password
		}
		if _, proxy, ok := strings.Cut(r.Header.Get("Proxy-Authorization"), " "); ok {
			plain, _ := base64.StdEncoding.DecodeString(proxy)
			echo += " " + string(plain)
		}
		e.note(echo + string(body))
		ways[*e.way.Load()](w, echo+" "+string(body))
	}))
	t.Cleanup(e.Close)
	return e
}

func (e *echoServer) set(way string) { e.way.Store(&way) }

var plantedWord = regexp.MustCompile(planted + `[a-z]*`)

func (e *echoServer) note(text string) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, word := range plantedWord.FindAllString(text, -1) {
		e.seen[word] = true
	}
}

// has reports whether a secret arrived.
func (e *echoServer) has(word string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.seen[word]
}

// newEchoMail starts a mail server that shows in its answers what it was sent. It takes no login.
func newEchoMail(t *testing.T, e *echoServer) string {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := ln.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { echoSession(conn, e) })
		}
	})
	t.Cleanup(func() { _ = ln.Close(); sessions.Wait() })
	_, port, err := net.SplitHostPort(ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return port
}

func echoSession(conn net.Conn, e *echoServer) {
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(patience))
	_, _ = io.WriteString(conn, "220 ready\r\n")
	for in := bufio.NewScanner(conn); in.Scan(); {
		line := in.Text()
		echo := line
		for _, word := range strings.Fields(line) {
			if plain, err := base64.StdEncoding.DecodeString(word); err == nil {
				echo += " " + strings.NewReplacer("\x00", " ", "\x01", " ", "\r", " ", "\n", " ").Replace(string(plain))
			}
		}
		e.note(echo)
		answer := "535 5.7.8 not you: " + echo
		switch verb, _, _ := strings.Cut(line, " "); verb {
		case "EHLO":
			answer = "250-localhost\r\n250 AUTH PLAIN LOGIN XOAUTH2"
		case "QUIT":
			answer = "221 bye"
		}
		_, _ = io.WriteString(conn, answer+"\r\n")
	}
}

// plantedWorld is a folder with the planted rules, and the servers that they lead to.
type plantedWorld struct {
	*testing.T
	echo  *echoServer
	dir   string
	names []string // of the notifiers
	leaks atomic.Int32
}

func newPlantedWorld(t *testing.T) *plantedWorld {
	t.Helper()
	t.Parallel()
	w := &plantedWorld{T: t, echo: newEchoServer(t), dir: t.TempDir()}
	trustless := httptest.NewUnstartedServer(w.echo.Config.Handler)
	trustless.Config.ErrorLog = log.New(io.Discard, "", 0) // handshakes fail on purpose
	trustless.StartTLS()
	t.Cleanup(trustless.Close)
	for name, text := range map[string]string{"source-secret": "pl4ntedsecretsourcefile\n", "api-token": "pl4ntedsecretapifile\n",
		"url": w.echo.URL + "/pl4ntedsecreturlfile\n", "bearer": "pl4ntedsecretbearerfile\n",
		"signing": "whsec_" + base64.StdEncoding.EncodeToString([]byte("pl4ntedsecretsigningfile")) + "\n",
		"token":   "pl4ntedsecrettokenfile\nand a second line\n",
		"event.json": `{"event_name":"run.completed","timestamp":1767603600,"project_code":"WEB","team_member_id":40,` +
			`"payload":{"id":7,"title":"Nightly","cases":4,"passed":3,"failed":1}}`} {
		w.write(name, text)
	}
	host := strings.TrimPrefix(w.echo.URL, "http://")
	closed := freeAddress(t)
	text := strings.NewReplacer("BASE", w.echo.URL, "HOST", host, "CLOSED", closed, "TRUSTLESS", trustless.URL,
		"DIR", w.dir, "SMTP", newEchoMail(t, w.echo)).Replace(plantedRules + plantedRule)
	// one attempt each, so that no circuit breaker opens
	text = regexp.MustCompile(`(?m)^    type: \w+$`).ReplaceAllString(text, "$0\n    retry: {initial: 1h, max: 1h}")
	for _, match := range regexp.MustCompile(`(?m)^  - name: ([\w-]+)\n    type: `).FindAllStringSubmatch(text, -1) {
		w.names = append(w.names, match[1])
	}
	plain := slices.DeleteFunc(slices.Clone(w.names), func(name string) bool { return name == "http-options" })
	w.write("rules.yaml", strings.ReplaceAll(text, "- NAMES", "- "+strings.Join(plain, "\n      - ")))
	return w
}

func (w *plantedWorld) write(name, text string) {
	w.Helper()
	if err := os.WriteFile(filepath.Join(w.dir, name), []byte(text), 0o600); err != nil {
		w.Fatal(err)
	}
}

func (w *plantedWorld) path(name string) string { return filepath.Join(w.dir, name) }

// plantedForms finds a secret in plain text, as hexadecimal digits, and in base64 at each of the three alignments.
var plantedForms = func() *regexp.Regexp {
	forms := []string{"(?i:pl4nt|" + hex.EncodeToString([]byte(planted)) + ")"}
	for shift := range 3 {
		code := base64.RawStdEncoding.EncodeToString([]byte("xx"[:shift] + planted))
		forms = append(forms, regexp.QuoteMeta(code[4*min(shift, 1):len(code)-4]))
	}
	return regexp.MustCompile(strings.Join(forms, "|"))
}()

// clean fails the test if a text shows a secret.
func (w *plantedWorld) clean(where, text string) {
	w.Helper()
	at := plantedForms.FindStringIndex(text)
	if at == nil {
		return
	}
	if w.leaks.Add(1) < 40 {
		w.Errorf("%s shows …%s…", where, text[max(0, at[0]-200):min(len(text), at[1]+80)])
	}
}

// command runs a command line of the program, and looks at all that it prints.
func (w *plantedWorld) command(in string, args ...string) (code int, printed string) {
	w.Helper()
	var out strings.Builder
	s := &terminal.Screen{Writer: &out, Columns: 80}
	code = run(w.Context(), args, &terminal.Console{In: strings.NewReader(in), Out: s, Err: s})
	shown := plantedWord.ReplaceAllString(strings.Join(args, " "), "SECRET")
	w.clean(shown, out.String())
	return code, out.String()
}

// TestNoTestMessageShowsASecret sends a test message through each notifier, whose service answers in each way.
func TestNoTestMessageShowsASecret(t *testing.T) {
	w := newPlantedWorld(t)
	all := os.Getenv(plantedVariable) != ""
	for i, way := range slices.Sorted(maps.Keys(echoWays())) {
		w.echo.set(way)
		for n, name := range w.names {
			if !all && (i+n)%4 > 0 {
				continue
			}
			args := []string{"notify", name, "--rules", w.path("rules.yaml"), "--timeout", "20s"}
			if len(way)%2 == 0 {
				args = append(args, "--json")
			}
			if code, out := w.command("", args...); code == terminal.ExitUsage {
				t.Fatalf("%v could not run:\n%s", args, out)
			}
		}
	}
	for _, way := range []string{"401", "garbage", "reason", "header", "200 json"} {
		w.echo.set(way)
		w.command("", "check", "--online", w.path("rules.yaml"))
		w.command("", "check", "--online", "--format", "json", w.path("rules.yaml"))
	}
	for _, one := range []string{"slack", "slackhook", "userinfo", "query", "header", "bearer", "basic", "urlfile", "bearerfile",
		"envurl", "envheader", "access", "client", "tokenquery", "assertion", "proxy", "teams", "discord", "telegram", "google",
		"mattermost", "pagerduty", "ntfy", "ntfypassword", "smtp"} {
		if !w.echo.has(planted+one) && one != "userinfo" && one != "ntfypassword" {
			t.Errorf("the secret %s did not arrive, so that no answer could show it", one)
		}
	}
}

// TestNoProblemOfARulesFileShowsASecret breaks the rules file at each line in several ways.
func TestNoProblemOfARulesFileShowsASecret(t *testing.T) {
	w := newPlantedWorld(t)
	data, err := os.ReadFile(w.path("rules.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	lines, all := strings.SplitAfter(string(data), "\n"), os.Getenv(plantedVariable) != ""
	found := 0
	for n, line := range lines {
		if !plantedForms.MatchString(line) {
			continue
		}
		for i, broken := range brokenLines(line) {
			if !all && (i+n)%6 > 0 {
				continue
			}
			text := strings.Join(slices.Concat(lines[:n], []string{broken}, lines[n+1:]), "")
			args := []string{"check", "-"}
			if format := []string{"", "json", "github"}[(n+i)%3]; format != "" {
				args = append(args, "--format", format)
			}
			if code, _ := w.command(text, args...); code != terminal.ExitOK {
				found++
			}
		}
	}
	if found < 50 {
		t.Errorf("only %d changes were problems", found)
	}
}

// brokenLines returns a line of YAML as people get it wrong.
func brokenLines(line string) []string {
	indent := line[:len(line)-len(strings.TrimLeft(line, " -"))]
	key, value, _ := strings.Cut(strings.TrimSpace(line[len(indent):]), ":")
	value = strings.TrimSpace(value)
	start := indent + key + ": "
	return []string{
		indent + "x" + key + ": " + value + "\n", line + line, " " + line, start + "[" + value + "\n", start + "{" + value + "}\n",
		start + "\"" + value + "\n", start + strings.TrimRight(value, "'\"}]") + "\n", start + strings.TrimLeft(value, "'\"{[") + "\n",
		start + value + ": " + value + "\n", start + "!x " + value + "\n", start + "*" + value + "\n", start + "& " + value + "\n",
		start + "${X:-" + value + "\n", start + "[" + value + ", [" + value + "]]\n", start + "{a: " + value + "}\n",
		start + "\"" + strings.Trim(value, `"'`) + "\\u200b\\n\"\n",
	}
}

// TestNoCommandShowsASecret gives secrets to the other commands: as arguments, in files and by variables.
func TestNoCommandShowsASecret(t *testing.T) {
	w := newPlantedWorld(t)
	rules, event, away := w.path("rules.yaml"), w.path("event.json"), freeAddress(t)
	postgres := "postgres://relay:pl4ntedsecretstore@" + away + "/db"
	db := "sqlite:" + w.path("relay.db")
	for _, line := range [][]string{
		{"test", rules}, {"schema"}, {"check", rules, rules}, {"explain", "--rules", rules, "--event", event},
		{"explain", "--rules", rules, "--event", event, "--json"}, {"explain", "--rules", rules, "--event", event, "--preview"},
		{"explain", "--rules", rules, "--event", event, "--html", w.path("pages")},
		{"explain", "--rules", rules, "--event", event, "--given", "run.started", "--rule", "all"},
		{"backtest", "--rules", rules, "--events", w.path("none.jsonl")},
		{"backtest", "--rules", rules, "--store", postgres}, {"backtest", "--rules", rules, "--store", db},
		{"backup", w.path("copy.db"), "--store", postgres}, {"backup", w.path("copy.db"), "--store", "sqlite:" + w.path("no.db")},
		{"copy", "--from", postgres, "--to", db}, {"copy", "--from", db, "--to", postgres},
		{"copy", "--from", "host=h password=pl4ntedsecret", "--to", "mysql://u:pl4ntedsecret@h/d"},
		{"events", "list", "--url", "http://relay:pl4ntedsecret@" + away, "--token", "pl4ntedsecrettoken"},
		{"events", "list", "--url", "relay:pl4ntedsecret@" + away, "--token", "pl4ntedsecrettoken"},
		{"events", "list", "--url", w.echo.URL, "--token", "pl4ntedsecrettoken"},
		{"events", "show", "--url", w.echo.URL, "--token", "pl4ntedsecrettoken", "06bq1rk2tv8c0"},
		{"events", "list", "--url", w.echo.URL, "--token", "pl4nted secret\ntoken"},
		{"events", "list", "--token-file", w.path("token")}, {"events", "list", "--token-file", w.path("pl4nted")[:1]},
		{"events", "export", "--store", postgres}, {"deliveries", "list", "--url", w.echo.URL, "--token", "pl4ntedsecret"},
		{"deliveries", "retry", "--dead", "--url", w.echo.URL, "--token", "pl4ntedsecret"},
		{"send", "run.completed", "--to", w.echo.URL + "/webhooks/qase", "--secret", "pl4ntedsecret"},
		{"send", "run.completed", "--to", w.echo.URL + "/webhooks/qase", "--secret", "pl4ntedsecret", "--json"},
		{"send", "run.completed", "--to", w.echo.URL + "/webhooks/qase", "--secret", "pl4nted\nsecret"},
		{"send", "run.completed", "--to", "http://u:pl4ntedsecret@" + away + "/webhooks/qase"},
		{"send", "run.completed", "--to", "http://u:pl4ntedsecret@" + away}, {"send", "run.completed", "--to", "u:pl4ntedsecret@h"},
		{"send", "run.completed", "--count", "3", "--to", "http://u:pl4ntedsecret@" + away + "/webhooks/qase"},
		{"send", "run.completed", "--secret-file", w.path("token")},
		{"healthcheck", "--url", "http://u:pl4ntedsecret@" + away}, {"healthcheck", "--url", "u:pl4ntedsecret@h:x"},
		{"serve", "--rules", rules, "--store", postgres, "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0"},
		{"serve", "--rules", rules, "--store", "postgres://relay:pl4ntedsecret@" + away + ":99999/db"},
		{"serve", "--rules", rules, "--store", "host=h password=pl4ntedsecret"},
		{"serve", "--rules", rules, "--store", "sqlite:x.db?key=pl4ntedsecret"},
		{"serve", "--rules", rules, "--admin-token", "pl4nted\nsecret"},
		{"serve", "--rules", rules, "--admin-token-file", w.path("token")},
		{"serve", "--rules", rules, "--admin-token", "pl4ntedsecret", "--admin-listen", away + "0"},
		{"serve", "--rules", rules, "--admin-url", "https://u:pl4ntedsecret@h"},
	} {
		for _, way := range []string{"401", "400", "garbage", "reason", "nowhere", "200 json"} {
			if slices.Contains(line, w.echo.URL) || slices.Contains(line, w.echo.URL+"/webhooks/qase") || way == "401" {
				w.echo.set(way)
				w.command("", line...)
			}
		}
	}
	w.cleanFiles(w.path("pages"))
}

// cleanFiles looks at all files of a folder.
func (w *plantedWorld) cleanFiles(folder string) {
	w.Helper()
	n := 0
	err := filepath.WalkDir(folder, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		n++
		data, err := os.ReadFile(name)
		w.clean(filepath.Base(name), string(data))
		return err
	})
	if err != nil || n == 0 {
		w.Errorf("%d files in %s: %v", n, folder, err)
	}
}

// TestNoRunningRelayShowsASecret runs a relay whose receivers show what they get, and looks at its log, its answers and
// its database.
func TestNoRunningRelayShowsASecret(t *testing.T) {
	w := newPlantedWorld(t)
	for _, format := range []string{"text", "json"} {
		store := "relay-" + format + ".db"
		p, err := startProcess(processOptions{dir: w.dir, env: []string{"QASE_RELAY_ADMIN_TOKEN=pl4ntedsecretadmin"},
			args: []string{"serve", "--listen", "127.0.0.1:0", "--admin-listen", "127.0.0.1:0", "--log-level", "debug",
				"--log-format", format, "--store", "sqlite:" + store}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.kill)
		r := w.relay(p)
		ways := map[string][]string{"text": {"401", "403 html", "reason", "nowhere"},
			"json": {"200 json", "400", "garbage", "half"}}[format]
		for n, way := range ways {
			w.echo.set(way)
			r.post(n)
		}
		for _, path := range []string{"?secret=pl4ntedsecretinquery", "/none?secret=pl4ntedsecretinquery"} {
			r.call(http.MethodPost, r.hook+path, map[string]string{"Authorization": "Bearer pl4ntedsecretbearerhere",
				"Cookie": "s=pl4ntedsecretcookie", "X-Qase-Secret": "pl4ntedsecret\u00e9"}, "{}")
		}
		r.reloadBroken()
		r.look()
		if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		if code := p.wait(); code != 0 {
			t.Errorf("the relay ended with %d", code)
		}
		w.clean("the log ("+format+")", p.log.text())
		if !w.echo.has("pl4ntedsecretapi") {
			t.Error("the relay did not ask Qase with its token")
		}
		w.cleanStore(store)
	}
}

// plantedRelay is a relay of a planted world.
type plantedRelay struct {
	*plantedWorld
	hook, admin string
}

// relay returns the relay of a process once it takes events.
func (w *plantedWorld) relay(p *process) *plantedRelay {
	w.Helper()
	r := &plantedRelay{plantedWorld: w}
	for _, one := range []struct {
		pattern string
		to      *string
	}{{"relay started.*admin", &r.admin}, {"taking events.*url", &r.hook}} {
		match, ok := p.log.await(one.pattern + `[=":]+(http://[^\s"]+)`)
		if !ok {
			w.Fatalf("the relay did not start:\n%s", p.log.text())
		}
		*one.to = match[1]
	}
	return r
}

// call makes a request to the relay, and looks at the answer.
func (r *plantedRelay) call(method, url string, header map[string]string, body string) (code int, answer []byte) {
	r.Helper()
	req, err := http.NewRequestWithContext(r.Context(), method, url, strings.NewReader(body))
	if err != nil {
		r.Fatal(err)
	}
	for name, value := range header {
		req.Header.Set(name, value)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		r.Fatal(err)
	}
	defer resp.Body.Close()
	if answer, err = io.ReadAll(resp.Body); err != nil {
		r.Fatal(err)
	}
	r.clean(method+" "+url, string(answer)+fmt.Sprint(resp.Header))
	return resp.StatusCode, answer
}

// ask asks the admin address.
func (r *plantedRelay) ask(method, path string) (code int, answer []byte) {
	r.Helper()
	return r.call(method, r.admin+path, map[string]string{"Authorization": "Bearer pl4ntedsecretadmin"}, "")
}

// post posts an event with each secret and with a wrong one, and waits until each delivery was tried.
func (r *plantedRelay) post(n int) {
	r.Helper()
	body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":1767603600,"project_code":"WEB","team_member_id":40,`+
		`"payload":{"id":%d,"title":"Nightly","cases":4,"passed":3,"failed":1}}`, n+1)
	for secret, want := range map[string]int{"pl4ntedsecretsourcetwo": 202, "pl4ntedsecretwrong": 401} {
		code, answer := r.call(http.MethodPost, r.hook, map[string]string{"X-Qase-Secret": secret}, body)
		if code != want {
			r.Fatalf("got %d %s, want %d", code, answer, want)
		}
	}
	for start := time.Now(); ; time.Sleep(50 * time.Millisecond) {
		_, answer := r.ask(http.MethodGet, "/api/v1/deliveries?limit=500")
		var page struct {
			Deliveries []struct {
				Notifier, State string
				Attempts        int
			}
		}
		if err := json.Unmarshal(answer, &page); err != nil {
			r.Fatal(err)
		}
		tried, waiting := 0, []string{}
		for _, d := range page.Deliveries {
			if d.Attempts > 0 {
				tried++
			} else {
				waiting = append(waiting, d.Notifier+" "+d.State)
			}
		}
		if tried >= (n+1)*len(r.names) {
			return
		}
		if time.Since(start) > patience {
			r.Fatalf("%d deliveries were tried; not yet: %v", tried, waiting)
		}
	}
}

// reloadBroken reloads rules files with faults in lines that hold secrets.
func (r *plantedRelay) reloadBroken() {
	r.Helper()
	good, err := os.ReadFile(r.path("rules.yaml"))
	if err != nil {
		r.Fatal(err)
	}
	lines := strings.SplitAfter(string(good), "\n")
	refused := 0
	for n, line := range lines {
		if broken := brokenLines(line); plantedForms.MatchString(line) && n%3 == 0 {
			text := strings.Join(slices.Concat(lines[:n], []string{broken[n/3%len(broken)]}, lines[n+1:]), "")
			r.write("rules.yaml", text)
			if code, _ := r.ask(http.MethodPost, "/-/reload"); code == http.StatusUnprocessableEntity {
				refused++
			}
		}
	}
	r.write("rules.yaml", string(good))
	if code, answer := r.ask(http.MethodPost, "/-/reload"); code != http.StatusOK || refused < 5 {
		r.Errorf("%d broken files were refused; the good one gets %d %s", refused, code, answer)
	}
}

// look asks for everything that the admin address has, also by the commands.
func (r *plantedRelay) look() {
	r.Helper()
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/events", "/api/v1/rules",
		"/api/v1/notifiers", "/api/v1/drift", "/api/v1/openapi.json", "/api/v1/events/export?decided=true", "/pl4ntedsecret"} {
		if path == "/pl4ntedsecret" { // a wrong token, which is not shown either
			path = "/api/v1/status"
			r.call(http.MethodGet, r.admin+path, map[string]string{"Authorization": "Bearer pl4ntedsecretguess"}, "")
		}
		r.ask(http.MethodGet, path)
	}
	at := []string{"--url", r.admin, "--token", "pl4ntedsecretadmin"}
	for _, kind := range []string{"events", "deliveries"} {
		_, answer := r.ask(http.MethodGet, "/api/v1/"+kind+"?limit=500")
		ids := regexp.MustCompile(`"id": ?"(\w+)"`).FindAllSubmatch(answer, -1)
		if len(ids) == 0 {
			r.Fatalf("there are no %s: %s", kind, answer)
		}
		for n, id := range ids {
			r.ask(http.MethodGet, "/api/v1/"+kind+"/"+string(id[1]))
			if n%5 == 0 {
				r.command("", append([]string{kind, "show", string(id[1])}, at...)...)
			}
		}
		r.command("", append([]string{kind, "list"}, at...)...)
		r.command("", append([]string{kind, "list", "--json"}, at...)...)
	}
	r.command("", append([]string{"events", "export", "--decided"}, at...)...)
	r.command("", append([]string{"backtest", "--rules", r.path("rules.yaml")}, at...)...)
	r.command("", append([]string{"deliveries", "retry", "--dead", "--rerender"}, at...)...)
}

// storedOption is a value of an option, which messages keep. It may break off at the end of a page of the file.
var storedOption = regexp.MustCompile(`pl4ntedsecret(optionheader|optionheade|optionhead|optionhea|optionhe|optionh|option|` +
	`optio|opti|opt|op|o)?\b`)

// cleanStore looks for secrets of the settings in the files of a database. The options of a rule are stored with its
// messages.
func (w *plantedWorld) cleanStore(name string) {
	w.Helper()
	files, err := filepath.Glob(w.path(name + "*"))
	if err != nil || len(files) == 0 {
		w.Fatal("there is no database: ", err)
	}
	stored := 0
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			w.Fatal(err)
		}
		stored += strings.Count(string(data), "pl4ntedsecretoption")
		w.clean(filepath.Base(file), storedOption.ReplaceAllString(string(data), ""))
	}
	if stored == 0 {
		w.Error("the messages are not in the database")
	}
}
