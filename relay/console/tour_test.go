package console_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"

	"qaserelay/relay/admin/access"
)

// TestKeysOpenWhatTheyPromise presses keys and looks where that leads.
func TestKeysOpenWhatTheyPromise(t *testing.T) {
	g := start(t, rigOptions{})
	ids := g.story()
	b := newTab(t, g.Admin)
	b.visit("/events")
	first := eval[string](b, `document.querySelector("tr[data-row]").id`)
	for _, step := range []struct{ keys, then string }{
		{"/", `document.activeElement.name === "q"`},
		{"\x1b", `document.activeElement === document.body`},
		{"j", `document.activeElement.closest("tr")?.id === "` + first + `"`},
		{"j", `document.activeElement.closest("tr")?.id === "e-` + ids["case"] + `"`},
		{"k", `document.activeElement.closest("tr")?.id === "` + first + `"`},
		{"\r", `location.pathname === "/events/` + strings.TrimPrefix(first, "e-") + `" && document.title.startsWith("case.updated")`},
		{"\x1b", `location.pathname === "/events" && document.querySelector("tr[data-row]")`},
		{"?", `document.querySelector("dialog[open] dl")`},
		{"\x1b", `!document.querySelector("dialog")`},
		{"g", `true`}, {"u", `location.pathname === "/status" && document.querySelector("h1").textContent === "Status"`},
		{"g", `true`}, {"e", `location.pathname === "/events"`},
	} {
		b.press(step.keys)
		b.await(step.then)
	}
	b.do(chromedp.NavigateBack())
	b.await(`location.pathname === "/status" && document.querySelector("h1").textContent === "Status"`)
	b.check("after all keys")
	b.do(chromedp.Navigate(b.url + "/events"))
	eval[any](b, `localStorage.setItem("keys", "off") || 1`)
	b.press("j")
	if eval[bool](b, `Boolean(document.activeElement.closest("tr"))`) {
		t.Error("a key works although keys are off")
	}
	eval[any](b, `localStorage.removeItem("keys") || 1`)
	b.check("with keys off")
}

// TestPagesChangeInPlace filters without loading the page anew.
func TestPagesChangeInPlace(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	b := newTab(t, g.Admin)
	b.visit("/events")
	eval[any](b, `window.same = true`)
	b.do(chromedp.SetValue(chromedp.CSS("select[name=state]"), "dead"), chromedp.Click(chromedp.CSS(".filters .actions button")))
	b.await(`location.search === "?state=dead" && document.querySelectorAll("tr[data-row]").length === 2`)
	if !eval[bool](b, `window.same === true`) {
		t.Error("the page was loaded anew")
	}
	b.do(chromedp.Click(chromedp.CSS("tr[data-row] td.text")))
	b.await(`location.pathname.length > 10 && document.querySelector(".steps")`)
	b.check("a row that was clicked")
	eval[any](b, `document.querySelector(".drop").open = true`)
	b.do(chromedp.Click(chromedp.CSS(".rule summary")))
	if eval[bool](b, `document.querySelector(".rule").open && window.same !== true`) {
		t.Error("details do not fold")
	}
}

// noScript turns scripts off.
func (b *tab) noScript() {
	b.t.Helper()
	b.do(call(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true}))
}

