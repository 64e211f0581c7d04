package console_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"qaserelay/relay/admin/access"
)

const html = "text/html,application/xhtml+xml"

// signIn returns the cookie of a session.
func (g *rig) signIn(token string) string {
	g.t.Helper()
	resp := g.do("POST", "/login", url.Values{"token": {token}, "name": {"Ana"}, "next": {"status"}}, "Accept", html)
	_ = resp.Body.Close()
	if resp.StatusCode != http.StatusSeeOther || resp.Header.Get("Location") != "./status" {
		g.t.Fatalf("signing in: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	c := resp.Cookies()[0]
	if c.Path != "" || !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || !strings.HasPrefix(c.Name, "qr-") {
		g.t.Errorf("the cookie is %v", c)
	}
	return c.Name + "=" + c.Value
}

// page asks for a path as a browser does, and returns the answer with its text.
func (g *rig) page(method, path string, form url.Values, headers ...string) (*http.Response, string) {
	g.t.Helper()
	resp := g.do(method, path, form, append([]string{"Accept", html}, headers...)...)
	text, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		g.t.Fatal(err)
	}
	return resp, string(text)
}

func TestOneSignsInWithAToken(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	resp, text := g.page("GET", "/events?project=A%26B", nil)
	if resp.StatusCode != 401 || !strings.Contains(text, `content="0;url=?again=1&amp;project=A%26B"`) {
		t.Errorf("a link from elsewhere: %s %s", resp.Status, text)
	}
	for path, to := range map[string]string{"/events?project=A%26B&again=1": "./login?next=events%3Fproject%3DA%2526B",
		"/events/0pc09vsbo0000?again=1": "../login?next=events%2F0pc09vsbo0000"} {
		if resp, _ = g.page("GET", path, nil); resp.StatusCode != 303 || resp.Header.Get("Location") != to {
			t.Errorf("%s: %s to %s", path, resp.Status, resp.Header.Get("Location"))
		}
	}
	if resp, _ = g.page("GET", "/events", nil, "Sec-Fetch-Site", "same-origin"); resp.Header.Get("Location") != "./login?next=events" {
		t.Errorf("a link from here: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	if status, text := g.get("/events"); status != 401 || !strings.Contains(text, `{"error":`) {
		t.Errorf("a program: %d %s", status, text)
	}
	if resp, text = g.page("GET", "/login?next=events", nil); resp.StatusCode != 200 || resp.Header.Get("Content-Encoding") != "" ||
		!strings.Contains(text, `name="name"`) || !strings.Contains(text, `type="password"`) {
		t.Errorf("the form: %s %s", resp.Status, text)
	}
	if resp, text = g.page("POST", "/login", url.Values{"token": {"guess"}, "name": {"<b>"}}); resp.StatusCode != 401 ||
		!strings.Contains(text, "This token is wrong.") || !strings.Contains(text, "&lt;b&gt;") {
		t.Errorf("a wrong token: %s %s", resp.Status, text)
	}
	cookie := g.signIn("t0ken")
	if resp, text = g.page("GET", "/events", nil, "Cookie", cookie); resp.StatusCode != 200 || !strings.Contains(text, "Ana") {
		t.Errorf("signed in: %s", resp.Status)
	}
	if status, _ := g.get("/api/v1/events", "Cookie", cookie); status != 200 {
		t.Errorf("the API with the cookie: %d", status)
	}
	if status, _ := g.get("/metrics", "Cookie", cookie); status != 401 {
		t.Errorf("the metrics with the cookie: %d", status)
	}
	if resp, _ = g.page("POST", "/logout", nil, "Cookie", cookie); resp.StatusCode != 303 || resp.Header.Get("Location") != "./login" {
		t.Errorf("signing out: %s", resp.Status)
	}
	if resp, _ = g.page("GET", "/events", nil, "Cookie", cookie); resp.StatusCode != 401 {
		t.Errorf("the cookie after signing out: %s", resp.Status)
	}
	_, trail := g.get("/api/v1/audit", "Authorization", "Bearer t0ken")
	for _, verb := range []string{`"who":"Ana","how":"token","peer":"127.0.0.1","verb":"login","outcome":"ok"`,
		`"who":"\u003cb\u003e"`, `"verb":"login-failed","outcome":"the token is wrong"`, `"verb":"logout"`} {
		if !strings.Contains(trail, verb) && !strings.Contains(trail, strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(verb)) {
			t.Errorf("the audit trail lacks %s: %s", verb, trail)
		}
	}
}

func TestTooManyWrongTokensHaveToWait(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	for range 5 {
		g.page("POST", "/login", url.Values{"token": {"guess"}})
	}
	resp, text := g.page("POST", "/login", url.Values{"token": {"t0ken"}})
	if resp.StatusCode != 429 || resp.Header.Get("Retry-After") == "" || !strings.Contains(text, "Too many wrong tokens") {
		t.Errorf("%s, %s: %s", resp.Status, resp.Header.Get("Retry-After"), text)
	}
	if status, _ := g.get("/api/v1/events", "Authorization", "Bearer t0ken"); status != 200 {
		t.Errorf("the API: %d", status)
	}
}

func TestWithoutATokenThereIsNoSignIn(t *testing.T) {
	g := start(t, rigOptions{})
	for _, path := range []string{"/login", "/login?next=https://evil.example/", "/login?next=//evil.example", "/login?next=%5Cevil.example",
		"/login?next=../x", "/login?next=javascript:alert(1)"} {
		if resp, _ := g.page("GET", path, nil); resp.StatusCode != 303 || resp.Header.Get("Location") != "./" {
			t.Errorf("%s: %s to %s", path, resp.Status, resp.Header.Get("Location"))
		}
	}
	if resp, _ := g.page("GET", "/", nil); resp.StatusCode >= 400 {
		t.Errorf("the first page: %s", resp.Status)
	}
	if status, text := g.get("/"); status != 200 || !strings.Contains(text, "/api/v1/events") {
		t.Errorf("the list of endpoints: %d %s", status, text)
	}
	resp, text := g.page("GET", "/nothing", nil)
	if resp.StatusCode != 404 || !strings.HasPrefix(text, "<!doctype html>") {
		t.Errorf("a wrong path: %s %.60s", resp.Status, text)
	}
	if status, text := g.get("/nothing"); status != 404 || !strings.Contains(text, `{"error":`) {
		t.Errorf("a wrong path for a program: %d %s", status, text)
	}
}

// TestAReaderSeesNoButtons signs in with a token of the role read.
func TestAReaderSeesNoButtons(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Tokens: []access.Token{{Name: "ben", Role: access.Read, Secret: "bbbb"},
		{Name: "ana", Role: access.Operate, Secret: "aaaa"}}}})
	id := g.post(event("run.aborted", 8, `"title":"Smoke"`))
	reader, operator := g.signIn("bbbb"), g.signIn("aaaa")
	g.await("/api/v1/events/"+id, `"state":"dead"`, "Authorization", "Bearer bbbb")
	_, text := g.page("GET", "/events/"+id, nil, "Cookie", reader)
	if strings.Contains(text, "Send again") || !strings.Contains(text, "ben has the role read") {
		t.Errorf("a reader's page: %s", text)
	}
	if _, text := g.page("GET", "/events/"+id, nil, "Cookie", operator); !strings.Contains(text, "Send again now") ||
		strings.Contains(text, "has the role read") {
		t.Errorf("an operator's page: %s", text)
	}
	delivery := between(text, `id="d-`, `"`)
	for _, path := range []string{"/events/" + id + "/replay", "/deliveries/" + delivery + "/retry", "/deliveries/" + delivery + "/cancel"} {
		if resp, text := g.page("POST", path, nil, "Cookie", reader); resp.StatusCode != 403 || !strings.Contains(text, "ben may read") {
			t.Errorf("%s of a reader: %s", path, resp.Status)
		}
	}
	resp, _ := g.page("POST", "/events/"+id+"/replay", nil, "Cookie", operator)
	to := resp.Header.Get("Location")
	if resp.StatusCode != 303 || !strings.HasPrefix(to, "../../events/") {
		t.Errorf("an operator's replay: %s to %s", resp.Status, to)
	}
	if resp, _ := g.page("POST", "/deliveries/"+delivery+"/retry", nil, "Cookie", operator); resp.StatusCode != 303 ||
		resp.Header.Get("Location") != "../../events/"+id+"#d-"+delivery {
		t.Errorf("an operator's retry: %s to %s", resp.Status, resp.Header.Get("Location"))
	}
	if _, text = g.page("GET", "/events/"+id, nil, "Cookie", reader); !strings.Contains(text, "retry by ana") || !strings.Contains(text, "replay by ana") {
		t.Errorf("the page does not say what ana did: %s", text)
	}
	if _, text = g.page("GET", "/audit", nil, "Cookie", reader); !strings.Contains(text, "<b>ana</b>") || !strings.Contains(text, delivery) {
		t.Errorf("the audit trail: %s", text)
	}
}

