package console_test

import (
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
)

var assets = regexp.MustCompile(`(?:src|href)="([^"]+\.(?:js|css))"`)

// sectionPaths returns the sections that the navigation links to.
func (g *rig) sectionPaths() (all []string) {
	g.t.Helper()
	_, text := g.page("GET", "/status", nil)
	for _, link := range links.FindAllStringSubmatch(inNavigation.FindString(strings.ReplaceAll(text, "\n", " ")), -1) {
		all = append(all, "/"+strings.TrimPrefix(strings.TrimPrefix(link[1], "."), "/"))
	}
	if len(all) < 5 {
		g.t.Fatalf("the navigation has %v", all)
	}
	return all
}

// TestEveryPageIsWholeWithoutScript visits each page with scripts off: it has its heading, what it shows needs no script,
// and each button that is shown sends a form.
func TestEveryPageIsWholeWithoutScript(t *testing.T) {
	g := start(t, rigOptions{})
	all := pages(g.story())
	for _, path := range g.sectionPaths() {
		all["section "+path] = path
	}
	all["delivery"] = "/deliveries/" + g.first("/api/v1/deliveries?state=dead")
	all["backtest"] = g.backtest()
	b := newTab(t, g.Admin)
	b.noScript()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		b.do(chromedp.Navigate(b.url + all[name]))
		for what, right := range map[string]string{
			"one heading": `document.querySelectorAll("h1").length === 1 && document.querySelector("main").innerText.trim().length > 20`,
			"no button without a form": `[...document.querySelectorAll("button")].every((e) => e.form || !e.checkVisibility() ||
				e.closest("[data-script]"))`,
			"no link without an address": `[...document.querySelectorAll("a")].every((e) => e.hasAttribute("href") || !e.checkVisibility())`,
		} {
			if !eval[bool](b, right) {
				t.Errorf("%s (%s) without script: not true: %s: %v", name, all[name], what, eval[[]string](b,
					`[...document.querySelectorAll("button, a")].filter((e) => e.checkVisibility() && !e.form && !e.href).map((e) => e.outerHTML)`))
			}
		}
		for _, fault := range b.heard() {
			if !strings.Contains(fault, "404") {
				t.Errorf("%s without script: %s", name, fault)
			}
		}
	}
}

// TestNothingOfAnEventRunsOnAnyPage opens each page of events of which every text would run or load something if a page
// let it.
func TestNothingOfAnEventRunsOnAnyPage(t *testing.T) {
	g := start(t, rigOptions{})
	const text = `\"><img src=x onerror=window.ran=1></script><script>window.ran=1</script></textarea></svg>{{.}}\u202e javascript:window.ran=1`
	id := ""
	for _, name := range []string{"run.completed", "run.aborted", "defect.created", "shared_step.created", "case.updated", text} {
		id = g.post(`{"event_name":"` + name + `","timestamp":1790000000,"team_member_id":40,"project_code":"` + text + `","payload":{"id":"` + text +
			`","title":"` + text + `","failed":2,"cases":4,"environment":"` + text + `","plan":{"id":1,"title":"` + text + `"},"` + text + `":"` + text + `"}}`)
	}
	g.await("/api/v1/deliveries?state=dead", `"rule":"aborted-run"`)
	g.send("/silences/new", url.Values{"matchers": {`project=~".*img.*"`}, "for": {"2h"}, "do": {"add"},
		"comment": {strings.ReplaceAll(text, `\"`, `"`)}})
	plain := strings.NewReplacer(`\"`, `"`, `\u202e`, "\u202e").Replace(text)
	all := append(g.sectionPaths(), "/deliveries/"+g.first("/api/v1/deliveries?state=dead"))
	for _, key := range []string{"project", "event", "rule", "notifier", "outcome", "state", "since", "q"} {
		all = append(all, "/events?"+url.Values{key: {plain}}.Encode(), "/deliveries?"+url.Values{key: {plain}}.Encode())
	}
	all = append(all, "/why?"+url.Values{"q": {plain}}.Encode(), "/find?"+url.Values{"q": {plain}}.Encode(),
		"/rules/"+url.PathEscape(plain), "/silences/new?"+url.Values{"project": {plain}, "comment": {plain}}.Encode(),
		"/events/"+url.PathEscape(plain), "/entities/qase/"+url.PathEscape(plain)+"/run/"+url.PathEscape(plain), "/try?"+url.Values{"event": {id}}.Encode(),
		"/events/"+id, "/events/"+id+"/compare", "/rules/failed-run", "/rules/aborted-run", "/why?q="+id, g.backtest(), "/login?next="+url.QueryEscape("javascript:window.ran=1"))
	b := newTab(t, g.Admin)
	for _, path := range all {
		b.do(chromedp.Navigate(b.url + path))
		for _, fault := range b.heard() {
			if !strings.Contains(fault, "404") && !strings.Contains(fault, "400") {
				t.Errorf("%s: %s", path, fault)
			}
		}
		if eval[bool](b, `window.ran === 1 || [...document.querySelectorAll("img, script:not([src])")].length > 0 ||
			[...document.links].some((a) => a.protocol === "javascript:")`) {
			t.Errorf("%s runs or holds what an event says", path)
		}
		for _, report := range eval[[]string](b, "window.reports ?? []") {
			t.Errorf("%s: the content policy reports %s", path, report)
		}
	}
}

// TestStylesAndScriptsAreSmall compares each file of the pages with its budget.
func TestStylesAndScriptsAreSmall(t *testing.T) {
	g := start(t, rigOptions{})
	g.story()
	sizes := map[string]int{}
	for _, path := range g.sectionPaths() {
		_, text := g.page("GET", path, nil)
		for _, asset := range assets.FindAllStringSubmatch(text, -1) {
			_, body := g.page("GET", "/"+strings.TrimLeft(asset[1], "./"), nil)
			sizes[asset[1]] = len(body)
		}
	}
	t.Logf("%v", sizes)
	if len(sizes) < 3 {
		t.Errorf("pages load only %v", sizes)
	}
	scripts := 0
	for name, size := range sizes {
		if strings.HasSuffix(name, ".js") {
			scripts += size
		}
		if size == 0 || size > 24<<10 {
			t.Errorf("%s has %d bytes", name, size)
		}
	}
	if t.Logf("the scripts have %d bytes", scripts); scripts > 24<<10 {
		t.Errorf("the scripts have %d bytes, more than 24 KiB", scripts)
	}
}