// TestEverythingWorksWithoutScript signs in, filters, opens, replays, cancels and signs out, all by links and forms.
func TestEverythingWorksWithoutScript(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken"}})
	id := g.post(event("run.aborted", 8, `"title":"Smoke"`))
	g.await("/api/v1/events/"+id, `"state":"dead"`, "Authorization", "Bearer t0ken")
	b := newTab(t, g.Admin)
	b.noScript()
	b.do(chromedp.Navigate(b.url + "/events?project=WEB"))
	b.typeIn("input[name=name]", "Ana")
	b.typeIn("input[name=token]", "t0ken")
	b.click("button.main")
	b.await(`document.querySelector("tr[data-row]")`)
	b.do(chromedp.SetValue(chromedp.CSS("select[name=state]"), "dead"))
	b.click(".filters .actions button")
	b.await(`location.search.includes("state=dead")`)
	b.click("tr[data-row] a")
	b.click(".danger") // Cancel
	b.await(`document.querySelector(".steps .icon.person")`)
	b.click(`.head .actions a[href$="/replay"]`)
	b.click(".ask button.main")
	b.await(`document.querySelector(".steps .icon.again")`)
	b.click(".scheme")
	b.await(`document.documentElement.dataset.scheme === "light"`)
	b.click(".who button")
	b.await(`document.querySelector("input[name=token]")`)
	for _, fault := range b.heard() {
		if !strings.Contains(fault, "401") {
			t.Error(fault)
		}
	}
	for _, verb := range []string{"login", "cancel", "replay", "logout"} {
		g.await("/api/v1/audit", `"verb":"`+verb+`"`, "Authorization", "Bearer t0ken")
	}
}

// TestEverythingWorksUnderAPath goes through two proxies that put the console under a path: one takes it off, the other
// leaves it to --admin-url.
func TestEverythingWorksUnderAPath(t *testing.T) {
	for name, strips := range map[string]bool{"a proxy that strips": true, "a proxy that does not": false} {
		t.Run(name, func(t *testing.T) {
			var outside []string
			var target *url.URL
			proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasPrefix(r.URL.Path, "/a/b/") && r.URL.Path != "/favicon.ico" {
					outside = append(outside, r.URL.Path)
					http.NotFound(w, r)
					return
				}
				(&httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
					p.SetURL(target)
					p.Out.Host = p.In.Host
					if strips {
						p.Out.URL.Path = strings.TrimPrefix(p.In.URL.Path, "/a/b")
						p.Out.URL.RawPath = strings.TrimPrefix(p.In.URL.RawPath, "/a/b")
					}
				}}).ServeHTTP(w, r)
			}))
			t.Cleanup(proxy.Close) // when the tab with its streams is gone
			o := rigOptions{Access: access.Options{Token: "t0ken"}, URLs: []string{proxy.URL}}
			if !strips {
				o.URLs = []string{proxy.URL + "/a/b/"}
			}
			g := start(t, o)
			target, _ = url.Parse(g.Admin)
			id := g.post(event("run.completed", 8, `"title":"Smoke","failed":1,"cases":2`))
			b := newTab(t, proxy.URL+"/a/b")
			b.do(chromedp.Navigate(b.url + "/events/" + id))
			b.typeIn("input[name=token]", "t0ken")
			b.click("button.main")
			b.await(`document.querySelector(".steps")`)
			b.heard()
			if at := eval[string](b, "location.pathname"); at != "/a/b/events/"+id {
				t.Errorf("after the sign-in at %s", at)
			}
			b.crawl()
			b.visit("/events/" + id + "/replay")
			b.click(".ask button.main")
			b.await(`document.querySelector(".steps .icon.again") && location.pathname.startsWith("/a/b/events/")`)
			b.check("the replay")
			if len(outside) > 0 {
				t.Errorf("asked for outside of the path: %v", outside)
			}
		})
	}
}

// crawl follows each link of each page, up to some, and fails on one that leads nowhere.
func (b *tab) crawl() {
	b.t.Helper()
	seen, todo := map[string]bool{}, []string{b.url + "/"}
	for len(todo) > 0 && len(seen) < 80 {
		at := todo[0]
		todo = todo[1:]
		if seen[at] {
			continue
		}
		seen[at] = true
		b.do(chromedp.Navigate(at))
		b.check(at)
		for _, place := range eval[[]string](b, `[...document.querySelectorAll("form, [data-live], link[href], [src]")]
			.map((e) => e.action || e.dataset.live || e.href || e.src)`) {
			if !strings.HasPrefix(place, b.url+"/") && (strings.HasPrefix(place, "/") || strings.Contains(place, "://")) {
				b.t.Errorf("%s has a form, stream or file at %s", at, place)
			}
		}
		for _, link := range eval[[]string](b, `[...document.querySelectorAll("a[href], iframe[src]")].map((e) => (e.href || e.src).split("#")[0])`) {
			if strings.HasPrefix(link, b.url+"/") && !strings.Contains(link, ".csv") && !strings.Contains(link, ".jsonl") &&
				!strings.Contains(link, "/as/") {
				todo = append(todo, link)
			} else if strings.HasPrefix(link, "http://127.0.0.1") && !strings.HasPrefix(link, b.url) {
				b.t.Errorf("%s links to %s", at, link)
			}
		}
	}
	if len(seen) < 10 {
		b.t.Errorf("only %d pages", len(seen))
	}
}