func between(text, before, after string) string {
	_, rest, _ := strings.Cut(text, before)
	found, _, _ := strings.Cut(rest, after)
	return found
}

func TestFormsOfOtherSitesAreRefused(t *testing.T) {
	g := start(t, rigOptions{URLs: []string{"https://relay.example"}})
	id := g.post(event("run.started", 8, `"title":"Smoke"`))
	for _, headers := range [][]string{{"Origin", "https://evil.example"}, {"Sec-Fetch-Site", "cross-site"}, {"Origin", "null"}} {
		for _, path := range []string{"/events/" + id + "/replay", "/logout", "/view", "/login"} {
			if resp, text := g.page("POST", path, nil, headers...); resp.StatusCode != 403 || !strings.Contains(text, "--admin-url") {
				t.Errorf("%s with %v: %s", path, headers, resp.Status)
			}
		}
	}
	if resp, _ := g.page("POST", "/view", url.Values{"scheme": {"dark"}, "back": {"events?a=b"}}, "Origin", "https://relay.example"); resp.StatusCode != 303 ||
		resp.Header.Get("Location") != "./events?a=b" || !strings.Contains(resp.Header.Get("Set-Cookie"), "qr-scheme=dark") {
		t.Errorf("a form of the URL of the address: %s, %v", resp.Status, resp.Header)
	}
	if resp, _ := g.page("POST", "/view", url.Values{"zone": {"Nowhere/Land"}, "back": {"//evil.example"}}); resp.Header.Get("Location") != "./" ||
		resp.Header.Get("Set-Cookie") != "" {
		t.Errorf("a choice that there is not: %v", resp.Header)
	}
	if _, trail := g.get("/api/v1/audit"); strings.Contains(trail, `"verb":"replay"`) {
		t.Errorf("something was done: %s", trail)
	}
}