// TestNothingOfAnEventRuns posts an event of which every text would run, load or turn something if a page let it.
func TestNothingOfAnEventRuns(t *testing.T) {
	g := start(t, rigOptions{})
	b := newTab(t, g.Admin)
	for i, text := range []string{`<img src=x onerror=\"window.ran=1\">`, `\"><script>window.ran=1</script>`, `javascript:window.ran=1`,
		`</pre></details><iframe srcdoc='<script>parent.ran=1</script>'>`, `\u202egnp.exe\u0000\u2066`, `{{.Root}}`, `'; window.ran=1; '`,
		`=cmd|' /C calc'!A0`} {
		body := fmt.Sprintf(`{"event_name":"run.completed","timestamp":1790000000,"team_member_id":40,"project_code":"%s","payload":{"id":%d,"title":"%s",`+
			`"description":"%s","failed":2,"cases":4,"environment":"%s","%s":["%s"]}}`, text, 100+i, text, text, text, text, text)
		id := g.post(body)
		g.await("/api/v1/events/"+id, `"state":"delivered"`)
		for _, path := range []string{"/events", "/events/" + id, "/events/" + id + "/replay", "/audit", "/events/" + id + "/as/json"} {
			b.visit(path)
			if eval[bool](b, `window.ran === 1`) {
				t.Fatalf("%s ran %s", path, text)
			}
		}
	}
	status, csv := g.get("/events.csv?event=run.completed")
	if status != 200 || !strings.Contains(csv, `'=cmd|' /C calc'!A0`) || strings.Contains(csv, `,=cmd`) {
		t.Errorf("the file for spreadsheets: %d %s", status, csv)
	}
}

// TestNoPageShowsASecret looks for the secrets of the rules file and of the sign-in in all that the console answers.
func TestNoPageShowsASecret(t *testing.T) {
	g := start(t, rigOptions{Access: access.Options{Token: "t0ken-s3cret"}})
	ids := map[string]string{"completed": g.post(event("run.completed", 7, `"title":"Nightly","cases":14,"failed":3`)),
		"defect": g.post(event("defect.created", 9, `"title":"Login fails"`)), "broken": g.post(event("case.updated", 10, `"title":"Pay"`)),
		"started": g.post(event("run.started", 8, `"title":"Nightly"`)), "case": g.post(event("case.created", 11, `"title":"Pay"`))}
	cookie := g.signIn("t0ken-s3cret")
	for _, id := range ids {
		g.await("/api/v1/events/"+id, `"state":"decided"`, "Cookie", cookie)
	}
	all := pages(ids)
	for _, form := range []string{"json", "curl", "explain", "test"} {
		all[form] = "/events/" + ids["defect"] + "/as/" + form
	}
	for name, path := range map[string]string{"csv": "/events.csv", "jsonl": "/events.jsonl", "trail": "/audit.csv", "trail2": "/audit.jsonl"} {
		all[name] = path
	}
	for name, path := range all {
		resp, text := g.page("GET", path, nil, "Cookie", cookie)
		if strings.Contains(text, "s3cret") || strings.Contains(fmt.Sprint(resp.Header), "s3cret") {
			t.Errorf("%s shows a secret: %s", name, text)
		}
		if resp.StatusCode != 200 && !strings.Contains(name, "missing") {
			t.Errorf("%s: %s", name, resp.Status)
		}
	}
}