func TestTheHeadersAreThoseOfThePolicy(t *testing.T) {
	g := start(t, rigOptions{})
	g.post(event("run.started", 8, `"title":"Smoke"`))
	resp, text := g.page("GET", "/events", nil)
	for name, want := range map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
			"frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; " +
			"require-trusted-types-for 'script'; trusted-types console",
		"X-Content-Type-Options": "nosniff", "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control": "no-store", "Referrer-Policy": "same-origin", "Content-Type": "text/html; charset=utf-8",
	} {
		if got := resp.Header.Get(name); got != want {
			t.Errorf("%s: %s", name, got)
		}
	}
	if strings.Contains(text, "style=") || strings.Contains(text, " on") && strings.Contains(text, "onclick") {
		t.Errorf("the page has styles or handlers in it: %s", text)
	}
	asset := "/" + strings.TrimPrefix(between(text, `rel="stylesheet" href="`, `"`), "./")
	if resp, _ := g.page("GET", asset, nil); resp.StatusCode != 200 || resp.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Errorf("%s: %s %v", asset, resp.Status, resp.Header)
	}
	if resp, _ := g.page("GET", "/static/console.000000000000.css", nil); resp.StatusCode != 404 {
		t.Errorf("an asset that there is not: %s", resp.Status)
	}
}
